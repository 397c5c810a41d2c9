package evaluate

// kind is one case: what its scenes have that others have not.
type kind struct {
	name, title  string
	few, many    int    // receivers
	offset       bool   // one receiver's clock is off by milliseconds
	interference bool   // a second emitter that two receivers alone hear, and louder
	echo         bool   // one receiver hears an echo as loud as the first path, or louder
	modulated    bool   // PSK or FM in place of noise
	outside      bool   // the emitter is 2 to 10 times as far as any receiver from their centroid
	oneMast      bool   // the receivers stand within 30 m, which no clock here resolves
	overBudget   bool   // errors of clocks and paths are twice what is stated
	freeRunning  bool   // oscillators that tune as wrong as they sample
	belowVHF     bool   // long, medium and short waves, with the budgets of their bands
	accepts      string // the code of a refusal that is as good as an ellipse that holds the truth
	owed         func(*Case) []Check
}

func kinds() []kind {
	return []kind{
		{name: "clean", title: "clean", few: 3, many: 8, owed: owedClean},
		{name: "two_receivers", title: "two receivers", few: 2, many: 2, owed: owedTwo},
		{name: "offset", title: "one receiver off by milliseconds", few: 4, many: 8, offset: true, owed: owedOffset},
		{name: "interference", title: "one displaced pair", few: 5, many: 8, interference: true, owed: owedHard},
		{name: "echo", title: "a strong echo at one receiver", few: 5, many: 8, echo: true, owed: owedHard},
		{name: "one_mast", title: "one mast", few: 2, many: 8, oneMast: true, accepts: "no_baseline", owed: owedOneMast},
		{name: "outside", title: "outside the network (nothing owed)", few: 5, many: 8, outside: true, owed: nothing},
		{name: "below_vhf", title: "long to short waves (nothing owed)", few: 3, many: 8, belowVHF: true, owed: nothing},
		{name: "modulated", title: "clean, PSK and FM (nothing owed)", few: 3, many: 8, modulated: true, owed: nothing},
		{name: "over_budget", title: "budget wrong by two (nothing owed)", few: 3, many: 8, overBudget: true, owed: nothing},
		{name: "free_running", title: "free oscillators (nothing owed)", few: 3, many: 8, freeRunning: true, owed: nothing},
	}
}

// Check compares one figure with what is owed.
type Check struct {
	Figure string  `json:"figure"`
	Got    float64 `json:"got"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Pass   bool    `json:"pass"`
}

func check(figure string, got, least, most float64) Check {
	return Check{Figure: figure, Got: got, Least: least, Most: most, Pass: got >= least && got <= most}
}

func nothing(*Case) []Check { return []Check{} } // an empty list in JSON, too

func owedClean(c *Case) []Check {
	return []Check{
		owedFix(c),
		check("95 % ellipses hold", c.Inside95.Share, 0.93, 0.98),
		check("68 % ellipses hold", c.Inside68.Share, 0.66, 0.84),
		check("d2 above 25", c.Far.Share, 0, 0.01),
		check("error over bound, median", c.OverBound.Median, 0, 0.95),
		check("error over bound, 90th percentile", c.OverBound.P90, 0, 2.3),
	}
}

func owedTwo(c *Case) []Check {
	return []Check{
		owedFix(c),
		check("95 % ellipses hold", c.Inside95.Share, 0.95, 1),
		check("semi-major at least 2a", c.SemiMajor.AtLeast2, 1, 1),
	}
}

func owedHard(c *Case) []Check {
	return []Check{
		owedFix(c),
		check("95 % ellipses hold", c.Inside95.Share, 0.93, 1),
		check("d2 above 25", c.Far.Share, 0, 0.02),
	}
}

func owedOffset(c *Case) []Check {
	return append(owedHard(c),
		check("the right receiver named", c.Named.Share, 0.9, 1),
		check("a wrong receiver named", c.Misnamed.Share, 0, 0.01),
	)
}

func owedOneMast(c *Case) []Check {
	return []Check{
		check("refused for another reason", c.Unanswered.Share, 0, 0.01),
		check("95 % ellipses hold, or no_baseline", c.Sound.Share, 0.95, 1),
	}
}

// owedFix bounds refusals: shares of the fixes say nothing of a model that refuses what is hard.
func owedFix(c *Case) Check { return check("refused", c.Unanswered.Share, 0, 0.01) }
