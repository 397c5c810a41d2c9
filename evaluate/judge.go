package evaluate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/model"
)

// result is one scene's outcome.
type result struct {
	refusal            string // the code, if there is no fix
	err, bound, spread float64
	d2                 float64 // squared Mahalanobis distance of the truth
	inside68, inside95 bool
	semiMajor, area    float64 // of the 95 % ellipse, m and m²
	named, misnamed    bool    // the faulty receiver was left out; another one was
}

// judge is what one goroutine runs scenes with.
type judge struct {
	runner      *model.Runner
	contract    *contract.Contract
	extractor   *features.Extractor
	features    features.Features
	predictions []contract.Prediction
}

func newJudge(m *model.Model) (*judge, error) {
	extractor, err := features.New(m.Contract(), features.Budget{})
	if err != nil {
		return nil, err
	}
	runner, err := m.NewRunner()
	if err != nil {
		return nil, err
	}
	return &judge{runner: runner, contract: m.Contract(), extractor: extractor}, nil
}

func (j *judge) close() error { return j.runner.Close() }

// run draws scene number k of a kind and judges the model's fix of it. An error is one
// of the program, not of the scene: a capture that is refused is a result.
func (j *judge) run(kind *kind, seed, stream uint64) (result, error) {
	r := rand.New(rand.NewPCG(seed, stream))
	s := draw(kind, r)
	capture, _, err := s.sim.Capture(0, s.sim.Start, r.Uint64())
	if err != nil {
		return result{}, err
	}
	out := result{bound: s.bound(), spread: s.spread}
	if err := j.locate(capture, s, &out); err != nil {
		return refused(out, err)
	}
	return out, nil
}

// locate has the model fix the capture's emitter, and compares the fix with the scene.
func (j *judge) locate(capture *messages.Capture, s *scene, out *result) (err error) {
	if err = j.extractor.Extract(capture, "", &j.features); err != nil {
		return err
	}
	if j.predictions, err = j.runner.Run(j.predictions[:0], j.features.Tensors); err != nil {
		return fmt.Errorf("evaluate: %v", err) // whatever it wraps: no refusal of this capture
	}
	if err = j.predictions[0].Err; err != nil {
		return err
	}
	return j.compare(s, &j.predictions[0], out)
}

// refused turns the refusals of the rooms into a result, and leaves other errors.
func refused(out result, err error) (result, error) {
	var capture *messages.Refusal
	var prediction *model.Error
	var place *geo.Error
	switch {
	case errors.As(err, &capture):
		out.refusal = capture.Code
	case errors.As(err, &prediction):
		out.refusal = prediction.Code
	case errors.As(err, &place):
		out.refusal = place.Code
	default:
		return out, err
	}
	return out, nil
}

// compare holds a prediction against the truth, on the ground about the fix as it would
// be published.
func (j *judge) compare(s *scene, p *contract.Prediction, out *result) error {
	fix := geo.Position{Latitude: p.X, Longitude: p.Y}
	covariance := geo.Covariance(p.Covariance)
	if j.contract.Frame == contract.ENU {
		var err error
		if fix, err = j.features.Frame.SurfacePoint(p.X, p.Y); err != nil {
			return err
		}
		if covariance, err = j.features.Frame.LocalCovariance(covariance, fix); err != nil {
			return err
		}
	}
	ellipse, err := covariance.Ellipse(0.95)
	if err != nil {
		return err
	}
	east, north := geo.Offset(fix, s.emitter)
	out.err = math.Hypot(east, north)
	if out.d2, err = covariance.Mahalanobis2(east, north); err != nil {
		return err
	}
	out.inside95 = ellipse.Contains(east, north)
	out.inside68 = out.d2 <= geo.Scale(0.68)*geo.Scale(0.68)
	out.semiMajor, out.area = ellipse.SemiMajor, ellipse.Area()
	for i, used := range p.Used {
		out.named = out.named || (!used && i == s.faulty)
		out.misnamed = out.misnamed || (!used && i != s.faulty)
	}
	return nil
}
