package golden

import (
	"errors"
	"fmt"
	"math"

	"foxhunt/contract"
	"foxhunt/geo"
	"foxhunt/model"
)

// halfway is half the Earth's circumference in metres: nothing on the ground is further off, and no honest standard
// deviation is larger.
const halfway = 20.1e6

// sane refuses an answer that could not be published.
func (e *examiner) sane(s sample, p *contract.Prediction) error {
	if p.Err != nil {
		return refuse(code(p.Err), "%s: %v", s.name, reason(p.Err))
	}
	covariance := geo.Covariance(p.Covariance)
	if e.model.Contract().Frame == contract.ENU {
		place, err := s.features.Frame.SurfacePoint(p.X, p.Y)
		if err != nil {
			return refuse(NotOnEarth, "%s: the model says %g m east and %g m north: %v", s.name, p.X, p.Y, err)
		}
		if covariance, err = s.features.Frame.LocalCovariance(covariance, place); err != nil {
			return refuse(BadCovariance, "%s: %v", s.name, err)
		}
	}
	major, _, _, err := covariance.Axes()
	if err != nil {
		return refuse(BadCovariance, "%s: %v", s.name, err)
	}
	if major > halfway {
		return refuse(BadCovariance, "%s: a standard deviation of %g m is more than half way around the Earth", s.name, major)
	}
	return nil
}

// code is the rule that a prediction's error stands for.
func code(err error) string {
	switch {
	case errors.Is(err, model.ErrOffGlobe):
		return NotOnEarth
	case errors.Is(err, model.ErrNoCovariance):
		return BadCovariance
	case errors.Is(err, model.ErrConfidence):
		return BadConfidence
	}
	return NotFinite
}

// reason is a refusal's sentence without its code.
func reason(err error) string {
	if refused := (*model.Error)(nil); errors.As(err, &refused) {
		return refused.Reason
	}
	return err.Error()
}

// Two answers are alike when they differ by no more than so much of their own ellipse, and of the confidence, beside a
// few roundings of float32: kernels may add up in another order in a larger batch.
const (
	alike     = 0.01
	roundings = 4 * 0x1p-23
)

// apart says how two answers to one capture differ, or "".
func (e *examiner) apart(alone, now *contract.Prediction) string {
	if now.Err != nil {
		return reason(now.Err)
	}
	perX, perY := 1.0, 1.0 // metres per unit of X and Y
	if e.model.Contract().Frame == contract.WGS84 {
		const degree = 111.2e3
		perX, perY = degree, degree*math.Cos(alone.X*math.Pi/180)
	}
	variance := alone.Covariance.XX + alone.Covariance.YY
	far := math.Hypot((now.X-alone.X)*perX, (now.Y-alone.Y)*perY)
	if allowed := alike*math.Sqrt(variance) + roundings*math.Hypot(alone.X*perX, alone.Y*perY); far > allowed {
		return fmt.Sprintf("the position moves by %.3g m; at most %.3g m can be rounding", far, allowed)
	}
	was, is := alone.Covariance, now.Covariance
	if max(math.Abs(is.XX-was.XX), math.Abs(is.YY-was.YY), math.Abs(is.XY-was.XY)) > alike*variance {
		return fmt.Sprintf("the covariance changes from %+v to %+v", was, is)
	}
	if math.Abs(now.Confidence-alone.Confidence) > alike { // of NaN, which is none, no difference is larger
		return fmt.Sprintf("the confidence changes from %g to %g", alone.Confidence, now.Confidence)
	}
	return ""
}
