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

	"foxhunt/meeting"
)

// bucketEntries are the entries of a key-value bucket. They are read from the leader of its stream, as a replica may be behind, and
// what is decided by them must be decided by the newest.
type bucketEntries struct {
	conn   *Conn
	bucket string
}

func (b *bucketEntries) stream() string            { return bucketStream + b.bucket }
func (b *bucketEntries) subject(key string) string { return "$KV." + b.bucket + "." + key }

// writeHeader names an attempt to write, so that one of which no answer came is known again. It is not the header by which the
// server finds duplicates: that would cost its memory for each, and a conflict says the same.
const writeHeader = "Foxhunt-Write"

// groupHeader names the subject, with wildcards, whose last sequence a write is conditional on instead of its own.
const groupHeader = "Nats-Expected-Last-Subject-Sequence-Subject"

// last is the newest message of a subject; none: the zero message.
func (b *bucketEntries) last(ctx context.Context, subject string) (StreamMessage, error) {
	msg, err := b.conn.stored(ctx, b.stream(), map[string]any{"last_by_subj": subject})
	switch {
	case errors.Is(err, ErrNoMessage):
		return StreamMessage{}, nil
	case err != nil:
		return StreamMessage{}, b.failed(b.stream(), err)
	}
	return msg, nil
}

// failed explains an error; where the bucket is missing it is made anew.
func (b *bucketEntries) failed(what string, err error) *Error {
	e := b.conn.explain(what, err)
	if e.Code == CodeNoStream {
		b.conn.miss()
	}
	return e
}

// read gives a key's value and revision; nil and the revision of the removal for one that was removed, and nil and 0 for none.
func (b *bucketEntries) read(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	msg, err := b.last(ctx, b.subject(key))
	if err != nil || isRemoved(msg) {
		return nil, msg.Sequence, err
	}
	return slices.Clone(msg.Data), msg.Sequence, nil
}

// isRemoved says whether a message of a bucket says that there is no entry. No entry here is empty.
func isRemoved(m StreamMessage) bool { return len(m.Data) == 0 }

// write writes a key's value if the last revision of within is still the one given, and returns the new one. within is the
// key's own subject, or one with a wildcard that matches it.
func (b *bucketEntries) write(ctx context.Context, key string, value []byte, within string, revision uint64) (uint64, error) {
	return b.writeMessage(ctx, &nats.Msg{Subject: b.subject(key), Data: value, Header: nats.Header{}}, within, revision)
}

func (b *bucketEntries) writeMessage(ctx context.Context, msg *nats.Msg, within string, revision uint64) (uint64, error) {
	attempt := rand.Text()
	msg.Header.Set(writeHeader, attempt)
	msg.Header.Set(js.ExpectedLastSubjSeqHeader, strconv.FormatUint(revision, 10))
	if within != msg.Subject {
		msg.Header.Set(groupHeader, within)
	}
	stored, err := b.publish(ctx, msg)
	if !isConflict(err) {
		return stored, err
	}
	if now, err := b.last(ctx, msg.Subject); err == nil && now.Header.Get(writeHeader) == attempt {
		return now.Sequence, nil // its answer was lost
	}
	return 0, meeting.ErrConflict
}

// publish tries again where no answer came, which meets a conflict if the first attempt was stored.
func (b *bucketEntries) publish(ctx context.Context, msg *nats.Msg) (sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ack, err := b.conn.publishOnce(ctx, msg)
		if err == nil {
			return ack.Sequence, nil
		}
		failed := b.failed(msg.Subject, err)
		if !isUnanswered(failed) || b.conn.nc.IsClosed() || !sleep(ctx, jitter(pause)) {
			return 0, failed
		}
	}
}

// markerTTL is how long it is known that a key was removed.
const markerTTL = time.Minute

// remove drops a key if the last revision of within is still the one given. For a while a marker stands in its place, for two
// reasons. A write that was meant for before the removal, and that hung in a connection or was tried again, would find no
// entry, as it expects, and begin an event anew that is over. And nats-server 2.15, if it is killed, brings messages back
// that were removed because a newer one took their place, once that one is gone.
func (b *bucketEntries) remove(ctx context.Context, key, within string, revision uint64) error {
	marker := &nats.Msg{Subject: b.subject(key), Header: nats.Header{"KV-Operation": {"DEL"}, js.MsgTTLHeader: {markerTTL.String()}}}
	_, err := b.writeMessage(ctx, marker, within, revision)
	return err
}
