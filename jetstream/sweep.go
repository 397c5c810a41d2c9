package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// sweep finds captures that will never be delivered again although no advisory says so: it was lost because its stream was
// full, was deleted, or the server went down just then.
//
// They are told by the floor, the last sequence of which this is sure: nothing at or below it waits to be delivered, or for
// an answer. nats-server 2.15 tells it in two ways. Everything up to ack_floor was delivered and is with nobody, naks with a
// delay included, and is never delivered again, not even after MaxDeliver was raised. And where num_ack_pending is 0 that
// holds for everything up to delivered. (Both are needed: ack_floor only moves with an acknowledgement, and once a capture
// was given up only with one after which no other is with workers.) What lies below was acknowledged or given up; what was
// acknowledged leaves the work queue at once, unless the server is killed just then, which finished sees to.
//
// "At once" is what needs care: on a single server the floor moves an instant before the capture is removed, and in a
// cluster a removal that found the stream without a leader is tried again only every two minutes or so. So a capture must
// be seen below the floor twice, settle or settleReplicated apart. While captures are always with workers the floor may
// stand still; then the sweep waits.
type sweep struct {
	every            time.Duration // between two looks
	settle           time.Duration
	settleReplicated time.Duration // for streams of several replicas
	next             time.Time     // when the next look is due
	mark             floorMark
}

func newSweep() sweep {
	return sweep{every: 15 * time.Second, settle: 20 * time.Second, settleReplicated: 5 * time.Minute}
}

// floorMark is what was seen at some time.
type floorMark struct {
	at               time.Time
	first            uint64    // the consumer's first capture, or the stream's where that is above the floor
	floor            uint64    // see sweep
	deliveries       uint64    // by the consumer, ever; one that was reset counts anew
	stream, consumer time.Time // when they were made; one made anew is another
}

// seen reads a mark off the server's answers, of which the consumer's came first: its floor only rises.
func seen(now time.Time, consumer *js.ConsumerInfo, stream *js.StreamInfo) floorMark {
	m := floorMark{
		at: now, first: stream.State.FirstSeq, floor: consumer.AckFloor.Stream, deliveries: consumer.Delivered.Consumer,
		stream: stream.Created, consumer: consumer.Created,
	}
	if consumer.NumAckPending == 0 {
		m.floor = consumer.Delivered.Stream
	}
	if stream.State.Msgs == 0 {
		m.first = math.MaxUint64
	}
	return m
}

// look holds what is seen now against what was seen before, as settled does. If something is below the floor the next look comes
// no later than it can have settled.
func (s *sweep) look(now floorMark, settle time.Duration) (floor uint64) {
	floor = s.mark.settled(now, settle)
	if ripe := s.mark.at.Add(settle); s.mark.floor > 0 && ripe.After(now.at) && ripe.Before(s.next) {
		s.next = ripe
	}
	return floor
}

// settled compares the mark with what is seen now, and returns the sequence up to which captures have been below the floor
// for the time settle; 0: none have.
func (m *floorMark) settled(now floorMark, settle time.Duration) uint64 {
	same := m.first == now.first && now.deliveries >= m.deliveries && m.stream.Equal(now.stream) && m.consumer.Equal(now.consumer)
	switch {
	case now.first > now.floor: // nothing lies below, as far as can be seen just now
		if !same {
			*m = floorMark{}
		}
		return 0
	case !same:
		*m = now
		return 0
	case now.at.Sub(m.at) < settle:
		return 0
	}
	floor := min(m.floor, now.floor)
	*m = now
	return floor
}

// sweepWhenDue looks whether there are captures below the floor, and buries those that have been there long enough. A look
// that finds none costs the server two answers from memory, and one capture's bytes while other pools' lie below the floor.
func (r *reaper) sweepWhenDue(ctx context.Context) error {
	now := time.Now()
	if now.Before(r.sweep.next) {
		return nil
	}
	r.sweep.next = now.Add(r.sweep.every)
	t := r.topology
	consumer, err := r.conn.js.Consumer(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return err
	}
	stream, err := r.conn.js.Stream(ctx, t.Captures.Name)
	if err != nil {
		return err
	}
	settle := r.sweep.settle
	if stream.CachedInfo().Config.Replicas > 1 {
		settle = r.sweep.settleReplicated
	}
	config := consumer.CachedInfo().Config
	mark := seen(now, consumer.CachedInfo(), stream.CachedInfo())
	if mark.first <= mark.floor || r.sweep.mark.floor > 0 { // those of other pools may come and go below the floor
		if mark.first, err = r.first(ctx, filtersOf(config)); err != nil {
			return err
		}
	}
	first := mark.first
	floor := r.sweep.look(mark, settle)
	if floor == 0 {
		return nil
	}
	var failed []error
	for _, filter := range filtersOf(config) {
		failed = append(failed, r.buryUpTo(ctx, filter, first, floor, config.MaxDeliver))
	}
	return errors.Join(failed...)
}

// first is the sequence of the first capture that the filters choose.
func (r *reaper) first(ctx context.Context, filters []string) (uint64, error) {
	first := uint64(math.MaxUint64)
	for _, filter := range filters {
		m, err := r.conn.stored(ctx, r.topology.Captures.Name, map[string]any{"seq": 1, "next_by_subj": filter})
		switch {
		case err == nil:
			first = min(first, m.Sequence)
		case !errors.Is(err, ErrNoMessage):
			return 0, err
		}
	}
	return first, nil
}

// filtersOf are the subjects that the consumer delivers: captures of others, which another consumer may deliver, are none
// of its business.
func filtersOf(config js.ConsumerConfig) []string {
	switch {
	case len(config.FilterSubjects) > 0:
		return config.FilterSubjects
	case config.FilterSubject != "":
		return []string{config.FilterSubject}
	}
	return []string{">"}
}

// buryUpTo buries the captures that filter chooses from sequence on, up to last. What is the matter with one capture does not
// keep the others from being buried.
func (r *reaper) buryUpTo(ctx context.Context, filter string, sequence, last uint64, maxDeliver int) error {
	var failed []error
	for sequence <= last {
		m, err := r.conn.stored(ctx, r.topology.Captures.Name, map[string]any{"seq": sequence, "next_by_subj": filter})
		if errors.Is(err, ErrNoMessage) || err == nil && m.Sequence > last {
			break
		}
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		sentence := fmt.Sprintf("%s delivers it no more, up to %d times are allowed, and it was never finished; no advisory told of it",
			r.topology.Workers.Durable, maxDeliver)
		if err := r.clear(ctx, m, max(maxDeliver, 0), sentence); err != nil {
			failed = append(failed, fmt.Errorf("capture %d: %w", m.Sequence, err))
			if !r.conn.isAboutOne(m.Subject, err) {
				break
			}
		}
		sequence = m.Sequence + 1
	}
	return errors.Join(failed...)
}

// isAboutOne reports whether an error about a message may be no other message's.
func (c *Conn) isAboutOne(subject string, err error) bool {
	switch c.explain(subject, err).Code {
	case CodeNotConnected, CodeTimeout, CodeNoStream, CodeStreamFull, CodeRefused:
		return false
	}
	return true
}
