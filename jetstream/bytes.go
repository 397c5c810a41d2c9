package jetstream

import (
	"context"
	"fmt"

	js "github.com/nats-io/nats.go/jetstream"
)

// A server sets the bytes of a stream aside when the stream is made or changed, and has so many and no more. How many, nothing
// tells but an attempt; and the servers of a cluster tell each other only once a second what they have set aside, so that what
// is made within that second is let pass though there is no room for it, and nothing after it. A change is held against what
// is set aside at that moment. So everything is made with few bytes first, and what is to be large is given the rest at the end.

const (
	smallestShare = 256     // the least part of its bytes that a large stream is made with
	largeStream   = 1 << 30 // from here on a stream is large
	leastBytes    = 1 << 20 // the least that anything small is made with, where there is no room for more
)

// firstBytes is what a stream is made with.
func firstBytes(want int64) int64 {
	if want >= largeStream {
		return want / smallestShare
	}
	return want
}

// withLess makes something of so many bytes, or of a half, a quarter, ... of them, down to leastBytes.
func withLess[T any](bytes *int64, create func() (T, error)) (T, error) {
	for {
		made, err := create()
		if !isNoRoom(err) || *bytes/2 < leastBytes {
			return made, err
		}
		*bytes /= 2
	}
}

// lowStream is a live stream with fewer bytes than it should have.
type lowStream struct {
	want       js.StreamConfig
	least, now int64 // what it had when it was looked at, and what it has
	made       bool  // just now
}

// lowOf is nil where live has all that it should.
func lowOf(want, live js.StreamConfig, made bool) *lowStream {
	if live.MaxBytes <= 0 || live.MaxBytes >= want.MaxBytes {
		return nil
	}
	return &lowStream{want: want, least: live.MaxBytes, now: live.MaxBytes, made: made}
}

// raised is how the stream's limit was changed, if it was.
func (l *lowStream) raised() []Difference {
	now, before := l.want, l.want
	now.MaxBytes, before.MaxBytes = l.now, l.least
	return compare("stream", l.want.Name, now, before)
}

// raise gives streams all of their bytes, or the largest share of them that the server has room for: a half, a quarter, ... Those
// that were there before it leaves alone, unless change says otherwise.
func (c *Conn) raise(ctx context.Context, low []*lowStream, change bool) error {
	var ours []*lowStream
	for _, l := range low {
		if l.made || change {
			ours = append(ours, l)
		}
	}
	err := c.raiseTo(ctx, ours, 1)
	for share := int64(2); isNoRoom(err) && share <= smallestShare; share *= 2 {
		err = c.raiseTo(ctx, ours, share)
	}
	if err != nil && !isNoRoom(err) {
		return err
	}
	c.sayLow(low)
	return nil
}

// raiseTo gives each its share, but never less than it had: also those that an earlier attempt gave more, and left none for the
// others.
func (c *Conn) raiseTo(ctx context.Context, low []*lowStream, share int64) error {
	for _, l := range low {
		part := l.want
		if part.MaxBytes = max(l.least, l.want.MaxBytes/share); part.MaxBytes == l.now {
			continue
		}
		if err := c.updateStream(ctx, part); err != nil {
			return explainSetup("stream "+l.want.Name, err)
		}
		l.now = part.MaxBytes
	}
	return nil
}

// sayLow tells which streams may hold less than they should, in one line.
func (c *Conn) sayLow(low []*lowStream) {
	var bytes []any
	for _, l := range low {
		if l.now < l.want.MaxBytes {
			bytes = append(bytes, l.want.Name, fmt.Sprintf("%d of %d", l.now, l.want.MaxBytes))
		}
	}
	if len(bytes) > 0 {
		c.log.Warn("streams may hold fewer bytes than asked for, as the server had no room to set more aside, or somebody wanted it so: "+
			"with a larger disk or max_file_store --apply raises them, and --captures-bytes, --fixes-bytes and --dead-bytes ask for less", bytes...)
	}
}
