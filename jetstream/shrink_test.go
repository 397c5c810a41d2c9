package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// Captures that were acknowledged stay, whatever the limits asked for.
func TestApplyDeletesNoCaptures(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	publish(t, c, "captures.net.few", 4, 1000)
	publish(t, c, "captures.net.many", 10, 1000)
	published := time.Now()
	stream, err := plainStream(t, s.ClientURL()).Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "captures of some age", func() bool { return time.Since(published) > 200*time.Millisecond })
	for says, change := range map[string]func(*jetstream.Topology){
		`"captures.net.many" has 10 captures waiting, more than 5: --apply would delete`: func(t *jetstream.Topology) { t.Captures.MaxMsgsPerSubject = 5 },
		"bytes of captures wait, more than 9000: ":                                       func(t *jetstream.Topology) { t.Captures.MaxBytes = 9000 },
		"14 captures wait, more than 13: ":                                               func(t *jetstream.Topology) { t.Captures.MaxMsgs = 13 },
		"longer than 100ms: ": func(t *jetstream.Topology) {
			t.Captures.MaxAge, t.Captures.Duplicates = 100*time.Millisecond, 100*time.Millisecond
		},
	} {
		topo := jetstream.DefaultTopology()
		change(&topo)
		changed, err := c.ApplyWhenReady(within(t, patience), topo)
		if code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "drain") {
			t.Errorf("%v; want %s with %q", err, jetstream.CodeBadSetup, says)
		}
		if len(changed) != 0 {
			t.Errorf("%q: a refused change is told as made: %v", says, changed)
		}
		if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 14 || info.Config.MaxMsgsPerSubject != 10_000 {
			t.Fatalf("%q: of 14 captures %d are left, %v", says, info.State.Msgs, err)
		}
	}
	topo := jetstream.DefaultTopology()
	topo.Captures.MaxMsgsPerSubject, topo.Captures.MaxBytes, topo.Captures.MaxMsgs = 10, 64<<20, 14
	changed, err := c.Apply(t.Context(), topo)
	if err != nil || len(changed) != 3 {
		t.Errorf("limits that all captures keep: %v, %v", changed, err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 14 {
		t.Errorf("of 14 captures %d are left, %v", info.State.Msgs, err)
	}
}

// Letters and fixes may go, but not without a word.
func TestApplySaysThatLettersGo(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s, _ := start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL(), Log: log.logger()})
	topo := jetstream.DefaultTopology()
	topo.Dead.MaxAge = time.Hour
	if _, err := c.Apply(t.Context(), topo); err != nil || strings.Contains(log.String(), "deleted") {
		t.Errorf("an empty stream: %v\n%s", err, log.String())
	}
	for range 2 {
		if _, err := plainStream(t, s.ClientURL()).Publish(t.Context(), "dead.net.a", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	topo.Dead.MaxBytes = 1 << 30
	if changed, err := c.Apply(t.Context(), topo); err != nil || len(changed) != 1 {
		t.Errorf("%v, %v", changed, err)
	}
	if want := "stream=DEAD messages=2 "; !strings.Contains(log.String(), "beyond them are deleted") || !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, log.String())
	}
}

// A change that the server refuses was not made; those before it were.
func TestApplyTellsOnlyWhatWasChanged(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	topo.Fixes.MaxAge = time.Hour
	topo.Workers.AckWait = time.Minute
	topo.Workers.MaxWaiting = 7 // cannot be changed
	changed, err := c.Apply(t.Context(), topo)
	if err == nil || len(changed) != 1 || changed[0].Field != "max_age" {
		t.Errorf("changed %v, %v; want only FIXES' max_age, and an error", changed, err)
	}
	topo = jetstream.DefaultTopology().WithReplicas(3)
	if changed, err := c.Apply(t.Context(), topo); code(err) != jetstream.CodeBadSetup || len(changed) != 0 {
		t.Errorf("changed %v, %v; want nothing, and an error", changed, err)
	}
	topo = jetstream.DefaultTopology()
	topo.Fixes.MaxAge = time.Hour
	topo.Leases.Replicas = 3
	if changed, err := c.Apply(t.Context(), topo); code(err) != jetstream.CodeBadSetup || len(changed) != 0 {
		t.Errorf("changed %v, %v; want nothing, and an error", changed, err)
	}
}
