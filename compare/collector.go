package compare

import (
	"time"

	"foxhunt/messages"
)

// Options say which arms are compared.
type Options struct {
	A, B       string // messages.ArmChampion and so on; B is held against A
	Experiment string // only fixes of this experiment, but for a shadow's and those it is compared with; "": of any
	DigestA    string // of the arms' models; "": the version with the most fixes
	DigestB    string
	Share      float64 // percent of the sessions that were to go to B, where A and B share them; 0: not known

	sample int // in place of SampleSize, for tests
}

// Collector takes fixes, in any order. It is for one goroutine.
type Collector struct {
	options Options
	a, b    *arm

	first, last time.Time // when the fixes were made
	foreign     int       // fixes of neither arm
	elsewhere   int       // fixes of the arms, of another experiment or none
	letters     map[string]int
}

// New returns a collector without fixes.
func New(o Options) *Collector {
	if o.sample == 0 {
		o.sample = SampleSize
	}
	return &Collector{options: o, a: newArm(o.sample), b: newArm(o.sample), letters: map[string]int{}}
}

// paired reports whether the arms answer the same captures.
func (o *Options) paired() bool { return o.A == messages.ArmShadow || o.B == messages.ArmShadow }

// Add takes a fix. shadow says whether it came on a shadow's subject: the subject decides, as whoever may publish there says
// what the fix says.
func (c *Collector) Add(fix *messages.Fix, shadow bool) {
	var to *arm
	switch armOf(fix, shadow) {
	case c.options.A:
		to = c.a
	case c.options.B:
		to = c.b
	default:
		c.foreign++
		return
	}
	if c.options.Experiment != "" && !c.options.paired() && fix.Experiment != c.options.Experiment {
		c.elsewhere++
		return
	}
	to.add(fix)
	made := fix.Timestamp.Time()
	if c.first.IsZero() || made.Before(c.first) {
		c.first = made
	}
	if made.After(c.last) {
		c.last = made
	}
}

// armOf is the arm that a fix's capture was given to: the challenger's, too, where it failed and the champion answered. Fixes
// without an arm are those of programs that knew none.
func armOf(fix *messages.Fix, shadow bool) string {
	switch {
	case shadow:
		return messages.ArmShadow
	case fix.Fallback != nil:
		return messages.ArmChallenger
	case fix.Arm == "":
		return messages.ArmChampion
	case fix.Arm == messages.ArmShadow: // on a subject that is not a shadow's
		return ""
	}
	return fix.Arm
}

// Dead counts a dead letter by its reason. It is of neither arm: where a challenger fails the champion answers.
func (c *Collector) Dead(reason string) {
	if _, known := c.letters[reason]; !known && len(c.letters) >= mostCodes {
		reason = otherCodes
	}
	c.letters[reason]++
}
