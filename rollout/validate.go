package rollout

import (
	"fmt"
	"regexp"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a plan.
const (
	MostPrevious = 20                   // champions remembered
	mostEarlier  = 20                   // shares of one split remembered
	MostSpan     = 365 * 24 * time.Hour // of a split
	mostModel    = 512                  // bytes of a reference
	mostText     = 1024                 // bytes of a note or a reason
	mostName     = 256                  // bytes of who it was
)

var (
	goodDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)
	goodID     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Validate says what is wrong with a plan, first things first. Whatever passes is safe to serve by, and to print.
func (p *Plan) Validate() error {
	if p.V != Version {
		return fail(CodeBadPlan, "v is %d; want %d", p.V, Version)
	}
	if err := p.Champion.validate("champion"); err != nil {
		return err
	}
	if p.Challenger != nil {
		if err := p.Challenger.validate(); err != nil {
			return err
		}
	}
	if p.Shadow != nil {
		if err := p.Shadow.validate(); err != nil {
			return err
		}
	}
	if len(p.Previous) > MostPrevious {
		return fail(CodeTooLarge, "previous has %d models; at most %d are kept", len(p.Previous), MostPrevious)
	}
	for i, arm := range p.Previous {
		if err := arm.validate(fmt.Sprintf("previous[%d]", i)); err != nil {
			return err
		}
	}
	return p.Changed.validate()
}

func (a Arm) validate(what string) error {
	if a.Model == "" || !printable(a.Model, mostModel) {
		return fail(CodeBadModel, "%s.model is %.60q; want a reference of printable characters, at most %d bytes", what, a.Model, mostModel)
	}
	if a.Digest != "" && !goodDigest.MatchString(a.Digest) {
		return fail(CodeBadModel, "%s.digest is %.80q; want a SHA-256 in 64 small hexadecimal digits, or none", what, a.Digest)
	}
	return validTime(what+".since", a.Since)
}

func (s *Split) validate() error {
	if err := s.Arm.validate("challenger"); err != nil {
		return err
	}
	if !goodID.MatchString(s.ID) {
		return fail(CodeBadText, "challenger.id is %.80q; want up to 64 letters, digits, - and _", s.ID)
	}
	if err := validShare("challenger.share", s.Share, 99); err != nil {
		return err
	}
	if err := validTime("challenger.until", s.Until); err != nil {
		return err
	}
	if span := s.Until.Sub(s.Since); span <= 0 || span > MostSpan {
		return fail(CodeBadTime, "challenger.until is %v after since; want more than 0 and at most %v", span, MostSpan)
	}
	if !(s.MaxErrorRate >= 0 && s.MaxErrorRate <= 1) {
		return fail(CodeBadErrorRate, "challenger.max_error_rate is %v; want 0 to 1", s.MaxErrorRate)
	}
	if err := s.validateSteps(); err != nil {
		return err
	}
	return s.Stopped.validate()
}

func (s *Split) validateSteps() error {
	if len(s.Earlier) > mostEarlier {
		return fail(CodeTooLarge, "challenger.earlier has %d shares; at most %d are kept", len(s.Earlier), mostEarlier)
	}
	before := s.Since
	for i, step := range s.Earlier {
		what := fmt.Sprintf("challenger.earlier[%d]", i)
		if err := validShare(what+".share", step.Share, 99); err != nil {
			return err
		}
		if err := validTime(what+".until", step.Until); err != nil {
			return err
		}
		if step.Until.Before(before) {
			return fail(CodeBadTime, "%s.until is before what precedes it", what)
		}
		before = step.Until
	}
	return nil
}

func (s *Shadow) validate() error {
	if err := s.Arm.validate("shadow"); err != nil {
		return err
	}
	if !goodID.MatchString(s.ID) {
		return fail(CodeBadText, "shadow.id is %.80q; want up to 64 letters, digits, - and _", s.ID)
	}
	if err := validShare("shadow.share", s.Share, 100); err != nil {
		return err
	}
	if s.Until.IsZero() {
		return nil
	}
	if err := validTime("shadow.until", s.Until); err != nil {
		return err
	}
	if !s.Until.After(s.Since) {
		return fail(CodeBadTime, "shadow.until is not after since")
	}
	return nil
}

func (s *Stop) validate() error {
	if s == nil {
		return nil
	}
	if err := validTime("challenger.stopped.at", s.At); err != nil {
		return err
	}
	return validText("challenger.stopped", s.By, s.Reason)
}

func (c Change) validate() error {
	if err := validTime("changed.at", c.At); err != nil {
		return err
	}
	return validText("changed", c.By, c.Note)
}

// validShare is written so that what is no number fails, too.
func validShare(what string, share, most float64) error {
	if !(share >= 1 && share <= most) {
		return fail(CodeBadShare, "%s is %v; want 1 to %v percent", what, share, most)
	}
	return nil
}

// validTime takes the years in which nothing overflows that counts nanoseconds.
func validTime(what string, t time.Time) error {
	if year := t.UTC().Year(); year < 2000 || year > 2200 {
		return fail(CodeBadTime, "%s is in the year %d; want a time from 2000 to 2200", what, year)
	}
	return nil
}

func validText(what, by, text string) error {
	if by == "" || !printable(by, mostName) {
		return fail(CodeBadText, "%s.by is %.60q; want printable characters, 1 to %d bytes", what, by, mostName)
	}
	if !printable(text, mostText) {
		return fail(CodeBadText, "%s: the text is too long or not printable; want at most %d bytes in one line", what, mostText)
	}
	return nil
}

func printable(s string, most int) bool {
	if len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
