package jetstream

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
)

// together is how many messages are asked for at once: enough to hide the network, few enough for an answer of 8 MiB each.
const together = 8

// Recent returns up to n of a stream's last messages, the oldest first, without a consumer and without changing anything.
func (c *Conn) Recent(ctx context.Context, stream string, n int) ([]StreamMessage, error) {
	info, err := c.streamInfo(ctx, stream, "")
	if err != nil {
		return nil, explain(stream, err)
	}
	first := info.State.FirstSeq
	if last := info.State.LastSeq; last >= first+uint64(n) {
		first = last - uint64(n) + 1
	}
	if info.State.Msgs == 0 {
		return nil, nil
	}
	var requests []map[string]any
	for sequence := first; sequence <= info.State.LastSeq; sequence++ {
		requests = append(requests, map[string]any{"seq": sequence, "next_by_subj": ">"})
	}
	found, err := c.directAll(ctx, stream, requests)
	slices.SortFunc(found, func(a, b StreamMessage) int { return cmp.Compare(a.Sequence, b.Sequence) })
	// where messages were deleted several requests find the same next one
	return slices.CompactFunc(found, func(a, b StreamMessage) bool { return a.Sequence == b.Sequence }), err
}

// Last returns the last message of each of these subjects; one that has none is left out.
func (c *Conn) Last(ctx context.Context, stream string, subjects []string) ([]StreamMessage, error) {
	var requests []map[string]any
	for _, subject := range subjects {
		requests = append(requests, map[string]any{"last_by_subj": subject})
	}
	return c.directAll(ctx, stream, requests)
}

// First returns the first message of each of these subjects; one that has none is left out.
func (c *Conn) First(ctx context.Context, stream string, subjects []string) ([]StreamMessage, error) {
	var requests []map[string]any
	for _, subject := range subjects {
		requests = append(requests, map[string]any{"seq": 1, "next_by_subj": subject})
	}
	return c.directAll(ctx, stream, requests)
}

func (c *Conn) directAll(ctx context.Context, stream string, requests []map[string]any) ([]StreamMessage, error) {
	got := make([]StreamMessage, len(requests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	for i, request := range requests {
		group.Go(func() error {
			var err error
			if got[i], err = c.direct(ctx, stream, request); errors.Is(err, ErrNoMessage) {
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(got, func(m StreamMessage) bool { return m.Sequence == 0 }), err
}
