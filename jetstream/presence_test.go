package jetstream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// TestHeard has one worker hear stations: itself and another know of them, and so does one that comes later, and all still do
// after the server was restarted.
func TestHeard(t *testing.T) {
	t.Parallel()
	s, _, first := startMeetings(t)
	second := meetings(t, s.Connect(t), jetstream.DefaultTopology())
	later := time.Now().Add(time.Hour)
	began := now(t, first)
	first.Hear("dcf", 77500.4, "b")
	first.Hear("dcf", 77500, "a")
	first.Hear("dcf", 1000, "elsewhere")
	first.Hear("other", 77500, "stranger")
	both := []string{"a", "b"}
	if got := first.Heard("dcf", 77500, later); !slices.Equal(got, both) {
		t.Errorf("who heard them knows %q", got)
	}
	waitFor(t, "word of the stations", func() bool { return slices.Equal(second.Heard("dcf", 77500.3, later), both) })
	if got := second.Heard("dcf", 77500, began); len(got) != 0 {
		t.Errorf("heard before they were: %q", got)
	}
	s.Restart(t)
	third := meetings(t, s.Connect(t), jetstream.DefaultTopology())
	if got := third.Heard("dcf", 77500, later); !slices.Equal(got, both) {
		t.Errorf("who comes later knows %q", got)
	}
	if got := third.Heard("dcf", 77500, began); len(got) != 0 {
		t.Errorf("who comes later thinks that before they were heard %q were", got)
	}
}

func now(t *testing.T, m *jetstream.Meetings) time.Time {
	t.Helper()
	at, err := m.Now(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestHeardIsBounded has a station that makes up frequencies, and one that publishes in the bucket what it likes.
func TestHeardIsBounded(t *testing.T) {
	t.Parallel()
	s, c, m := startMeetings(t)
	for i := range 200 {
		m.Hear("net", float64(1000+i), "liar")
	}
	for _, odd := range []string{"net.1.a.b", "net.1", "net.1.stätion"} {
		if err := c.PublishPlain("$KV."+jetstream.BucketHeard+"."+odd, []byte(`{"first": 1}`)); err != nil {
			t.Fatal(err)
		}
	}
	for i, odd := range []string{"", "{", `{"first": -1}`, `{"first": 1e300}`, fmt.Sprintf(`{"first": 1%300d}`, 1)} {
		if err := c.PublishPlain(fmt.Sprintf("$KV.%s.net.7.odd%d", jetstream.BucketHeard, i), []byte(odd)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PublishPlain("$KV."+jetstream.BucketHeard+".net.7.future", []byte(`{"first": 9000000000000000000}`)); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	var fresh *jetstream.Meetings
	waitFor(t, "the stations in the bucket", func() bool {
		fresh = meetings(t, s.Connect(t), jetstream.DefaultTopology())
		return len(fresh.Heard("net", 7, later)) > 0
	})
	if got := fresh.Heard("net", 7, later); !slices.Equal(got, []string{"future"}) {
		t.Errorf("of what was made up %q is believed", got)
	}
	places := 0
	for i := range 200 {
		places += len(fresh.Heard("net", float64(1000+i), later))
	}
	if places != 64 {
		t.Errorf("a station that makes up frequencies is told of on %d; want 64", places)
	}
}
