package jetstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

func deadRoom(t testing.TB, c *jetstream.Conn) jetstream.DeadRoom {
	t.Helper()
	room, err := c.DeadRoom(within(t, 10*time.Second), jetstream.DefaultTopology())
	if err != nil {
		t.Fatal(err)
	}
	return room
}

// A stream of dead letters that is full takes new ones, discards the oldest, and can be seen to.
func TestDeadRoom(t *testing.T) {
	t.Parallel()
	c := connect(t, jetstream.Options{URL: jetstreamtest.Start(t).ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Dead.MaxBytes, topo.Dead.MaxMsgsPerSubject = 100_000, 20
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	if room := deadRoom(t, c); room.Letters != 0 || !room.Oldest.IsZero() || room.Warnings() != nil || room.MaxAge != 14*24*time.Hour {
		t.Errorf("of none: %+v, %q", room, room.Warnings())
	}
	for range 18 {
		bury(t, c, &messages.DeadLetter{Subject: "captures.net.crowd", Reason: "empty"})
	}
	room := deadRoom(t, c)
	if got := room.Warnings(); len(got) != 1 || !strings.Contains(got[0], `1 subjects have nearly`) || !strings.Contains(got[0], `"captures.net.crowd"`) {
		t.Errorf("of a crowded subject: %q", got)
	}
	if room.Letters != 18 || time.Since(room.Oldest) > time.Minute || room.Bytes == 0 || room.MaxBytes != 100_000 {
		t.Errorf("%+v", room)
	}
	for range 12 {
		bury(t, c, &messages.DeadLetter{Subject: "captures.net.large", Reason: "bad_rate", Body: make([]byte, 10_000)})
	}
	if got := list(t, c, jetstream.DeadFilter{}); got[0] == 1 || got[len(got)-1] != 30 {
		t.Errorf("letters %v are left; want the newest", got)
	}
	if got := deadRoom(t, c).Warnings(); len(got) != 1 || !strings.Contains(got[0], "of 100000 bytes are taken") {
		t.Errorf("of a full stream: %q", got)
	}
}

// Where a dead letter cannot be stored, its capture stays where it is, and is buried once it can.
func TestNoRoomForTheDead(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	full := w.topology.Dead
	full.Discard, full.MaxMsgs = js.DiscardNew, 1
	if _, err := w.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	bury(t, w.Conn, &messages.DeadLetter{Subject: "captures.net.a", Reason: "empty"})
	w.exhaust(t, "captures.net.poison")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := w.reaper()
	r.Look(ctx)
	err := r.Look(ctx)
	var e *jetstream.Error
	if !errors.As(err, &e) || e.Code != jetstream.CodeStreamFull {
		t.Errorf("burying without room: %v", err)
	}
	w.expect(t, 1, 1, 0)
	if _, err := w.js.UpdateStream(t.Context(), w.topology.Dead); err != nil {
		t.Fatal(err)
	}
	w.look(t, r, 2)
	w.expect(t, 0, 2, 1)
}
