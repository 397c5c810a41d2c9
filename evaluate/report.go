package evaluate

import (
	"math"
	"slices"
)

// Report is what a run found.
type Report struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Seed    uint64 `json:"seed"`
	Scenes  int    `json:"scenes"` // of each case
	Cases   []Case `json:"cases"`
	Pass    bool   `json:"pass"` // every figure owed is reached
}

// Case is the figures of one kind of scene. Shares are of the scenes that gave a fix, but for Unanswered and Sound,
// which are of all.
type Case struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Fixes       int            `json:"fixes"`
	Refused     map[string]int `json:"refused"`    // scenes that gave no fix, by the code of the refusal
	Unanswered  Share          `json:"unanswered"` // refused, but for the code that is right for the case
	Sound       Share          `json:"sound"`      // the 95 % ellipse holds, or refused with the code that is right for the case
	Inside68    Share          `json:"inside_68"`
	Inside95    Share          `json:"inside_95"`
	Far         Share          `json:"d2_above_25"`
	Named       Share          `json:"named"`    // the faulty receiver was left out
	Misnamed    Share          `json:"misnamed"` // another receiver was left out
	OverBound   Quantiles      `json:"error_over_bound"`
	SemiMajor   SemiMajor      `json:"semi_major_over_a"`
	MedianError float64        `json:"median_error_m"`
	MedianArea  float64        `json:"median_area_m2"` // of the 95 % ellipse
	Checks      []Check        `json:"checks"`
	Pass        bool           `json:"pass"`
}

// Share is a share of the fixes with its 95 % confidence interval (E. B. Wilson, 1927).
type Share struct {
	Count int     `json:"count"`
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Quantiles of the error over the Cramér-Rao bound, where that is below a tenth of a. The bound is that of an unbiased
// estimator; a model that expects emitters near their receivers is none, and may go below it.
type Quantiles struct {
	Scenes int     `json:"scenes"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
}

// SemiMajor is the 95 % ellipses' semi-major axis in units of a, the largest distance of
// a receiver from the centroid.
type SemiMajor struct {
	Least    float64 `json:"least"`
	Median   float64 `json:"median"`
	AtLeast2 float64 `json:"at_least_2"` // share of the fixes
}

func summarise(k *kind, results []result) Case {
	c := Case{Name: k.name, Title: k.title, Refused: map[string]int{}, Pass: true}
	var fixes []result
	for _, r := range results {
		if r.refusal != "" {
			c.Refused[r.refusal]++
			continue
		}
		fixes = append(fixes, r)
	}
	c.Fixes = len(fixes)
	count := func(holds func(*result) bool) Share {
		n := 0
		for i := range fixes {
			if holds(&fixes[i]) {
				n++
			}
		}
		return wilson(n, len(fixes))
	}
	each := func(value func(*result) float64) []float64 {
		var values []float64
		for i := range fixes {
			if v := value(&fixes[i]); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		return values
	}
	right := 0
	if k.accepts != "" {
		right = c.Refused[k.accepts]
	}
	c.Unanswered = wilson(len(results)-len(fixes)-right, len(results))
	c.Inside68 = count(func(r *result) bool { return r.inside68 })
	c.Inside95 = count(func(r *result) bool { return r.inside95 })
	c.Sound = wilson(c.Inside95.Count+right, len(results))
	c.Far = count(func(r *result) bool { return r.d2 > 25 })
	c.Named = count(func(r *result) bool { return r.named })
	c.Misnamed = count(func(r *result) bool { return r.misnamed })
	ratios := each(func(r *result) float64 {
		if r.bound < 0.1*r.spread {
			return r.err / r.bound
		}
		return math.NaN()
	})
	c.OverBound = Quantiles{Scenes: len(ratios), Median: quantile(ratios, 0.5), P90: quantile(ratios, 0.9)}
	axes := each(func(r *result) float64 { return r.semiMajor / r.spread })
	c.SemiMajor = SemiMajor{Least: quantile(axes, 0), Median: quantile(axes, 0.5),
		AtLeast2: count(func(r *result) bool { return r.semiMajor >= 2*r.spread }).Share}
	c.MedianError = quantile(each(func(r *result) float64 { return r.err }), 0.5)
	c.MedianArea = quantile(each(func(r *result) float64 { return r.area }), 0.5)
	c.Checks = k.owed(&c)
	for _, check := range c.Checks {
		c.Pass = c.Pass && check.Pass
	}
	return c
}

// wilson is k of n with the score interval of 95 %; of nothing it is anything.
func wilson(k, n int) Share {
	if n == 0 {
		return Share{High: 1}
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Share{Count: k, Share: p, Low: max(0, centre-half), High: min(1, centre+half)}
}

// quantile of sorted values, by linear interpolation; 0 of none.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
