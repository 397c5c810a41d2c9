package jetstream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// A server that goes away is no alarm of the reaper's own: the connection has told it.
func TestReaperIsCalmWhenTheServerGoes(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL(), Log: log.logger()})
	topo := jetstream.DefaultTopology()
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		jetstream.NewTestReaper(c, topo, "w1", time.Second, func(string) {}).Run(ctx)
	}()
	defer func() { cancel(); <-done }()
	s.Shutdown()
	waitFor(t, "a word about the interruption", func() bool {
		return strings.Contains(log.String(), `level=INFO msg="listening for captures delivered too often was interrupted`)
	})
	if strings.Contains(log.String(), "cannot be moved") {
		t.Errorf("the reaper is alarmed:\n%s", log.String())
	}
}
