package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// read enters every stored fix and dead letter in the ledger.
func (h *House) read() {
	h.t.Helper()
	h.each(h.topology.Fixes.Name, func(m js.Msg, at time.Time) {
		if messages.IsShadow(m.Subject()) {
			return
		}
		if fix := h.decode(m.Headers().Get("Content-Type"), m.Data()); fix != nil {
			h.books.FixStored(m.Subject(), fix, at)
		}
	})
	h.each(h.topology.Dead.Name, func(m js.Msg, _ time.Time) {
		letter, err := messages.DecodeDeadLetter(m.Data(), m.Headers())
		if err != nil {
			h.t.Errorf("a dead letter that cannot be read: %v", err)
			return
		}
		id := ""
		if ids := letter.Headers[js.MsgIDHeader]; len(ids) > 0 {
			id = ids[0]
		}
		h.books.DeadStored(id, letter.Reason, letter.Sentence)
	})
}

// each calls with every message of a stream, in order.
func (h *House) each(stream string, with func(m js.Msg, at time.Time)) {
	h.t.Helper()
	last, seen := uint64(0), uint64(0)
	h.ask("the stream "+stream, func(ctx context.Context) error {
		s, err := h.js.Stream(ctx, stream)
		if err == nil {
			last = s.CachedInfo().State.LastSeq
			if s.CachedInfo().State.Msgs == 0 {
				last = 0
			}
		}
		return err
	})
	if last == 0 {
		return
	}
	consumer, err := h.js.OrderedConsumer(h.t.Context(), stream, js.OrderedConsumerConfig{})
	if err != nil {
		h.t.Fatalf("reading %s: %v", stream, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		h.t.Fatalf("reading %s: %v", stream, err)
	}
	defer messages.Stop()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	for seen < last {
		m, err := messages.Next(js.NextContext(ctx))
		if errors.Is(err, js.ErrNoHeartbeat) { // the ordered consumer makes itself anew
			continue
		}
		if err != nil {
			h.t.Fatalf("reading %s: at %d of %d: %v", stream, seen, last, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			h.t.Fatalf("reading %s: %v", stream, err)
		}
		seen = meta.Sequence.Stream
		with(m, meta.Timestamp)
	}
}

// describeLeft says of some captures in the work queue which they are, and what the consumer thinks.
func (h *House) describeLeft() string {
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	var b strings.Builder
	if consumer, err := h.js.Consumer(ctx, h.topology.Captures.Name, h.topology.Workers.Durable); err == nil {
		i := consumer.CachedInfo()
		fmt.Fprintf(&b, "  consumer: %d pending, %d unacknowledged, %d redelivered, %d pulls wait\n", i.NumPending, i.NumAckPending, i.NumRedelivered, i.NumWaiting)
	}
	stream, err := h.js.Stream(ctx, h.topology.Captures.Name)
	if err != nil {
		return b.String() + err.Error()
	}
	state := stream.CachedInfo().State
	for sequence, n := state.FirstSeq, 0; sequence <= state.LastSeq && n < 10; sequence++ {
		if m, err := stream.GetMsg(ctx, sequence); err == nil {
			fmt.Fprintf(&b, "  %d: %s of %s\n", sequence, m.Header.Get(js.MsgIDHeader), m.Subject)
			n++
		}
	}
	return b.String()
}
