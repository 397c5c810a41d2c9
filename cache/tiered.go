package cache

import (
	"context"
	"errors"
)

// Tiered asks the memory of this process, then Redis, and keeps in memory what it finds in Redis, for as long as that is
// valid there.
type Tiered struct {
	near *Memory
	far  *Redis
}

// NewTiered returns near in front of far. It owns both.
func NewTiered(near *Memory, far *Redis) *Tiered { return &Tiered{near, far} }

// Get implements Cache.
func (t *Tiered) Get(ctx context.Context, key Key) ([]byte, error) {
	if value, err := t.near.Get(ctx, key); err == nil {
		return value, nil
	}
	value, left, err := t.far.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if left > 0 { // or the clock of whoever wrote it is behind
		t.near.set(key, value, left)
	}
	return value, nil
}

// Set implements Cache.
func (t *Tiered) Set(ctx context.Context, key Key, value []byte) error {
	return errors.Join(t.near.Set(ctx, key, value), t.far.Set(ctx, key, value))
}

// Delete implements Cache.
func (t *Tiered) Delete(ctx context.Context, key Key) error {
	return errors.Join(t.near.Delete(ctx, key), t.far.Delete(ctx, key))
}

// Clear implements Cache.
func (t *Tiered) Clear(ctx context.Context) error {
	return errors.Join(t.near.Clear(ctx), t.far.Clear(ctx))
}

// Stats implements Cache.
func (t *Tiered) Stats() []Stats { return append(t.near.Stats(), t.far.Stats()...) }

// Close implements Cache.
func (t *Tiered) Close() error { return errors.Join(t.near.Close(), t.far.Close()) }
