package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// Codes of errors about dead letters.
const (
	CodeNoLetter      = "no_dead_letter" // there is none of this number
	CodeNotReplayable = "not_replayable" // what it holds cannot be put back
)

// Dead is a dead letter in its stream.
type Dead struct {
	Sequence uint64    // in the stream of dead letters
	Stored   time.Time // when that stream stored it, by the server's clock
	Size     int       // bytes of the original's body
	// Letter is what its headers say. Its Body is there from DeadLetter only.
	Letter *messages.DeadLetter
	// Foreign: the headers are not a worker's. The letter's Reason is bad_dead_letter, its Sentence says what is wrong,
	// and it cannot be replayed.
	Foreign bool
}

// listed is how many dead letters are asked for at once: headers only, up to 8 KiB each.
const listed = 256

// DeadLetters are those that f chooses, in order of time, up to the last there was at the beginning: what dies meanwhile
// comes another time. Bodies stay with the server, but for those of which f must know the stations, one at a time. The
// first error ends the sequence. Letters may be deleted while they are listed.
func (c *Conn) DeadLetters(ctx context.Context, t Topology, f DeadFilter) iter.Seq2[Dead, error] {
	return func(yield func(Dead, error) bool) {
		err := c.eachDead(ctx, t, f, func(d Dead) bool { return yield(d, nil) })
		if err != nil {
			yield(Dead{}, err)
		}
	}
}

// eachDead calls yield for the dead letters that f chooses until it returns false.
func (c *Conn) eachDead(ctx context.Context, t Topology, f DeadFilter, yield func(Dead) bool) error {
	if err := f.validate(); err != nil {
		return err
	}
	info, err := c.deadInfo(ctx, t)
	if err != nil || info.State.Msgs == 0 {
		return err
	}
	reader, err := c.readDead(ctx, t, f)
	if err != nil {
		return err
	}
	defer reader.close()
	for {
		letters, err := reader.next(ctx)
		if err != nil || len(letters) == 0 {
			return err
		}
		for _, d := range letters {
			if d.Sequence > info.State.LastSeq {
				return nil
			}
			fits, err := c.fits(ctx, t, f, d)
			if err != nil {
				return err
			}
			if fits && !yield(d) {
				return nil
			}
		}
	}
}

// fits asks for the body only where nothing else decides.
func (c *Conn) fits(ctx context.Context, t Topology, f DeadFilter, d Dead) (bool, error) {
	if !f.matchesHeaders(d) {
		return false, nil
	}
	if f.Station == "" || f.namesSource(d) {
		return true, nil
	}
	full, err := c.DeadLetter(ctx, t, d.Sequence)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeNoLetter {
		return false, nil // deleted meanwhile
	}
	return err == nil && f.hears(full.Letter.Body), err
}

// deadInfo is the configuration and the state of the stream of dead letters.
func (c *Conn) deadInfo(ctx context.Context, t Topology, options ...js.StreamInfoOpt) (info *js.StreamInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err = c.heed(ctx, func(ctx context.Context) error {
		stream, err := c.js.Stream(ctx, t.Dead.Name)
		if err == nil {
			info = stream.CachedInfo()
			if len(options) > 0 {
				info, err = stream.Info(ctx, options...)
			}
		}
		return err
	}, t.Dead.Name)
	if err != nil {
		return nil, c.explain(t.Dead.Name, err)
	}
	return info, nil
}

// DeadLetter returns one dead letter with its body. If there is none its error's code is CodeNoLetter.
func (c *Conn) DeadLetter(ctx context.Context, t Topology, sequence uint64) (Dead, error) {
	msg, err := c.stored(ctx, t.Dead.Name, map[string]any{"seq": sequence})
	if errors.Is(err, ErrNoMessage) {
		return Dead{}, fail(CodeNoLetter, err, "there is no dead letter %d in %s: it was replayed, purged or is past its time, or never was", sequence, t.Dead.Name)
	}
	if err != nil {
		return Dead{}, c.explain(t.Dead.Name, err)
	}
	return newDead(sequence, msg.Time, msg.Subject, len(msg.Data), msg.Data, msg.Header), nil
}

// newDead reads a dead letter's headers. Whoever may publish on dead.> may write what is none.
func newDead(sequence uint64, stored time.Time, subject string, size int, body []byte, headers map[string][]string) Dead {
	letter, err := messages.DecodeDeadLetter(body, headers)
	if err == nil && subject == messages.DeadSubject(letter.Subject) {
		return Dead{Sequence: sequence, Stored: stored, Size: size, Letter: letter}
	}
	why := "its subject is not that of the original"
	var ref *messages.Refusal
	if errors.As(err, &ref) {
		why = ref.Reason
	}
	return Dead{Sequence: sequence, Stored: stored, Size: size, Foreign: true, Letter: &messages.DeadLetter{
		Body: body, Subject: strings.TrimPrefix(subject, messages.DeadPrefix+"."), Time: stored,
		Reason: messages.CodeBadDeadLetter, Sentence: why,
	}}
}

