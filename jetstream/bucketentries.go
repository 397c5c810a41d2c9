package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"

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
		return StreamMessage{}, b.conn.explain(b.stream(), err)
	}
	return msg, nil
}

// read gives a key's value and revision; nil and the revision of the removal for one that was deleted, and nil and 0 for none.
func (b *bucketEntries) read(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	msg, err := b.last(ctx, b.subject(key))
	if err != nil || msg.Sequence == 0 || msg.Header.Get("KV-Operation") != "" { // DEL or PURGE
		return nil, msg.Sequence, err
	}
	return slices.Concat([]byte{}, msg.Data), msg.Sequence, nil
}

// write writes a key's value if the last revision of within is still the one given, and returns the new one. within is the
// key's own subject, or one with a wildcard that matches it.
func (b *bucketEntries) write(ctx context.Context, key string, value []byte, within string, revision uint64) (uint64, error) {
	attempt := rand.Text()
	msg := &nats.Msg{Subject: b.subject(key), Data: value, Header: nats.Header{
		writeHeader:                  {attempt},
		js.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)},
	}}
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
		failed := b.conn.explain(msg.Subject, err)
		if !isUnanswered(failed) || b.conn.nc.IsClosed() || !sleep(ctx, jitter(pause)) {
			return 0, failed
		}
	}
}

// remove drops a key if its revision is still the one given. It leaves no marker, which would fill the bucket.
func (b *bucketEntries) remove(ctx context.Context, key string, revision uint64) error {
	var answer struct {
		Purged uint64 `json:"purged"`
	}
	request := map[string]any{"filter": b.subject(key), "seq": revision + 1}
	if err := b.conn.askAPI(ctx, "$JS.API.STREAM.PURGE."+b.stream(), request, &answer); err != nil {
		return b.conn.explain(b.stream(), err)
	}
	if answer.Purged > 0 {
		return nil
	}
	return meeting.ErrConflict
}

// put writes a key's value, whatever was there.
func (b *bucketEntries) put(ctx context.Context, key string, value []byte) error {
	_, err := b.publish(ctx, &nats.Msg{Subject: b.subject(key), Data: value, Header: nats.Header{}})
	return err
}
