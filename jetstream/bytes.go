package jetstream

import (
	"context"
	"fmt"
	"maps"

	js "github.com/nats-io/nats.go/jetstream"
)

// A server sets the bytes of a stream aside when the stream is made or changed, and has so many and no more. How many, nothing
// tells but an attempt; and the servers of a cluster tell each other only once a second what they have set aside, so that what
// is made within that second is let pass though there is no room for it, and nothing after it. A change is held against what
// is set aside at that moment. So everything is made with few bytes first, and what is to be large is given the rest at the end.
//
// Who does that may fail or die before it is done. So a stream with less than it should have is marked when it is made, and the mark
// goes when all have their shares: whoever finds it goes on, and what somebody wants to be small is left as it is.

// moreToCome is in the metadata of a marked stream.
const moreToCome = "foxhunt_more_bytes_to_come"

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

// lowStream is a live stream with fewer bytes than it should have, or one that is marked.
type lowStream struct {
	live       js.StreamConfig // as it was when it was looked at
	want       int64
	least, now int64 // below which it is not to fall, and what it has
}

// lowOf is nil where live, which holds so many bytes, has all that it should.
func lowOf(want int64, live js.StreamConfig, holds uint64) *lowStream {
	l := &lowStream{live: live, want: want, least: live.MaxBytes, now: live.MaxBytes}
	if l.marked() { // an attempt that failed may have given it too much, and left none for the others
		l.least = min(live.MaxBytes, max(firstBytes(want), int64(holds)))
		return l
	}
	if live.MaxBytes <= 0 || live.MaxBytes >= want {
		return nil
	}
	return l
}

// marked reports whether no attempt to give the stream its bytes has come to its end.
func (l *lowStream) marked() bool { return l.live.Metadata[moreToCome] != "" }

// raised is how the limit of a stream that was whole before was changed, if it was.
func (l *lowStream) raised() []Difference {
	now := l.live
	if now.MaxBytes = l.now; l.marked() {
		return nil
	}
	return compare("stream", l.live.Name, now, l.live)
}

// raise gives streams all of their bytes, or the largest share of them that the server has room for: a half, a quarter, ... Those
// that are not marked it leaves alone, unless change says otherwise; so does it with all where this user may not change them.
func (c *Conn) raise(ctx context.Context, low []*lowStream, change bool) error {
	var ours []*lowStream
	for _, l := range low {
		if l.marked() || change {
			ours = append(ours, l)
		}
	}
	err := c.raiseTo(ctx, ours, 1)
	for share := int64(2); isNoRoom(err) && share <= smallestShare; share *= 2 {
		err = c.raiseTo(ctx, ours, share)
	}
	if err == nil || isNoRoom(err) {
		err = c.unmark(ctx, ours)
	}
	if err != nil && (change || !isRefused(err)) {
		return err
	}
	c.sayLow(low)
	return nil
}

// raiseTo gives each its share, but never less than it had: also those that an earlier attempt gave more, and left none for the
// others.
func (c *Conn) raiseTo(ctx context.Context, low []*lowStream, share int64) error {
	for _, l := range low {
		part := l.live
		if part.MaxBytes = max(l.least, l.want/share); part.MaxBytes == l.now {
			continue
		}
		if err := c.updateStream(ctx, part); err != nil {
			return explainSetup("stream "+part.Name, err)
		}
		l.now = part.MaxBytes
	}
	return nil
}

// unmark says of streams that they have what they can have.
func (c *Conn) unmark(ctx context.Context, low []*lowStream) error {
	for _, l := range low {
		if !l.marked() {
			continue
		}
		whole := l.live
		whole.MaxBytes, whole.Metadata = l.now, maps.Clone(l.live.Metadata)
		delete(whole.Metadata, moreToCome)
		if err := c.updateStream(ctx, whole); err != nil {
			return explainSetup("stream "+whole.Name, err)
		}
	}
	return nil
}

// sayLow tells which streams may hold less than they should, in one line.
func (c *Conn) sayLow(low []*lowStream) {
	var bytes []any
	for _, l := range low {
		if l.now < l.want {
			bytes = append(bytes, l.live.Name, fmt.Sprintf("%d of %d", l.now, l.want))
		}
	}
	if len(bytes) > 0 {
		c.log.Warn("streams may hold fewer bytes than asked for, as the server had no room to set more aside, or somebody wanted it so: "+
			"with a larger disk or max_file_store --apply raises them, and --captures-bytes, --fixes-bytes and --dead-bytes ask for less", bytes...)
	}
}
