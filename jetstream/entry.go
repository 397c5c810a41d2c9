package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/rollout"
)

// rolloutKey is the one key of t.Rollout.
const rolloutKey = "plan"

// rolloutEntry is the plan in its key-value bucket. It is read from the leader of the bucket's stream: a replica may be
// behind, and a worker must not go back to the plan before.
type rolloutEntry struct {
	conn   *Conn
	bucket string
}

// RolloutEntry returns the fleet's plan in t's bucket for [rollout.NewStore]. Every version of it stays readable with
// `nats kv history`, the last 64.
func (c *Conn) RolloutEntry(t Topology) rollout.Entry {
	return &rolloutEntry{c, t.Rollout.Bucket}
}

func (e *rolloutEntry) stream() string  { return bucketStream + e.bucket }
func (e *rolloutEntry) subject() string { return "$KV." + e.bucket + "." + rolloutKey }

func (e *rolloutEntry) Get(ctx context.Context) (value []byte, revision uint64, err error) {
	msg, err := e.conn.stored(ctx, e.stream(), map[string]any{"last_by_subj": e.subject()})
	switch {
	case errors.Is(err, ErrNoMessage):
		return nil, 0, nil
	case err != nil:
		return nil, 0, e.conn.explain(e.stream(), err)
	case msg.Header.Get("KV-Operation") != "": // DEL or PURGE
		return nil, msg.Sequence, nil
	}
	return slices.Concat([]byte{}, msg.Data), msg.Sequence, nil
}

// History reads the versions of the plan that the bucket keeps, oldest first, as its stream does, and returns them the other way
// round. One that is stored meanwhile is there or not.
func (e *rolloutEntry) History(ctx context.Context) (values [][]byte, err error) {
	for next := uint64(1); ; {
		msg, err := e.conn.stored(ctx, e.stream(), map[string]any{"next_by_subj": e.subject(), "seq": next})
		switch {
		case errors.Is(err, ErrNoMessage):
			slices.Reverse(values)
			return values, nil
		case err != nil:
			return nil, e.conn.explain(e.stream(), err)
		case msg.Header.Get("KV-Operation") != "":
			values = append(values, nil)
		default:
			values = append(values, slices.Concat([]byte{}, msg.Data))
		}
		next = msg.Sequence + 1
	}
}

// Put tries again where no answer came, which meets a conflict if the first attempt was stored; its id then tells.
func (e *rolloutEntry) Put(ctx context.Context, value []byte, revision uint64) (uint64, error) {
	id := rand.Text()
	msg := &nats.Msg{Subject: e.subject(), Data: value, Header: nats.Header{
		js.MsgIDHeader:               {id},
		js.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)},
	}}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	stored, err := e.conn.publish(ctx, msg, isUnanswered)
	if !isConflict(err) {
		return stored.Sequence, err
	}
	if now, err := e.conn.stored(ctx, e.stream(), map[string]any{"last_by_subj": e.subject()}); err == nil && now.Header.Get(js.MsgIDHeader) == id {
		return now.Sequence, nil
	}
	return 0, rollout.ErrConflict
}

// isUnanswered reports whether it is unknown what became of a call, or known that the server was not reached.
func isUnanswered(e *Error) bool { return e.Code == CodeTimeout || e.Code == CodeNotConnected }

// isConflict reports whether something was not at the revision that it should have been at.
func isConflict(err error) bool {
	var api *js.APIError
	return errors.As(err, &api) && (api.ErrorCode == js.JSErrCodeStreamWrongLastSequence || api.ErrorCode == js.JSErrCodeStreamWrongLastSequenceConstant)
}

// Watch looks at the entry when something is published to it, which it hears from the server without a consumer, and every
// rolloutPoll whatever happens: so no consumer is to be made again when the connection, the bucket or its leader was away.
func (e *rolloutEntry) Watch(ctx context.Context, handle func(value []byte)) error {
	hint := make(chan struct{}, 1)
	stop, err := e.conn.SubscribePlain(e.subject(), func(string, []byte) {
		select {
		case hint <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	w := entryWatch{entry: e, handle: handle}
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-hint: // it may not be stored yet
			pause = firstHint
		case <-time.After(pause):
			pause = min(2*max(pause, firstHint), rolloutPoll)
		}
		w.look(ctx)
	}
}

const (
	rolloutPoll = 2 * time.Second
	firstHint   = 10 * time.Millisecond
)

// entryWatch tells of each value once.
type entryWatch struct {
	entry    *rolloutEntry
	handle   func([]byte)
	told     bool
	revision uint64
	failing  bool
}

func (w *entryWatch) look(ctx context.Context) {
	value, revision, err := w.entry.Get(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !w.failing {
			w.entry.conn.log.Warn("the plan of which model serves cannot be read, trying again; the last one holds", "error", err)
		}
		w.failing = true
	default:
		w.failing = false
		if !w.told || revision != w.revision {
			w.told, w.revision = true, revision
			w.handle(value)
		}
	}
}

// ServerTime is the time of day by the server's clock, by which captures are stored and plans are followed.
func (c *Conn) ServerTime(ctx context.Context, t Topology) (time.Time, error) {
	info, err := c.streamInfo(ctx, t.Captures.Name, "")
	if err != nil {
		return time.Time{}, c.explain(t.Captures.Name, err)
	}
	return info.TimeStamp, nil
}
