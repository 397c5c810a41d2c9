package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// Captures are read in order, and stay for the workers.
func TestStoredCaptures(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	streams, ctx := jetstream.DefaultTopology(), within(t, 30*time.Second)
	for m, err := range c.StoredCaptures(ctx, streams, "") {
		t.Errorf("an empty stream holds %+v, %v", m, err)
	}
	for i := range 20 {
		if _, err := c.PublishCapture(ctx, fmt.Sprintf("captures.net.s%d", i%5), messages.NewCaptureID(), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(filter string) (bodies []string) {
		t.Helper()
		for m, err := range c.StoredCaptures(ctx, streams, filter) {
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(m.Data))
		}
		return bodies
	}
	if got := read("captures.*.s2"); !slices.Equal(got, []string{"2", "7", "12", "17"}) {
		t.Errorf("on one subject are %v", got)
	}
	if got := read(""); len(got) != 20 {
		t.Errorf("on all are %v", got)
	}
	for m := range c.StoredCaptures(ctx, streams, "") {
		if string(m.Data) != "0" || m.Sequence != 1 || m.Subject != "captures.net.s0" {
			t.Errorf("first came %+v", m)
		}
		break
	}
	for n, want := range map[int][]uint64{0: nil, 1: {18}, 3: {8, 13, 18}, 9: {3, 8, 13, 18}} {
		if got, err := c.LastCaptures(ctx, streams, "captures.net.s2", n); err != nil || !slices.Equal(got, want) {
			t.Errorf("the last %d are %v, %v; want %v", n, got, err, want)
		}
	}
	if got, err := c.LastCaptures(ctx, streams, "", 4); err != nil || !slices.Equal(got, []uint64{17, 18, 19, 20}) {
		t.Errorf("the last of all are %v, %v", got, err)
	}
	if m, err := c.StoredCapture(ctx, streams, 3); err != nil || string(m.Data) != "2" {
		t.Errorf("number 3 is %+v, %v", m, err)
	}
}

func TestStoredCapturesFailures(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	streams, ctx := jetstream.DefaultTopology(), within(t, 30*time.Second)
	if _, err := c.StoredCapture(ctx, streams, 7); code(err) != jetstream.CodeNoCapture {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := c.LastCaptures(ctx, streams, "captures..x", 1); code(err) != jetstream.CodeBadOption {
		t.Errorf("on no subject: %v", err)
	}
	none := streams.WithPrefix("OTHER")
	if _, err := c.LastCaptures(ctx, none, "", 1); code(err) != jetstream.CodeNoStream {
		t.Errorf("of no stream: %v", err)
	}
	for _, err := range c.StoredCaptures(ctx, none, "") {
		if code(err) != jetstream.CodeNoStream {
			t.Errorf("of no stream: %v", err)
		}
	}
	if _, err := c.PublishCapture(ctx, "captures.net.a", messages.NewCaptureID(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.StoredCapture(ended, streams, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
