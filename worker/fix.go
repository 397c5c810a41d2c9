package worker

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"foxhunt/contract"
	"foxhunt/geo"
	"foxhunt/messages"
)

// newFix makes the fix of a job, but for its times.
func (l *lane) newFix(j *job, place geo.Position, covariance geo.Covariance, ellipse geo.Ellipse) messages.Fix {
	sigmaX, sigmaY := covariance.Sigmas()
	return messages.Fix{
		Version:   messages.FixVersion,
		CaptureID: j.capture.ID,
		Event:     j.capture.Event,
		Session:   j.capture.Session,
		Network:   j.network,
		Source:    j.source,
		Frequency: j.capture.Frequency,
		Time:      messages.Instant(j.capture.StartTime()),
		Position:  messages.Position{Latitude: place.Latitude, Longitude: place.Longitude},
		Uncertainty: messages.Uncertainty{
			SigmaX: sigmaX, SigmaY: sigmaY, CovarianceXY: covariance.XY,
			Theta: ellipse.Theta, ConfidenceInterval: ellipse.Confidence,
			SemiMajor: ellipse.SemiMajor, SemiMinor: ellipse.SemiMinor, Area: ellipse.Area(),
		},
		Confidence: known(j.prediction.Confidence),
		Model:      j.seat.identity,
		Arm:        j.seat.arm.name,
		Experiment: j.set.experiment(j.storedTime()),
		Fallback:   j.fallback,
		Budget:     messages.Budget{Propagation: j.budget.Propagation, Source: j.budget.Source},
		Receivers:  receivers(&j.capture, &j.prediction, j.captureIDs()),
		CacheHit:   j.origin == cached,
	}
}

// held holds a fix against the truth, if there is one.
func held(truth *messages.Position, place geo.Position, covariance geo.Covariance) *messages.FixTruth {
	if truth == nil {
		return nil
	}
	east, north := geo.Offset(place, geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude})
	d2, _ := covariance.Mahalanobis2(east, north) // it has made an ellipse, which is refused for the same reasons
	return &messages.FixTruth{
		Latitude: truth.Latitude, Longitude: truth.Longitude,
		Error: math.Hypot(east, north), D2: min(d2, math.MaxFloat64), // infinity cannot be written
	}
}

// known gives 0 for the confidence of a model that states none: a fix claims no more than it was told.
func known(confidence float64) float64 {
	if math.IsNaN(confidence) {
		return 0
	}
	return min(max(confidence, 0), 1)
}

// receivers says of each; ids are of their own captures, if they have any.
//
// It says of each receiver whether the fix rests on it; a model that does not say has used them all.
func receivers(capture *messages.Capture, p *contract.Prediction, ids []string) []messages.FixReceiver {
	list := make([]messages.FixReceiver, len(capture.Receivers))
	for i := range list {
		list[i] = messages.FixReceiver{Station: capture.Receivers[i].Station, Used: true}
		if i < len(p.Used) {
			list[i].Used = p.Used[i]
		}
		if i < len(p.Residual) {
			list[i].Residual = p.Residual[i]
		}
		if i < len(ids) {
			list[i].CaptureID = ids[i]
		}
	}
	return list
}

// complete writes the times into the fix, as late as possible.
func (j *job) complete() {
	now := time.Now()
	j.fix.Timestamp = messages.InstantOf(now)
	j.fix.Inference = milliseconds(now.Sub(j.started))
	j.fix.Stages = messages.Stages{
		Decode:     milliseconds(j.took["decode"]),
		Preprocess: milliseconds(j.took["preprocess"]),
		Cache:      milliseconds(j.took["cache"]),
		Model:      milliseconds(j.took["model"]),
		Ellipse:    milliseconds(j.took["ellipse"]),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// refusalOf turns what the geometry refuses into a refusal of the capture: the same model would answer the same
// again.
func refusalOf(err error) error {
	var refused *geo.Error
	if errors.As(err, &refused) {
		return &messages.Refusal{Code: refused.Code, Reason: "the model's answer: " + refused.Reason}
	}
	return err
}

// geoJSON is a Feature with the ellipse as its polygon, and what a map needs to label it.
func geoJSON(fix *messages.Fix, place geo.Position, ellipse geo.Ellipse) ([]byte, error) {
	polygon, err := ellipse.Polygon(place, geo.Vertices)
	if err != nil {
		return nil, refusalOf(err)
	}
	return json.Marshal(geo.NewFeature(polygon, map[string]any{
		"capture_id":          fix.CaptureID,
		"latitude":            fix.Position.Latitude,
		"longitude":           fix.Position.Longitude,
		"confidence":          fix.Confidence,
		"confidence_interval": fix.Uncertainty.ConfidenceInterval,
		"time":                fix.Time,
	}))
}
