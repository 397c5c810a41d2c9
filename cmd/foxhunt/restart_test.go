package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/model/modeltest"
)

// runLogged runs a worker in this process until the test ends, and gives its log with that of its connection.
func (h *house) runLogged(t *testing.T, flags ...string) *syncBuffer {
	t.Helper()
	var text syncBuffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	o := natsOptions{jetstream.Options{URL: h.server.ClientURL(), Log: log}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	options := workerFlags(t, flags...)
	if err := options.settle(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- runWorker(ctx, &o, modeltest.Runtime(t), "127.0.0.1:0", options, log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with %v\n%s", err, text.String())
		}
	})
	waitFor(t, "the worker", func() bool { return strings.Contains(text.String(), "worker ready") })
	return &text
}

// messagesOn is how many messages a stream holds on a subject; none if it is not there.
func (h *house) messagesOn(t *testing.T, stream, subject string) uint64 {
	t.Helper()
	s, err := h.js.Stream(t.Context(), stream)
	if err != nil {
		return 0
	}
	info, err := s.Info(t.Context(), natsjs.WithSubjectFilter(subject))
	if err != nil {
		return 0
	}
	return info.State.Subjects[subject]
}

// TestStreamsDeleted takes away, under a running worker, one after the other what it needs of the server. It makes each
// anew, says so, and goes on; a restart of the server costs it a word.
func TestStreamsDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log := h.runLogged(t, "--bundles", "*.*")
	topology := jetstream.DefaultTopology()
	for i, gone := range []string{topology.Captures.Name, topology.Fixes.Name, topology.Dead.Name, topology.Advisories.Name} {
		if err := h.js.DeleteStream(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		capture, _ := simulated(t, i, uint64(i))
		good, bad := captureSubject(gone, "good"), captureSubject(gone, "bad")
		for subject, data := range map[string][]byte{good: encode(t, capture), bad: []byte("garbage")} {
			waitFor(t, "a stream for "+subject, func() bool { _, err := h.js.Publish(t.Context(), subject, data); return err == nil })
		}
		waitFor(t, "a fix and a dead letter without "+gone, func() bool {
			return h.messagesOn(t, topology.Fixes.Name, "fixes."+gone+".good") == 1 && h.messagesOn(t, topology.Dead.Name, "dead."+bad) == 1
		})
		waitFor(t, "a word about "+gone, func() bool { return strings.Contains(log.String(), `msg="made a stream" name=`+gone) })
	}
	h.waitUntilEmpty(t)
	h.server.Restart(t)
	waitFor(t, "the connection", func() bool { return strings.Contains(log.String(), "connected to NATS again") })
	for _, once := range []string{"lost the connection to NATS", "connected to NATS again"} {
		if n := strings.Count(log.String(), once); n != 1 {
			t.Errorf("%q is said %d times:\n%s", once, n, log.String())
		}
	}
}
