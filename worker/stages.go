package worker

import (
	"context"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/geo"
	"foxhunt/messages"
)

func (l *lane) decode(_ context.Context, j *job) (err error) {
	if j.network, j.source, err = messages.ParseSubject(j.message.Subject); err != nil {
		return err
	}
	if err := j.capture.Decode(j.message.Data); err != nil {
		return err
	}
	j.station, j.subject = j.source, j.message.Subject
	j.truth, j.capture.Truth = j.capture.Truth, nil
	poison(j.capture.Session)
	return l.bundles.checkOrigin(j.network, j.source, &j.capture)
}

// preprocess computes the features that the model's contract asks for, unless the answer is known.
func (l *lane) preprocess(ctx context.Context, j *job) error {
	if j.origin != computed {
		return nil
	}
	err := j.seat.extract(ctx, &j.capture, j.network, &j.desk.features)
	j.budget = j.desk.features.Budget
	return err
}

// predict asks the model, unless the answer is known.
func (l *lane) predict(ctx context.Context, j *job) error {
	if j.origin != computed {
		return nil
	}
	j.request.tensors = j.desk.features.Tensors
	if err := j.seat.infer(ctx, &j.request); err != nil {
		return err
	}
	j.prediction = j.request.prediction
	j.seat.arm.inferred()
	l.remember(ctx, j)
	return nil
}

// ellipse turns the prediction into a fix: a place on the Earth and the ellipse that holds the truth.
func (l *lane) ellipse(_ context.Context, j *job) error {
	place, covariance, err := l.locate(j)
	if err != nil {
		return refusalOf(err)
	}
	ellipse, err := covariance.Ellipse(l.options.Confidence)
	if err != nil {
		return refusalOf(err)
	}
	j.fix = l.newFix(j, place, covariance, ellipse)
	j.fix.Truth = held(j.truth, place, covariance)
	if l.options.GeoJSON {
		j.fix.GeoJSON, err = geoJSON(&j.fix, place, ellipse)
	}
	return err
}

// locate gives the place and the covariance in metres east and north of it.
func (l *lane) locate(j *job) (geo.Position, geo.Covariance, error) {
	p := &j.prediction
	covariance := geo.Covariance(p.Covariance)
	if j.seat.contract.Frame == contract.WGS84 {
		place := geo.Position{Latitude: p.X, Longitude: p.Y}
		return place, covariance, place.Validate()
	}
	frame, err := features.NewFrame(j.capture.Receivers)
	if err != nil {
		return geo.Position{}, geo.Covariance{}, err
	}
	place, err := frame.SurfacePoint(p.X, p.Y)
	if err != nil {
		return geo.Position{}, geo.Covariance{}, err
	}
	covariance, err = frame.LocalCovariance(covariance, place)
	return place, covariance, err
}

// publish sends the fix and waits until it is safe. Its id follows from the capture's, so that the stream drops the
// fix of a capture that was delivered twice.
func (l *lane) publish(ctx context.Context, j *job) (err error) {
	j.complete()
	if j.body, err = j.fix.Encode(l.options.FixFormat); err != nil {
		return err
	}
	subject, err := j.seat.arm.subject(j.subject)
	if err != nil {
		return err
	}
	kept, err := l.publisher.PublishFix(ctx, subject, subject+"/"+j.capture.ID, l.options.FixFormat, j.body, j.captureIDs())
	if err != nil || kept == 0 || j.seat.arm.name == messages.ArmShadow {
		return err
	}
	return l.compare(ctx, j, kept)
}
