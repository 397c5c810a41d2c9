// Package cache keeps fixes, so that a capture that comes again for the same model is computed once.
//
// There are three caches: Memory, in this process; Redis, shared by all workers; and Tiered, the first in front of the
// second. A cache may fail at any time without a fix being lost: whoever asks it takes every error for a miss.
package cache

import (
	"context"
	"errors"
	"time"
)

// DefaultTTL is how long a value is kept unless told otherwise.
const DefaultTTL = time.Hour

// Key names a value; a Keyer makes it.
type Key = [32]byte

var (
	// ErrMiss: there is no value under the key.
	ErrMiss = errors.New("cache miss")
	// ErrUnavailable: the cache is not asked at the moment because it failed or dawdled repeatedly.
	ErrUnavailable = errors.New("cache unavailable")
)

// Cache stores values for a limited time. It is safe for concurrent use.
type Cache interface {
	// Get returns the value under key, which must not be changed, or ErrMiss. Every other error means a miss, too: the
	// cache could not say.
	Get(ctx context.Context, key Key) ([]byte, error)
	// Set stores a copy of value. It may happen a little later, and an error means that it does not happen.
	Set(ctx context.Context, key Key, value []byte) error
	// Delete removes the value under key, if there is one.
	Delete(ctx context.Context, key Key) error
	// Clear removes all values of foxhunt's and nothing else.
	Clear(ctx context.Context) error
	// Stats returns the counters of each tier, the fastest first.
	Stats() []Stats
	// Close writes what Set still owes, within a second, and frees all resources.
	Close() error
}

// Stats counts what one tier did since it was made.
type Stats struct {
	Tier      string `json:"tier"` // "memory" or "redis"
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"` // without Errors
	Errors    uint64 `json:"errors"` // calls that failed, or were not made because the tier is unavailable
	Sets      uint64 `json:"sets"`
	Dropped   uint64 `json:"dropped"`   // values not stored because there was no room, or the tier did not answer
	Damaged   uint64 `json:"damaged"`   // values that failed their checksum or version, counted as misses as well
	Evictions int64  `json:"evictions"` // values thrown out to make room, not those that ended; -1: not known
	// Waited is the time that all calls of Get took together: over Hits + Misses + Errors it is their mean.
	Waited    time.Duration `json:"waited_ns"`
	Entries   int64         `json:"entries"`   // -1: not known without asking the server for every key
	Bytes     int64         `json:"bytes"`     // of keys and values; -1: not known
	Available bool          `json:"available"` // false while calls are not made
}

// HitRate is the share of hits among all calls of Get, 0 to 1.
func (s Stats) HitRate() float64 {
	if all := s.Hits + s.Misses + s.Errors; all > 0 {
		return float64(s.Hits) / float64(all)
	}
	return 0
}
