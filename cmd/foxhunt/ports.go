package main

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"foxhunt/cache"
	"foxhunt/contract"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/worker"
)

// The worker names what it needs as small interfaces; these types fit the rooms to them.

type source struct{ *jetstream.Source }

func (s source) Next(ctx context.Context) (worker.Delivery, error) {
	d, err := s.Source.Next(ctx)
	if err != nil {
		return nil, err
	}
	return delivery{d}, nil
}

type delivery struct{ *jetstream.Delivery }

func (d delivery) Message() worker.Message {
	return worker.Message{
		Subject: d.Subject, Header: d.Header, Data: d.Data, Sequence: d.StreamSequence, NumDelivered: d.NumDelivered(),
		Stored: d.Timestamp,
	}
}

type publisher struct {
	*jetstream.Conn
	topology jetstream.Topology
}

func (p publisher) FixOf(ctx context.Context, subject, captureID string, stored time.Time) (fix *messages.Fix, found bool, err error) {
	fixes, err := messages.FixSubject(subject)
	if err != nil {
		return nil, false, nil
	}
	heard, found, err := p.Conn.FindFix(ctx, p.topology, fixes, captureID, stored)
	if err != nil || !found {
		return nil, false, err
	}
	if fix, err = readFix(heard); err != nil {
		fix = nil
	}
	return fix, true, nil
}

func (p publisher) PublishFix(ctx context.Context, subject, id, contentType string, body []byte, captures []string) (kept uint64, err error) {
	stored, err := p.Conn.PublishFix(ctx, subject, id, contentType, body, captures...)
	if err != nil || !stored.Duplicate {
		return 0, err
	}
	return stored.Sequence, nil
}

func (p publisher) PublishDead(ctx context.Context, sequence uint64, letter *messages.DeadLetter) (repeated bool, err error) {
	stored, err := p.Conn.PublishDead(ctx, sequence, letter)
	return stored.Duplicate, err
}

func (p publisher) FixAt(ctx context.Context, number uint64) (*messages.Fix, error) {
	heard, err := p.Conn.FixAt(ctx, p.topology, number)
	if err != nil {
		return nil, err
	}
	return readFix(heard)
}

func readFix(heard jetstream.Heard) (*messages.Fix, error) {
	return messages.DecodeFix(nats.Header(heard.Header).Get("Content-Type"), heard.Data)
}

type fixCache struct{ cache.Cache }

func (fixCache) NewKeyer(digest string, contract []byte) worker.Keyer {
	return cache.NewKeyer(digest, contract)
}

func (c fixCache) Get(ctx context.Context, key [32]byte) ([]byte, bool) {
	value, err := c.Cache.Get(ctx, key)
	return value, err == nil
}

func (c fixCache) Set(ctx context.Context, key [32]byte, value []byte) {
	_ = c.Cache.Set(ctx, key, value) // counted by the cache; a fix that is not remembered is computed again
}

type predictor struct{ *model.Model }

func (p predictor) Identity() messages.Model {
	info := p.Info()
	return messages.Model{Name: info.Name, Version: info.Version, Digest: info.Digest}
}

func (p predictor) MaxBatch() int { return p.Info().MaxBatch }

func (p predictor) NewRunner() (worker.Runner, error) {
	r, err := p.Model.NewRunner()
	if err != nil {
		return nil, err
	}
	return runner{r}, nil
}

type runner struct{ *model.Runner }

// Run turns an answer that is not to be used into a refusal of its capture: the same model would give it again.
func (r runner) Run(dst []contract.Prediction, batch ...[]contract.Tensor) ([]contract.Prediction, error) {
	predictions, err := r.Runner.Run(dst, batch...)
	for i := range predictions {
		var refused *model.Error
		if errors.As(predictions[i].Err, &refused) {
			predictions[i].Err = &messages.Refusal{Code: refused.Code, Reason: refused.Reason}
		}
	}
	return predictions, err
}
