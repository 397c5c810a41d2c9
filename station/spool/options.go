package spool

import (
	"log/slog"
	"time"

	"foxhunt/messages"
)

// Order is which capture goes first where several wait.
type Order string

// The orders: after an outage the first is for those who want all of it, the second for those who want what is now.
const (
	OldestFirst Order = "oldest"
	NewestFirst Order = "newest"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 1 << 30
	DefaultMaxAge   = 24 * time.Hour
	DefaultInFlight = 16
)

// Options say where a spool is and what it holds. Zero values stand for the defaults.
type Options struct {
	Dir              string // made if it is not there; several stations may have one, each gets its own folder in it
	Network, Station string
	Order            Order         // OldestFirst
	MaxBytes         int64         // DefaultMaxBytes; what is beyond is dropped, the oldest first
	MaxAge           time.Duration // DefaultMaxAge, since Put; what is older is dropped
	InFlight         int           // DefaultInFlight: captures sent and not yet confirmed, at most; of some 16 MiB together
	Log              *slog.Logger  // slog.Default()

	// Sent is told of each capture that the stream confirmed, and how long that took, from several goroutines. May be nil.
	Sent func(item Item, took time.Duration)
}

// leastBytes is what the largest capture takes on the disk.
const leastBytes = messages.MaxCaptureBytes + headBytes + sumBytes

// settled fills in the defaults and refuses what makes no sense.
func (o Options) settled() (Options, error) {
	if o.Order == "" {
		o.Order = OldestFirst
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.InFlight == 0 {
		o.InFlight = DefaultInFlight
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case o.Dir == "":
		return o, fail(CodeBadOption, nil, "the spool needs a folder")
	case o.Order != OldestFirst && o.Order != NewestFirst:
		return o, fail(CodeBadOption, nil, "the spool's order is %.40q; want %s or %s", o.Order, OldestFirst, NewestFirst)
	case o.MaxBytes < leastBytes:
		return o, fail(CodeBadOption, nil, "the spool may hold %d bytes; want at least %d, one capture of the largest size", o.MaxBytes, leastBytes)
	case o.MaxAge < time.Second:
		return o, fail(CodeBadOption, nil, "the spool may hold captures for %v; want at least 1s", o.MaxAge)
	case o.InFlight < 1 || o.InFlight > 256:
		return o, fail(CodeBadOption, nil, "%d captures of the spool may be under way at once; want 1 to 256", o.InFlight)
	}
	return o, nil
}
