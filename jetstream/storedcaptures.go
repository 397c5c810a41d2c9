package jetstream

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// CodeNoCapture is the code of an error about a capture that is not in its stream.
const CodeNoCapture = "no_capture"

// StoredCapture returns the capture of a sequence, and takes nothing from the workers: it is a direct get. If there is none the
// error's code is CodeNoCapture.
func (c *Conn) StoredCapture(ctx context.Context, t Topology, sequence uint64) (StreamMessage, error) {
	m, err := c.direct(ctx, t.Captures.Name, map[string]any{"seq": sequence})
	if errors.Is(err, ErrNoMessage) {
		return m, fail(CodeNoCapture, err, "there is no capture %d in %s: a worker has finished it, or it never was", sequence, t.Captures.Name)
	}
	if err != nil {
		return m, c.explain(t.Captures.Name, err)
	}
	return m, nil
}

// StoredCaptures are the captures on the subjects that filter matches (NATS wildcards; "" for all), in order, up to the last
// there was at the beginning. Each is a direct get: nothing is taken from the workers, who may finish some meanwhile. The first
// error ends the sequence.
func (c *Conn) StoredCaptures(ctx context.Context, t Topology, filter string) iter.Seq2[StreamMessage, error] {
	return func(yield func(StreamMessage, error) bool) {
		first, end, err := c.captureRange(ctx, t, filter)
		if err == nil {
			err = c.eachCapture(ctx, t, filter, first, end, func(m StreamMessage) bool { return yield(m, nil) })
		}
		if err != nil {
			yield(StreamMessage{}, err)
		}
	}
}

// LastCaptures returns the sequences of the last n captures, at most, on the subjects that filter matches, in order. As a stream
// cannot be read backwards, it is read in pieces from its end, each twice as long as the one before.
func (c *Conn) LastCaptures(ctx context.Context, t Topology, filter string, n int) (found []uint64, err error) {
	first, end, err := c.captureRange(ctx, t, filter)
	if err != nil || n <= 0 {
		return nil, err
	}
	for length := uint64(n); len(found) < n && end > first; length *= 2 {
		start := first
		if end-first > length {
			start = end - length
		}
		var piece []uint64
		err := c.eachCapture(ctx, t, filter, start, end, func(m StreamMessage) bool {
			piece = append(piece, m.Sequence)
			return true
		})
		if err != nil {
			return nil, err
		}
		found, end = append(piece, found...), start
	}
	return slices.Clone(found[max(0, len(found)-n):]), nil
}

// captureRange is the sequences that CAPTURES holds at this moment: from first to before end.
func (c *Conn) captureRange(ctx context.Context, t Topology, filter string) (first, end uint64, err error) {
	if err := (DeadFilter{Subject: filter}).validate(); err != nil {
		return 0, 0, err
	}
	info, err := c.streamInfo(ctx, t.Captures.Name, "")
	if err != nil {
		return 0, 0, c.explain(t.Captures.Name, err)
	}
	if info.State.Msgs == 0 {
		return 0, 0, nil
	}
	return info.State.FirstSeq, info.State.LastSeq + 1, nil
}

// eachCapture calls yield for the captures on filter with sequences from first to before end, until it returns false.
func (c *Conn) eachCapture(ctx context.Context, t Topology, filter string, first, end uint64, yield func(StreamMessage) bool) error {
	if filter == "" {
		filter = ">"
	}
	for sequence := first; sequence < end; {
		m, err := c.direct(ctx, t.Captures.Name, map[string]any{"seq": sequence, "next_by_subj": filter})
		switch {
		case errors.Is(err, ErrNoMessage):
			return nil
		case err != nil:
			return c.explain(t.Captures.Name, err)
		case m.Sequence >= end || !yield(m):
			return nil
		}
		sequence = m.Sequence + 1
	}
	return nil
}
