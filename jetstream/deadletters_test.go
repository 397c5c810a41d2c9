package jetstream_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// bury stores dead letters as a worker does.
func bury(t testing.TB, c *jetstream.Conn, letters ...*messages.DeadLetter) {
	t.Helper()
	for _, d := range letters {
		if d.Time.IsZero() {
			d.Time = time.Now()
		}
		if _, err := c.PublishDead(t.Context(), uint64(time.Now().UnixNano()), d); err != nil {
			t.Fatal(err)
		}
	}
}

// heard is a capture's bytes of these stations, with a rate that no worker takes.
func heard(t testing.TB, stations ...string) []byte {
	t.Helper()
	c := &messages.Capture{Version: 1, ID: messages.NewCaptureID(), Frequency: 1e6}
	for _, s := range stations {
		c.Receivers = append(c.Receivers, messages.Receiver{Station: s, Latitude: 45, Longitude: 8, StartTime: 1e18, SampleRate: 48000, Format: messages.CU8, IQ: make([]byte, 200)})
	}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(data, []byte("rate"), []byte("rats"), 1) // of the first receiver
}

// list are the sequences that a filter chooses.
func list(t testing.TB, c *jetstream.Conn, f jetstream.DeadFilter) (all []uint64) {
	t.Helper()
	for d, err := range c.DeadLetters(within(t, 20*time.Second), jetstream.DefaultTopology(), f) {
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		all = append(all, d.Sequence)
	}
	return all
}

func TestDeadLettersAreFiltered(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	if got := list(t, c, jetstream.DeadFilter{}); got != nil {
		t.Errorf("of no letters: %v", got)
	}
	pair := heard(t, "alpha", "beta")
	bury(t, c,
		&messages.DeadLetter{Subject: "captures.net.alpha", Reason: "bad_rate", Body: heard(t, "alpha")},
		&messages.DeadLetter{Subject: "captures.net.bundle", Reason: "bad_rate", Body: pair},
		&messages.DeadLetter{Subject: "captures.other.beta", Reason: "truncated", Body: pair[:30]},
		&messages.DeadLetter{Subject: "captures.net.beta", Reason: "empty"},
	)
	stream, err := jetStream(t, c.Server()).Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	fourth, err := stream.GetMsg(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	bury(t, c,
		&messages.DeadLetter{Subject: "captures.a.b.c", Reason: "bad_subject", Body: []byte{1}},
		&messages.DeadLetter{Subject: "elsewhere.beta", Reason: "bad_subject", Body: heard(t, "gamma")},
	)
	raw(t, c, "dead.captures.net.stranger", nil, []byte("hello"))
	for _, test := range []struct {
		filter jetstream.DeadFilter
		want   string
	}{
		{jetstream.DeadFilter{}, "[1 2 3 4 5 6 7]"},
		{jetstream.DeadFilter{Reason: "bad_rate"}, "[1 2]"},
		{jetstream.DeadFilter{Reason: "bad_dead_letter"}, "[7]"},
		{jetstream.DeadFilter{Reason: "none"}, "[]"},
		{jetstream.DeadFilter{Subject: "captures.net.*"}, "[1 2 4 7]"},
		{jetstream.DeadFilter{Subject: "captures.net.beta"}, "[4]"},
		{jetstream.DeadFilter{Subject: "captures.>"}, "[1 2 3 4 5 7]"},
		{jetstream.DeadFilter{Subject: "captures.a.>"}, "[5]"},
		{jetstream.DeadFilter{Subject: "captures.*"}, "[]"},
		{jetstream.DeadFilter{Subject: "*.beta"}, "[6]"},
		{jetstream.DeadFilter{Station: "alpha"}, "[1 2]"}, // the second's receiver; the first is read up to the fault
		{jetstream.DeadFilter{Station: "beta"}, "[3 4]"},  // the source; the second's second receiver lies behind the fault
		{jetstream.DeadFilter{Station: "gamma"}, "[6]"},
		{jetstream.DeadFilter{Station: "bundle", Reason: "bad_rate"}, "[2]"},
		{jetstream.DeadFilter{After: fourth.Time.Add(time.Nanosecond)}, "[5 6 7]"},
		{jetstream.DeadFilter{After: fourth.Time}, "[4 5 6 7]"},
		{jetstream.DeadFilter{Before: fourth.Time}, "[1 2 3]"},
		{jetstream.DeadFilter{After: time.Now().Add(time.Hour)}, "[]"},
		{jetstream.DeadFilter{Before: fourth.Time.Add(time.Nanosecond), Subject: "captures.net.*", Station: "alpha"}, "[1 2]"},
	} {
		if got := fmt.Sprint(list(t, c, test.filter)); got != test.want {
			t.Errorf("%+v chooses %s, want %s", test.filter, got, test.want)
		}
	}
	for _, subject := range []string{"captures..a", "captures.>.a", "captures.a b", "."} {
		for _, err := range c.DeadLetters(t.Context(), jetstream.DefaultTopology(), jetstream.DeadFilter{Subject: subject}) {
			if code(err) != jetstream.CodeBadOption {
				t.Errorf("subject %q: %v", subject, err)
			}
		}
	}
}

// raw stores what anybody may.
func raw(t testing.TB, c *jetstream.Conn, subject string, headers nats.Header, body []byte) {
	t.Helper()
	if _, err := jetStream(t, c.Server()).PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: headers, Data: body}); err != nil {
		t.Fatal(err)
	}
}

