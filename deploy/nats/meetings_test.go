package nats_test

import (
	"slices"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/meeting"
)

// testMeetings takes an event through a worker's hands: two stations' captures wait for each other, are read and deleted, and
// another worker hears whom this one heard.
func (s *site) testMeetings(t *testing.T, c *jetstream.Conn) {
	topology := jetstream.DefaultTopology()
	open := func(c *jetstream.Conn) *jetstream.Meetings {
		m, err := c.Meetings(within(t), topology)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m, other := open(c), open(s.connect(t, "worker.nk", "_INBOX_worker"))
	defer m.Close()
	defer other.Close()
	m.Hear("dcf", 77500, "HB9ODP")
	waitFor(t, "another worker's word of a station", func() bool {
		return slices.Equal(other.Heard("dcf", 77500, time.Now().Add(time.Minute)), []string{"HB9ODP"})
	})

	key, slot := meeting.KeyOfEvent("dcf", "x"), meeting.KeyOfSlot("dcf", 77500, 1)
	for _, key := range []meeting.Key{key, slot} {
		_, revision, err := m.Read(within(t), key)
		if err == nil {
			revision, err = m.Write(within(t), key, []byte("x"), revision)
		}
		if err == nil {
			err = m.End(within(t), key, []byte("done"), 0)
		}
		if err == nil {
			err = m.Remove(within(t), key, revision)
		}
		if err != nil {
			t.Errorf("%v: %v", key, err)
		}
		if value, _, err := m.Ended(within(t), key); string(value) != "done" || err != nil {
			t.Errorf("%v ended as %q, %v", key, value, err)
		}
	}
	if now, err := m.Now(within(t)); err != nil || now.IsZero() {
		t.Errorf("the server's clock: %v, %v", now, err)
	}

	publish(t, s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
	if _, err := m.Behind(within(t), "dcf", time.Now().Add(time.Hour)); err != nil { // whether the source took it already
		t.Error(err)
	}
	look, err := c.Recent(within(t), topology.Captures.Name, 1)
	if err != nil || len(look) != 1 {
		t.Fatal(look, err)
	}
	places := []meeting.Place{{Sequence: look[0].Sequence, Stored: look[0].Time.UnixNano()}}
	if found, err := m.Fetch(within(t), places); err != nil || found[0] == nil {
		t.Errorf("a member is %v, %v", found, err)
	}
	if err := m.Delete(within(t), places); err != nil {
		t.Error(err)
	}
}
