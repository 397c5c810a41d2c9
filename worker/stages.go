package worker

import (
	"context"

	"foxhunt/contract"
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
	return l.bundles.checkOrigin(j.network, j.source, &j.capture)
}

// preprocess computes the features that the model's contract asks for.
func (l *lane) preprocess(ctx context.Context, j *job) error {
	poison(j.capture.Session)
	select {
	case extractor := <-l.extractors:
		defer func() { l.extractors <- extractor }()
		return extractor.Extract(&j.capture, j.network, &j.features)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lane) lookUp(ctx context.Context, j *job) error {
	j.hit = false
	if l.cache == nil || !j.capture.Cache {
		return nil
	}
	for _, t := range j.features.Tensors {
		l.keyer.Tensor(t.Name, t.Shape, t.Data)
	}
	j.key = l.keyer.Key()
	if value, ok := l.cache.Get(ctx, j.key); ok {
		prediction, err := decodePrediction(value)
		j.prediction, j.hit = prediction, err == nil
	}
	if j.hit {
		l.options.Observer.Cache(true)
	}
	return nil
}

// predict asks the model, unless the cache knew, or another lane is asking the very same just now.
func (l *lane) predict(ctx context.Context, j *job) (err error) {
	if j.hit {
		return nil
	}
	if l.cache == nil || !j.capture.Cache {
		return l.compute(ctx, j)
	}
	shared, first := l.computations.join(j.key)
	if !first {
		if value := shared.wait(ctx); value != nil {
			j.prediction, err = decodePrediction(value)
			j.hit = err == nil
			l.options.Observer.Cache(j.hit)
			return err
		}
		l.options.Observer.Cache(false)
		return l.compute(ctx, j)
	}
	l.options.Observer.Cache(false)
	var value []byte
	defer func() { l.computations.end(j.key, shared, value) }() // after a panic, too
	if err := l.compute(ctx, j); err != nil {
		return err
	}
	value = encodePrediction(&j.prediction)
	l.cache.Set(ctx, j.key, value)
	return nil
}

func (l *lane) compute(ctx context.Context, j *job) error {
	j.request.tensors = j.features.Tensors
	if err := l.batcher.do(ctx, &j.request); err != nil {
		return err
	}
	j.prediction = j.request.prediction
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
	if l.options.GeoJSON {
		j.fix.GeoJSON, err = geoJSON(&j.fix, place, ellipse)
	}
	return err
}

// locate gives the place and the covariance in metres east and north of it.
func (l *lane) locate(j *job) (geo.Position, geo.Covariance, error) {
	p := &j.prediction
	covariance := geo.Covariance(p.Covariance)
	if l.contract.Frame == contract.WGS84 {
		place := geo.Position{Latitude: p.X, Longitude: p.Y}
		return place, covariance, place.Validate()
	}
	place, err := j.features.Frame.SurfacePoint(p.X, p.Y)
	if err != nil {
		return geo.Position{}, geo.Covariance{}, err
	}
	covariance, err = j.features.Frame.LocalCovariance(covariance, place)
	return place, covariance, err
}

// publish sends the fix and waits until it is safe. Its id follows from the capture's, so that the stream drops the
// fix of a capture that was delivered twice.
func (l *lane) publish(ctx context.Context, j *job) (err error) {
	j.complete()
	if j.body, err = j.fix.Encode(l.options.FixFormat); err != nil {
		return err
	}
	subject, err := messages.FixSubject(j.message.Subject)
	if err != nil {
		return err
	}
	return l.publisher.PublishFix(ctx, subject, subject+"/"+j.capture.ID, l.options.FixFormat, j.body)
}
