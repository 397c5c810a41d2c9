package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"foxhunt/jetstream"
)

func TestStoredFixes(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	streams := jetstream.DefaultTopology()
	for i := range 700 { // more than one pull
		publishFix(t, c, "fixes.net.a", fmt.Sprint("early", i))
	}
	publishFix(t, c, "fixes.shadow.net.a", "a shadow's")
	read := func(from time.Time, filters ...string) (bodies []string) {
		t.Helper()
		count, fixes, err := c.StoredFixes(within(t, 30*time.Second), streams, from, filters...)
		if err != nil {
			t.Fatal(err)
		}
		publishFix(t, c, "fixes.net.late", fmt.Sprint("late", time.Now()))
		for m, err := range fixes {
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(m.Body))
		}
		if int(count) != len(bodies) {
			t.Errorf("%d fixes came of %d", len(bodies), count)
		}
		return bodies
	}
	if got := read(time.Time{}, "fixes.*.a", "fixes.shadow.*.*"); len(got) != 701 || got[0] != "early0" || got[700] != "a shadow's" {
		t.Errorf("of two filters came %d fixes", len(got))
	}
	if got := read(time.Time{}, "fixes.net.a"); len(got) != 700 {
		t.Errorf("of one filter came %d fixes", len(got))
	}
	if got := read(time.Time{}); len(got) != 703 {
		t.Errorf("of all came %d fixes", len(got))
	}
	if got := read(time.Now().Add(time.Hour)); len(got) != 0 {
		t.Errorf("of the future came %q", got)
	}
	srv.Restart(t)
	publishFix(t, c, "fixes.net.a", "after the restart")
	if got := read(time.Time{}, "fixes.net.a"); len(got) != 701 {
		t.Errorf("after a restart came %d fixes", len(got))
	}
}

func TestStoredFixesEndsEarly(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	streams := jetstream.DefaultTopology()
	for i := range 3 {
		publishFix(t, c, "fixes.net.a", fmt.Sprint(i))
	}
	_, fixes, err := c.StoredFixes(t.Context(), streams, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for m := range fixes {
		if string(m.Body) != "0" {
			t.Errorf("first came %q", m.Body)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, fixes, err = c.StoredFixes(ctx, streams, time.Time{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, err := range fixes {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("without its context it ended with %v", err)
		}
		break
	}
	streams.Fixes.Name = "NOT_THERE"
	if _, _, err = c.StoredFixes(t.Context(), streams, time.Time{}); code(err) != jetstream.CodeNoStream {
		t.Errorf("without a stream: %v", err)
	}
}
