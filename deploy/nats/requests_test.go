package nats_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// hear has a station answer requests with its name until the test ends.
func (s *site) hear(t *testing.T, key, inbox, subject string) {
	t.Helper()
	q, err := s.connect(t, key, inbox).HearQuestions(within(t), subject, func([]byte) []byte { return []byte(key) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Stop)
}

// ask gathers the answers to a request until so many have come, and for a moment more.
func ask(t *testing.T, c *jetstream.Conn, subject string, want int) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := c.AskStations(ctx, subject, []byte("{}"), func(answer []byte) bool {
		if got = append(got, string(answer)); len(got) == want {
			time.AfterFunc(300*time.Millisecond, cancel) // whoever answers twice does so within it
		}
		return false
	})
	if err != nil {
		t.Errorf("asking on %s: %v", subject, err)
	}
	slices.Sort(got)
	return got
}

// testDispatcher asks the stations of a network, each of which answers once, and hears the fix.
func (s *site) testDispatcher(t *testing.T) {
	both := []string{"HB9ODP.nk", "JO51xl.nk"}
	s.hear(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP", "requests.dcf")
	s.hear(t, "JO51xl.nk", "_INBOX_dcf.JO51xl", "requests.dcf")
	for key, inbox := range map[string]string{"dispatcher.nk": "_INBOX_dispatcher", "local.nk": "_INBOX_dispatcher", "operator.nk": ""} {
		c := s.connect(t, key, inbox)
		for range 3 {
			if got := ask(t, c, "requests.dcf", 2); !slices.Equal(got, both) {
				t.Errorf("%s: the answers are of %q; want %q", key, got, both)
			}
		}
	}
	c := s.connect(t, "dispatcher.nk", "_INBOX_dispatcher")
	none, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.AskStations(none, "requests.other", []byte("{}"), func(answer []byte) bool { t.Errorf("another network's station answers: %s", answer); return true }); err != nil {
		t.Error(err)
	}
	fixes, err := c.Fixes(within(t), jetstream.DefaultTopology(), "fixes.dcf.event")
	if err != nil {
		t.Fatal(err)
	}
	defer fixes.Stop()
	worker := s.connect(t, "worker.nk", "_INBOX_worker")
	if _, err := worker.PublishFix(within(t), "fixes.dcf.event", "fixes.dcf.event/x", messages.ContentTypeJSON, []byte(`{"v":1}`)); err != nil {
		t.Fatal(err)
	}
	if m, err := fixes.Next(within(t)); err != nil || string(m.Body) != `{"v":1}` {
		t.Errorf("the dispatcher hears %+v, %v", m, err)
	}
}

// testDispatcherMayNot: it asks stations, and nobody else; and no answer goes anywhere but to whoever asked.
func (s *site) testDispatcherMayNot(t *testing.T) {
	others := slices.DeleteFunc(everything(), func(subject string) bool { return subject == "requests.dcf" })
	s.mayNot(t, "dispatcher.nk", append(others, "captures.dcf.HB9ODP", "requests.dcf.x", "$JS.API.INFO", "_INBOX_dcf.HB9ODP.x"),
		append(models(), ">", "captures.>", "requests.dcf", "requests.>", "dead.>", "truth.>", "fixes.>", "$JS.>", "$KV.>", "$SYS.>", "_INBOX.>", "_R_.>"))
	s.mayNot(t, "local.nk", []string{"requests.city", "requests.*"}, []string{"fixes.city.*", "fixes.*.*"})
	s.mayNot(t, "HB9ODP.nk", []string{"requests.dcf", "requests.city"}, []string{"requests.city", "requests.*", "requests.>"})

	operator := s.connect(t, "operator.nk", "")
	before := stored(t, operator, jetstream.StreamCaptures, "captures.dcf.JO51xl")
	r, heard := s.raw(t, "local.nk"), make(chan struct{})
	station, err := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP").HearQuestions(within(t), "requests.dcf", func([]byte) []byte { heard <- struct{}{}; return []byte("{}") })
	if err != nil {
		t.Fatal(err)
	}
	defer station.Stop()
	for _, answer := range []string{"captures.dcf.JO51xl", "fixes.dcf.event", "$JS.API.STREAM.PURGE.FIXES"} {
		if err := r.PublishRequest("requests.dcf", answer, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(patience):
			t.Fatal("the station has not heard the request")
		}
	}
	if got := ask(t, s.connect(t, "dispatcher.nk", "_INBOX_dispatcher"), "requests.other", 1); len(got) > 0 {
		t.Errorf("answers %q", got)
	}
	if n := stored(t, operator, jetstream.StreamCaptures, "captures.dcf.JO51xl"); n != before {
		t.Errorf("%d answers to a dispatcher became captures of another station", n-before)
	}
}