// deadReader reads headers of dead letters through a consumer of its own.
type deadReader struct {
	conn     *Conn
	stream   string
	consumer js.Consumer
	read     uint64 // letters so far, for noticing that one is missing
}

func (c *Conn) readDead(ctx context.Context, t Topology, f DeadFilter) (*deadReader, error) {
	config := js.ConsumerConfig{
		AckPolicy: js.AckNonePolicy, HeadersOnly: true, FilterSubjects: f.subjects(),
		MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Hour, // if this process dies; a replay may take its time
	}
	if !f.After.IsZero() {
		config.DeliverPolicy, config.OptStartTime = js.DeliverByStartTimePolicy, &f.After
	}
	r := &deadReader{conn: c, stream: t.Dead.Name}
	err := c.heed(ctx, func(ctx context.Context) (err error) {
		r.consumer, err = c.js.CreateConsumer(ctx, t.Dead.Name, config)
		return err
	}, t.Dead.Name)
	if err != nil {
		return nil, c.explain("the reading of "+t.Dead.Name, err)
	}
	return r, nil
}

// next returns what comes next, and nothing at the end. Only what is no delivery is taken for the server's word on the
// request: nats.go would take for it a letter in whose headers a stranger wrote a status.
func (r *deadReader) next(ctx context.Context) (letters []Dead, err error) {
	inbox := r.conn.nc.NewInbox()
	msgs := make(chan *nats.Msg, listed+1) // a synchronous subscription, too, would look at that status
	sub, err := r.conn.nc.ChanSubscribe(inbox, msgs)
	if err != nil {
		return nil, r.conn.explain(r.stream, err)
	}
	defer sub.Unsubscribe()
	err = r.conn.heed(ctx, func(ctx context.Context) error {
		api := "$JS.API.CONSUMER.MSG.NEXT." + r.stream + "." + r.consumer.CachedInfo().Name
		if err := r.conn.nc.PublishRequest(api, inbox, fmt.Appendf(nil, `{"batch": %d, "no_wait": true}`, listed)); err != nil {
			return err
		}
		for len(letters) < listed {
			msg, err := nextMessage(ctx, msgs)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(msg.Reply, "$JS.ACK.") {
				return endOfList(msg)
			}
			d, err := r.accept(msg)
			if err != nil {
				return err
			}
			letters = append(letters, d)
		}
		return nil
	}, r.stream)
	if err != nil {
		return nil, r.conn.explain(r.stream, err)
	}
	return letters, nil
}

func nextMessage(ctx context.Context, msgs <-chan *nats.Msg) (*nats.Msg, error) {
	silence := time.NewTimer(answerTime)
	defer silence.Stop()
	select {
	case msg := <-msgs:
		return msg, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-silence.C:
		return nil, nats.ErrTimeout
	}
}

// endOfList returns nil where the server says that there is no more.
func endOfList(msg *nats.Msg) error {
	switch status := msg.Header.Get("Status"); status {
	case "404":
		return nil
	case "503":
		return nats.ErrNoResponders
	default:
		return fail(CodeServer, nil, "the listing was ended: %s %s", reasonText(status), reasonText(msg.Header.Get("Description")))
	}
}

func (r *deadReader) accept(msg *nats.Msg) (Dead, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Dead{}, err
	}
	if r.read++; meta.Sequence.Consumer != r.read {
		return Dead{}, fail(CodeServer, nil, "%s: dead letters were lost on the way; begin again", r.stream)
	}
	sizes := msg.Header[msgSizeHeader] // the server's is the last
	if len(sizes) == 0 {
		return Dead{}, fail(CodeServer, nil, "%s: dead letter %d has no size", r.stream, meta.Sequence.Stream)
	}
	size, err := strconv.Atoi(sizes[len(sizes)-1])
	if err != nil {
		return Dead{}, fail(CodeServer, err, "%s: dead letter %d has no size", r.stream, meta.Sequence.Stream)
	}
	return newDead(meta.Sequence.Stream, meta.Timestamp, msg.Subject, size, nil, msg.Header), nil
}

// msgSizeHeader is the size of the body that the server left out.
const msgSizeHeader = "Nats-Msg-Size"

func (r *deadReader) close() {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := r.conn.js.DeleteConsumer(ctx, r.stream, r.consumer.CachedInfo().Name); err != nil {
		r.conn.log.Debug("the consumer of a listing stays for an hour", "stream", r.stream, "error", err)
	}
}
