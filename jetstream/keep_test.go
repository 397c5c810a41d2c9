package jetstream_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"foxhunt/jetstream"
	"foxhunt/meeting"
)

// TestKeepMakesBucketsAnew deletes, one after another, the buckets in which captures meet, while a worker lives on.
func TestKeepMakesBucketsAnew(t *testing.T) {
	t.Parallel()
	s, c, m := startMeetings(t)
	topo := jetstream.DefaultTopology()
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { c.Keep(ctx, topo) })
	defer keeping.Wait()
	defer stop()
	open, ended := meeting.KeyOfEvent("net", "open"), meeting.KeyOfEvent("net", "ended")
	for stream, use := range map[string]func() error{
		"KV_" + jetstream.BucketMeetings: func() error {
			_, err := m.Write(ctx, open, []byte("x"), 0)
			if errors.Is(err, meeting.ErrConflict) {
				_, _, err = m.Read(ctx, open)
			}
			return err
		},
		"KV_" + jetstream.BucketMet: func() error { return m.End(ctx, ended, []byte("x"), 0) },
		"KV_" + jetstream.BucketHeard: func() error { // which is looked through when a worker starts, and every minute
			another, err := c.Meetings(ctx, topo)
			if err == nil {
				another.Close()
			}
			return err
		},
	} {
		deleteStream(t, s.ClientURL(), stream)
		if err := use(); code(err) != jetstream.CodeNoStream {
			t.Errorf("%s is gone: %v", stream, err)
		}
		waitFor(t, stream+" to be there again", func() bool { return use() == nil })
	}
}
