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

// raise gives streams all of their bytes, or the largest share of them that the server has room for: a half, a quarter, ...
func (c *Conn) raise(ctx context.Context, low []*lowStream) error {
	for share := int64(1); len(low) > 0; share *= 2 {
		err := c.raiseTo(ctx, low, share)
		switch {
		case err != nil && !isNoRoom(err):
			return err
		case err == nil && share == 1:
			return nil
		case err == nil, share >= smallestShare:
			c.sayShort(low, share)
			return nil
		}
	}
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

// sayShort tells how many bytes the streams have.
func (c *Conn) sayShort(low []*lowStream, share int64) {
	bytes := []any{"share", fmt.Sprintf("1/%d", share)}
	for _, l := range low {
		bytes = append(bytes, l.want.Name, fmt.Sprintf("%d of %d", l.now, l.want.MaxBytes))
	}
	c.log.Warn("the server has no room to set aside what the streams should hold, so they hold less: raise max_file_store, or free "+
		"disk and restart the server, then --apply gives them more", bytes...)
}