// Headers that a stranger made up to look like the server's do not end a listing, nor hide a letter.
func TestDeadLettersWithStatus(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	for _, status := range []string{"404", "408", "409", "503", "100"} {
		raw(t, c, "dead.captures.net.stranger", nats.Header{"Status": {status}, "Nats-Msg-Size": {"77"}, "Nats-Sequence": {"99"}, "Nats-Subject": {"x"}}, nil)
	}
	bury(t, c, &messages.DeadLetter{Subject: "captures.net.a", Reason: "empty"})
	for d, err := range c.DeadLetters(within(t, 10*time.Second), topo, jetstream.DeadFilter{}) {
		if err != nil || d.Size != 0 || d.Foreign != (d.Sequence < 6) {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if got := list(t, c, jetstream.DeadFilter{Station: "stranger"}); len(got) != 5 {
		t.Errorf("letters %v were listed", got)
	}
	if got := list(t, c, jetstream.DeadFilter{Station: "somebody"}); len(got) != 0 {
		t.Errorf("letters %v were listed", got)
	}
	if d, err := c.DeadLetter(t.Context(), topo, 1); err != nil || !d.Foreign || d.Letter.Subject != "captures.net.stranger" {
		t.Errorf("%+v, %v", d, err)
	}
	purged := 0
	if err := c.PurgeDead(within(t, 10*time.Second), topo, jetstream.DeadFilter{Reason: messages.CodeBadDeadLetter}, func(jetstream.Dead) { purged++ }); err != nil || purged != 5 {
		t.Errorf("%d were purged, %v", purged, err)
	}
}

// More than one batch, and some deleted while they are listed; what dies meanwhile comes another time.
func TestDeadLettersOfMany(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const n = 600
	j := jetStream(t, c.Server())
	letter := &messages.DeadLetter{Subject: "captures.net.a", Reason: "empty", Time: time.Now()}
	_, headers := letter.Encode()
	for range n {
		if _, err := j.PublishMsgAsync(&nats.Msg{Subject: "dead.captures.net.a", Header: headers}); err != nil {
			t.Fatal(err)
		}
	}
	<-j.PublishAsyncComplete()
	var got []uint64
	for d, err := range c.DeadLetters(within(t, 20*time.Second), jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Sequence)
		if d.Sequence%100 == 1 {
			if err := c.DeleteDead(t.Context(), jetstream.DefaultTopology(), d.Sequence); err != nil {
				t.Fatal(err)
			}
			bury(t, c, letter)
		}
	}
	if len(got) != n || got[0] != 1 || got[n-1] != n || !slices.IsSorted(got) {
		t.Errorf("%d letters, from %d to %d", len(got), got[0], got[len(got)-1])
	}
	var some int
	for range c.DeadLetters(t.Context(), jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if some++; some == 3 {
			break
		}
	}
	purged := 0
	if err := c.PurgeDead(within(t, 20*time.Second), jetstream.DefaultTopology(), jetstream.DeadFilter{}, func(jetstream.Dead) { purged++ }); err != nil || purged != n {
		t.Errorf("%d were purged, %v", purged, err)
	}
	stream, err := j.Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	if s := stream.CachedInfo().State; s.Msgs != 0 {
		t.Errorf("%d letters are left", s.Msgs)
	}
	waitFor(t, "the end of the consumers that listed", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Consumers == 0
	})
}

