package cache

import (
	"context"
	"errors"
)

// Tiered asks the first cache, then the second, and keeps in the first what it finds in the second.
type Tiered struct{ near, far Cache }

// NewTiered returns near in front of far. It owns both.
func NewTiered(near, far Cache) *Tiered { return &Tiered{near, far} }

// Get implements Cache.
func (t *Tiered) Get(ctx context.Context, key Key) ([]byte, error) {
	if value, err := t.near.Get(ctx, key); err == nil {
		return value, nil
	}
	value, err := t.far.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	// What near cannot keep is still found in far.
	_ = t.near.Set(ctx, key, value)
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
