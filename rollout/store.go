package rollout

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Entry is the one place where a fleet's plan is kept.
type Entry interface {
	// Get returns what is there and its revision; nil and 0 where there is nothing.
	Get(ctx context.Context) (value []byte, revision uint64, err error)
	// Put writes value if the entry is still at revision, 0 for nothing, and returns the new one; else ErrConflict.
	Put(ctx context.Context, value []byte, revision uint64) (uint64, error)
	// Watch calls handle with what is there, nil for nothing, and then with whatever takes its place, one call at a time;
	// of changes in quick succession the last is sure to be told. It outlasts whatever trouble the store has, and returns
	// nil once ctx ends.
	Watch(ctx context.Context, handle func(value []byte)) error
}

// Store is a plan in an entry. Any number of processes may change it at once.
type Store struct {
	entry Entry

	// Refused, if set, hears why Watch did not tell of an entry: it holds no plan that this foxhunt can follow.
	Refused func(error)
}

// NewStore returns the plan's store in entry.
func NewStore(entry Entry) *Store { return &Store{entry: entry} }

// Plan returns the plan, if there is one.
func (s *Store) Plan(ctx context.Context) (plan Plan, found bool, err error) {
	plan, _, err = s.read(ctx)
	return plan, plan.V != 0, err
}

// History is an Entry that keeps what it held before.
type History interface {
	// History returns the values that are still known, the latest first; nil stands for a deletion.
	History(ctx context.Context) ([][]byte, error)
}

// Followed returns the plan that a worker is to begin with, zero where there never was one. Where the plan was deleted, or this
// foxhunt cannot follow it, that is the last one before, which the workers that run hold on to; instead then says why. Without
// one the reason is the error: that a worker serves something else than its fleet is worse than that it waits.
func (s *Store) Followed(ctx context.Context) (plan Plan, instead, err error) {
	value, revision, err := s.entry.Get(ctx)
	if err != nil || value == nil && revision == 0 {
		return Plan{}, nil, err
	}
	instead = fail(CodeDeleted, "the plan was deleted; foxhunt model promote begins another")
	if value != nil {
		if plan, instead = Decode(value); instead == nil {
			return plan, nil, nil
		}
	}
	kept, ok := s.entry.(History)
	if !ok {
		return Plan{}, nil, instead
	}
	values, err := kept.History(ctx)
	if err != nil {
		return Plan{}, nil, err
	}
	for _, value := range values {
		if plan, err := Decode(value); value != nil && err == nil {
			return plan, instead, nil
		}
	}
	return Plan{}, nil, instead
}

func (s *Store) read(ctx context.Context) (Plan, uint64, error) {
	value, revision, err := s.entry.Get(ctx)
	if err != nil || value == nil {
		return Plan{}, revision, err
	}
	plan, err := Decode(value)
	return plan, revision, err
}

// attempts bounds how often Update tries again when others change the plan at the same time.
const attempts = 100

// Update changes the plan: change gets the one that is there, a zero one where there is none, and it is written if nobody
// has changed it since; else change gets the newer one. An error of change is returned as it is, and nothing written.
func (s *Store) Update(ctx context.Context, change func(*Plan) error) (Plan, error) {
	for try := range attempts {
		plan, revision, err := s.read(ctx)
		if err != nil {
			return Plan{}, err
		}
		if err := change(&plan); err != nil {
			return Plan{}, err
		}
		value, err := plan.Encode()
		if err != nil {
			return Plan{}, err
		}
		if _, err = s.entry.Put(ctx, value, revision); !errors.Is(err, ErrConflict) {
			return plan, err
		}
		select {
		case <-ctx.Done():
			return Plan{}, ctx.Err()
		case <-time.After(rand.N(time.Millisecond * time.Duration(min(2+4*try, 100)))):
		}
	}
	return Plan{}, fail(CodeBusy, "others changed the plan at each of %d attempts; try again", attempts)
}

// Watch calls handle with the plan, and with each that takes its place, one call at a time, until ctx ends. An entry that is
// gone, or that holds no plan, changes nothing: handle is not called.
func (s *Store) Watch(ctx context.Context, handle func(Plan)) error {
	var last []byte
	return s.entry.Watch(ctx, func(value []byte) {
		if value == nil || bytes.Equal(value, last) {
			return
		}
		last = bytes.Clone(value)
		plan, err := Decode(value)
		switch {
		case err == nil:
			handle(plan)
		case s.Refused != nil:
			s.Refused(err)
		}
	})
}