// A listing that loses its consumer on the way says so: nobody must take it for the end.
func TestDeadLettersCutOff(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	j := jetStream(t, c.Server())
	_, headers := (&messages.DeadLetter{Subject: "captures.net.a", Reason: "empty", Time: time.Now()}).Encode()
	for range 300 {
		if _, err := j.PublishMsgAsync(&nats.Msg{Subject: "dead.captures.net.a", Header: headers}); err != nil {
			t.Fatal(err)
		}
	}
	<-j.PublishAsyncComplete()
	stream, err := j.Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	listed, failed := 0, ""
	for d, err := range c.DeadLetters(within(t, 20*time.Second), jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if err != nil {
			failed = code(err)
			continue
		}
		listed++
		if d.Sequence != 1 {
			continue
		}
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if failed != jetstream.CodeNoStream || listed >= 300 {
		t.Errorf("%d letters were listed, then %q", listed, failed)
	}
}

func TestDeadLetter(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	body := heard(t, "alpha")
	bury(t, c, &messages.DeadLetter{Subject: "captures.net.alpha", Reason: "bad_rate", Sentence: "s", Deliveries: 3, Worker: "w", Body: body})
	d, err := c.DeadLetter(t.Context(), jetstream.DefaultTopology(), 1)
	if err != nil || d.Foreign || d.Sequence != 1 || !bytes.Equal(d.Letter.Body, body) || d.Size != len(body) || d.Letter.Deliveries != 3 || time.Since(d.Stored) > time.Minute {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := c.DeadLetter(t.Context(), jetstream.DefaultTopology(), 2); code(err) != jetstream.CodeNoLetter {
		t.Errorf("of none: %v", err)
	}
	if err := c.DeleteDead(t.Context(), jetstream.DefaultTopology(), 2); code(err) != jetstream.CodeNoLetter {
		t.Errorf("deleting none: %v", err)
	}
	if err := c.DeleteDead(t.Context(), jetstream.DefaultTopology(), 1); err != nil {
		t.Error(err)
	}
	if err := c.DeleteDead(t.Context(), jetstream.DefaultTopology(), 1); code(err) != jetstream.CodeNoLetter {
		t.Errorf("deleting twice: %v", err)
	}
}

// Without streams, without a connection, and without the right to look, the error says so, soon.
func TestDeadLettersWithoutStream(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	for _, err := range c.DeadLetters(within(t, 10*time.Second), jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if code(err) != jetstream.CodeNoStream {
			t.Errorf("without the stream: %v", err)
		}
	}
	if _, err := c.Replay(within(t, 10*time.Second), jetstream.DefaultTopology(), 1, false); code(err) != jetstream.CodeNoStream {
		t.Errorf("a replay without the stream: %v", err)
	}
	srv.Shutdown()
	waitFor(t, "the connection's loss", func() bool { return !c.Connected() })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for _, err := range c.DeadLetters(ctx, jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if code(err) != jetstream.CodeNotConnected {
			t.Errorf("without the server: %v", err)
		}
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	body := heard(t, "alpha")
	died := time.Now().Add(-time.Hour)
	bury(t, c, &messages.DeadLetter{Subject: "captures.net.alpha", Reason: "gave_up", Body: body, Time: died, Headers: map[string][]string{
		"Nats-Msg-Id": {"the-first"}, "Nats-Expected-Last-Sequence": {"77"}, "Station-Note": {"a", "b"},
	}})
	kept, err := c.Replay(t.Context(), topo, 1, true)
	if err != nil || kept.Stream != jetstream.StreamCaptures {
		t.Fatalf("%+v, %v", kept, err)
	}
	stored, err := c.Replay(t.Context(), topo, 1, false) // the same again is no duplicate
	if err != nil || stored.Duplicate || stored.Sequence != 2 {
		t.Fatalf("%+v, %v", stored, err)
	}
	if _, err := c.Replay(t.Context(), topo, 1, false); code(err) != jetstream.CodeNoLetter {
		t.Errorf("the letter was to be deleted: %v", err)
	}
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: 2})
	d := next(t, s)
	history := messages.ReplayOf(d.Header)
	if d.Subject != "captures.net.alpha" || !bytes.Equal(d.Data, body) || history.Of != 1 || history.Count != 1 || history.Reason != "gave_up" || !history.FirstDeath.Equal(died) {
		t.Errorf("%s came with %v", d.Subject, d.Header)
	}
	if id := d.Header[js.MsgIDHeader]; len(id) != 1 || id[0] == "the-first" || d.Header["Nats-Expected-Last-Sequence"] != nil || len(d.Header["Station-Note"]) != 2 {
		t.Errorf("headers %v", d.Header)
	}
	// It dies again: the new letter shows the history, and so does what is replayed from it.
	bury(t, c, &messages.DeadLetter{Subject: d.Subject, Reason: "max_deliveries", Body: d.Data, Headers: d.Header})
	again, err := c.DeadLetter(t.Context(), topo, 2)
	if err != nil || messages.ReplayOf(again.Letter.Headers) != history {
		t.Errorf("%+v, %v", again.Letter, err)
	}
	if _, err := c.Replay(t.Context(), topo, 2, false); err != nil {
		t.Fatal(err)
	}
	next(t, s)
	d = next(t, s)
	if h := messages.ReplayOf(d.Header); h.Of != 2 || h.Count != 2 || h.Reason != "max_deliveries" || !h.FirstDeath.Equal(died) {
		t.Errorf("the history of the second replay is %+v", h)
	}
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	bury(t, c,
		&messages.DeadLetter{Subject: "captures.a.b.c", Reason: "bad_subject", Body: []byte{1}},
		&messages.DeadLetter{Subject: "captures.net.full", Reason: "gave_up", Body: []byte{1}},
	)
	raw(t, c, "dead.captures.net.stranger", nil, []byte("hello"))
	foreign := &messages.DeadLetter{Subject: "$JS.API.STREAM.DELETE.CAPTURES", Reason: "gave_up", Time: time.Now()}
	_, headers := foreign.Encode()
	raw(t, c, "dead.captures.net.stranger", headers, nil)
	for sequence, says := range map[uint64]string{
		1: `dead letter 1 was published on "captures.a.b.c", which is no capture's subject`,
		3: "3 is no dead letter of foxhunt's (headers Foxhunt-Reason and Foxhunt-Subject are needed)",
		4: "4 is no dead letter of foxhunt's (its subject is not that of the original)",
	} {
		_, err := c.Replay(t.Context(), topo, sequence, false)
		if code(err) != jetstream.CodeNotReplayable || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %s", err, says)
		}
	}
	full := topo
	full.Captures.MaxMsgsPerSubject = 1
	if _, err := c.Apply(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.full", 1, 8)
	if _, err := c.Replay(t.Context(), topo, 2, false); code(err) != jetstream.CodeStationOverLimit || !strings.Contains(err.Error(), "dead letter 2 stays: ") {
		t.Errorf("of a full subject: %v", err)
	}
	if got := list(t, c, jetstream.DeadFilter{}); len(got) != 4 {
		t.Errorf("letters %v are left, want all", got)
	}
}

func TestMatchesSubject(t *testing.T) {
	for _, c := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a.b", "a.b.c", false},
		{"a.*", "a.b", true}, {"a.*", "a", false}, {"*", "a.b", false}, {"*.*", "a.b", true},
		{">", "a", true}, {"a.>", "a", false}, {"a.>", "a.b", true}, {"a.>", "a.b.c", true}, {"*.>", "a.b", true}, {"b.>", "a.b", false},
	} {
		if got := jetstream.MatchesSubject(c.filter, c.subject); got != c.want {
			t.Errorf("%s matches %s: %v", c.filter, c.subject, got)
		}
	}
}
