package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
	"foxhunt/messages"
)

// meetingBench is a worker at whose table stations A, B and C are due.
type meetingBench struct {
	*bench
	store *meetingtest.Store
	sent  int
}

func startMeeting(t *testing.T, change func(*bench, *Options)) *meetingBench {
	t.Helper()
	m := &meetingBench{store: meetingtest.New()}
	rules := meeting.DefaultRules()
	rules.Stations = []string{"A", "B", "C"}
	m.bench = start(t, func(b *bench, o *Options) {
		b.model.contract = contract.Plain("features", 2)
		b.model.contract.Receivers = contract.Receivers{Min: 2, Max: 32}
		o.Table = meeting.NewTable(m.store, meeting.Networks{Default: rules})
		if change != nil {
			change(b, o)
		}
	})
	return m
}

// part is a station's capture of an emission, as it is in the stream.
func (m *meetingBench) part(t *testing.T, station string, change func(*messages.Capture)) *fakeDelivery {
	t.Helper()
	m.sent++
	data := capture(t, func(c *messages.Capture) {
		c.Event = "x"
		c.Receivers[0].Station, c.Receivers[0].Latitude = station, 45+float64(station[0])/1000
		if change != nil {
			change(c)
		}
	})
	stored := time.Now().Add(time.Duration(m.sent) * time.Microsecond)
	d := &fakeDelivery{
		message: Message{Subject: "captures.net." + station, Data: data, Sequence: uint64(m.sent), NumDelivered: 1, Stored: stored},
		ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	m.store.Put(meeting.Place{Sequence: d.message.Sequence, Stored: stored.UnixNano()}, &meeting.Message{
		Subject: d.message.Subject, Data: data, Stored: stored,
	})
	return d
}

// deliver gives the worker a capture and waits for how its delivery ends.
func (m *meetingBench) deliver(t *testing.T, d *fakeDelivery) verb {
	t.Helper()
	m.source.captures <- d
	select {
	case v := <-d.ended:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("the capture came to no end")
		return verb{}
	}
}

// again is the next delivery of a capture.
func (d *fakeDelivery) again() *fakeDelivery {
	next := *d
	next.message.NumDelivered++
	next.over = false
	return &next
}

func (m *meetingBench) has(d *fakeDelivery) bool {
	return m.store.Has(meeting.Place{Sequence: d.message.Sequence, Stored: d.message.Stored.UnixNano()})
}

func (m *meetingBench) letters() []*messages.DeadLetter {
	m.publisher.mu.Lock()
	defer m.publisher.mu.Unlock()
	return slices.Clone(m.publisher.dead)
}

func idOf(d *fakeDelivery) string {
	c, _ := messages.Peek(d.message.Data)
	return c.ID
}

// TestCapturesMeet: the fix lists the captures it rests on in order of their stations, whatever order they came in.
func TestCapturesMeet(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	c, a := m.part(t, "C", func(c *messages.Capture) { c.Session = "of C" }), m.part(t, "A", func(c *messages.Capture) { c.Session = "of A" })
	b := m.part(t, "B", func(c *messages.Capture) { c.Truth = &messages.Position{Latitude: 45, Longitude: 8} })
	if v := m.deliver(t, c); v.name != "wait" || v.delay != 5*time.Second {
		t.Errorf("the first: %+v", v)
	}
	if v := m.deliver(t, a); v.name != "wait" || v.delay < 15*time.Second {
		t.Errorf("the second: %+v", v)
	}
	if v := m.deliver(t, b); v.name != "ack" {
		t.Errorf("the last: %+v", v)
	}
	fix := m.publisher.only(t)
	var got []string
	for _, r := range fix.Receivers {
		got = append(got, r.Station+" "+r.CaptureID)
	}
	want := []string{"A " + idOf(a), "B " + idOf(b), "C " + idOf(c)}
	if !slices.Equal(got, want) || fix.Source != "event" || fix.Event != "x" || fix.Session != "" || fix.Truth == nil || fix.Network != "net" {
		t.Errorf("the fix is %+v", fix)
	}
	if !m.publisher.has("fixes.net.event/" + fix.CaptureID) {
		t.Errorf("the fix is not on its subject")
	}
	if m.has(a) || m.has(c) || len(m.store.OpenKeys()) > 0 {
		t.Error("what is done is not cleared away")
	}
	m.stop()
	m.counts.with(func() {
		if want := []string{"net complete", "fix of 3"}; !slices.Equal(m.counts.events, want) || m.counts.retried > 0 || len(m.counts.stations) != 3 || m.counts.fixed != 1 {
			t.Errorf("counted: %q, %d retried, stations %q, %d fixed", m.counts.events, m.counts.retried, m.counts.stations, m.counts.fixed)
		}
	})
}

// TestLateAndRepeated: what comes after the fix, and again, has a verdict of its own.
func TestLateAndRepeated(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	a := m.part(t, "A", nil)
	copied := *a
	copied.message.Sequence = 100
	m.deliver(t, a)
	for what, c := range map[string]struct {
		d    *fakeDelivery
		want verb
	}{
		"a copy":       {&copied, verb{name: "ack"}},
		"another of A": {m.part(t, "A", nil), verb{name: "term", code: meeting.CodeRepeatedStation}},
		"bad samples": {m.part(t, "B", func(c *messages.Capture) {
			c.Receivers[0].Format, c.Receivers[0].IQ = "cf32_le", make([]byte, 8000)
		}), verb{name: "term", code: "bad_samples"}},
	} {
		if what == "bad samples" { // Encode refuses what a broken station may send
			i := strings.LastIndex(string(c.d.message.Data), "\x00\x00\x00\x00\x00\x00\x00\x00")
			copy(c.d.message.Data[i:], []byte{0, 0, 0xc0, 0x7f})
		}
		if v := m.deliver(t, c.d); v != c.want {
			t.Errorf("%s: %+v, want %+v", what, v, c.want)
		}
	}
	m.deliver(t, m.part(t, "B", nil))
	m.deliver(t, m.part(t, "C", nil))
	if fix := m.publisher.only(t); len(fix.Receivers) != 3 {
		t.Fatalf("the fix is of %d", len(fix.Receivers))
	}
	if v := m.deliver(t, m.part(t, "D", nil)); v.code != meeting.CodeLate {
		t.Errorf("after the fix: %+v", v)
	}
	if v := m.deliver(t, a.again()); v.name != "ack" {
		t.Errorf("a member that comes back: %+v", v)
	}
	m.counts.with(func() {
		for _, want := range []string{"net A repeated_station", "net D late"} {
			if !slices.Contains(m.counts.events, want) {
				t.Errorf("%q was not told: %q", want, m.counts.events)
			}
		}
	})
}

// TestTooFew: all that came are dead letters when the window has passed, and none comes again.
func TestTooFew(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	a, b := m.part(t, "A", nil), m.part(t, "B", nil)
	m.deliver(t, a)
	m.deliver(t, b)
	m.store.Clock = func() time.Time { return time.Now().Add(6 * time.Second) }
	if v := m.deliver(t, a.again()); v.name != "term" || v.code != meeting.CodeTooFew {
		t.Errorf("the first: %+v", v)
	}
	eventually(t, "the end of the second", func() bool { return !m.has(b) })
	letters := m.letters()
	if len(letters) != 2 || letters[0].Subject != "captures.net.A" || letters[1].Subject != "captures.net.B" ||
		!slices.Equal(letters[1].Body, b.message.Data) || !strings.Contains(letters[1].Sentence, "2 of its event came within 5s") {
		t.Errorf("%+v", letters)
	}
	if v := m.deliver(t, b.again()); v.name != "term" || v.code != meeting.CodeTooFew { // it was under way to a worker
		t.Errorf("the second: %+v", v)
	}
	m.counts.with(func() {
		if !slices.Equal(m.counts.events, []string{"net too_few"}) {
			t.Errorf("counted %q", m.counts.events)
		}
	})
}

// TestLettersLeftToComeBack: the others of a refused event are left alone where they cannot be read, or are not what the event's
// entry says, and become dead letters when they come back.
func TestLettersLeftToComeBack(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	a, b := m.part(t, "A", nil), m.part(t, "B", nil)
	m.deliver(t, a)
	m.deliver(t, b)
	m.store.Put(meeting.Place{Sequence: b.message.Sequence, Stored: b.message.Stored.UnixNano()}, &meeting.Message{
		Subject: "captures.net.Z", Data: b.message.Data,
	})
	m.store.Clock = func() time.Time { return time.Now().Add(6 * time.Second) }
	m.deliver(t, a.again())
	if v := m.deliver(t, b.again()); v.name != "term" || v.code != meeting.CodeTooFew {
		t.Errorf("the second: %+v", v)
	}
	if n := len(m.letters()); n != 2 || !m.has(b) {
		t.Errorf("%d dead letters, and the stream has the second: %v", n, m.has(b))
	}
}

// TestLetterCountedOnce: where a capture cannot be taken off the stream it comes back, and its letter is there already.
func TestLetterCountedOnce(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	a, b := m.part(t, "A", nil), m.part(t, "B", nil)
	m.deliver(t, a)
	m.deliver(t, b)
	m.store.Clock = func() time.Time { return time.Now().Add(6 * time.Second) }
	m.store.Before = func(call string) error {
		if call == "delete" {
			return errDown
		}
		return nil
	}
	m.deliver(t, a.again())
	for range 2 { // and again, where its Term is lost, too
		if v := m.deliver(t, b.again()); v.name != "term" || v.code != meeting.CodeTooFew {
			t.Errorf("the second: %+v", v)
		}
	}
	m.stop()
	m.counts.with(func() {
		if n := len(m.letters()); n != 2 || len(m.counts.dead) != n {
			t.Errorf("%d dead letters, counted %q", n, m.counts.dead)
		}
	})
}

// TestEventRefused: what the model refuses is refused of all that met, at once.
func TestEventRefused(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, func(b *bench, _ *Options) {
		b.model.answer = func(int) ([]contract.Prediction, error) {
			return []contract.Prediction{{Err: &messages.Refusal{Code: "no_baseline", Reason: "they stand in one place"}}}, nil
		}
	})
	a, b := m.part(t, "A", nil), m.part(t, "B", nil)
	m.deliver(t, a)
	m.deliver(t, b)
	for what, d := range map[string]*fakeDelivery{"the last": m.part(t, "C", nil)} {
		if v := m.deliver(t, d); v.name != "term" || v.code != "no_baseline" {
			t.Errorf("%s: %+v", what, v)
		}
	}
	eventually(t, "the end of the others", func() bool { return !m.has(a) && !m.has(b) })
	if letters := m.letters(); len(letters) != 3 {
		t.Errorf("%d dead letters", len(letters))
	}
	if v := m.deliver(t, a.again()); v.name != "term" || v.code != "no_baseline" { // it was under way to a worker
		t.Errorf("the first: %+v", v)
	}
	m.counts.with(func() {
		if !slices.Equal(m.counts.events, []string{"net refused"}) {
			t.Errorf("counted %q", m.counts.events)
		}
	})
}

// TestRefusalWhoseEndFails: an event is counted once, by the worker that refused it, though that could not note its end.
func TestRefusalWhoseEndFails(t *testing.T) {
	t.Parallel()
	for outcome, stations := range map[string]string{"net refused": "ABC", "net too_few": "AB"} {
		m := startMeeting(t, func(b *bench, _ *Options) {
			b.model.answer = func(int) ([]contract.Prediction, error) {
				return []contract.Prediction{{Err: &messages.Refusal{Code: "no_baseline", Reason: "they stand in one place"}}}, nil
			}
		})
		var failed atomic.Int32
		m.store.Before = func(call string) error {
			if call == "end" && failed.Add(1) == 1 {
				return errors.New("the server is away")
			}
			return nil
		}
		var parts []*fakeDelivery
		for _, station := range stations {
			parts = append(parts, m.part(t, string(station), nil))
			m.deliver(t, parts[len(parts)-1])
		}
		m.store.Clock = func() time.Time { return time.Now().Add(6 * time.Second) }
		m.deliver(t, parts[0].again()) // where too few came it is this one that refuses, and fails
		for _, d := range parts {
			if v := m.deliver(t, d.again().again()); v.name != "term" {
				t.Errorf("%s: %+v", outcome, v)
			}
		}
		if failed.Load() < 2 {
			t.Errorf("%s: its end was noted at once", outcome)
		}
		m.counts.with(func() {
			if !slices.Equal(m.counts.events, []string{outcome}) {
				t.Errorf("counted %q; want %q", m.counts.events, outcome)
			}
		})
	}
}

// TestRefusedAfterItsFix: a worker died between the fix and its note, and the next model refuses: nobody is buried.
func TestRefusedAfterItsFix(t *testing.T) {
	t.Parallel()
	var refuses bool
	m := startMeeting(t, func(b *bench, _ *Options) {
		b.model.answer = func(n int) ([]contract.Prediction, error) {
			if refuses {
				return []contract.Prediction{{Err: &messages.Refusal{Code: "no_baseline", Reason: "no"}}}, nil
			}
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
		}
	})
	uncached := func(c *messages.Capture) { c.Cache = false }
	a, b, c := m.part(t, "A", uncached), m.part(t, "B", uncached), m.part(t, "C", uncached)
	m.deliver(t, a)
	m.deliver(t, b)
	m.store.Before = func(call string) error {
		if call == "end" {
			return errDown
		}
		return nil
	}
	if v := m.deliver(t, c); v.name != "forget" || len(m.publisher.fixes) != 1 {
		t.Errorf("the one whose event has its fix and cannot be ended: %+v", v)
	}
	refuses, m.store.Before = true, nil
	m.store.Clock = func() time.Time { return time.Now().Add(time.Minute) }
	for _, d := range []*fakeDelivery{b.again(), a.again(), c.again()} {
		if v := m.deliver(t, d); v.name != "ack" {
			t.Errorf("%s: %+v", d.message.Subject, v)
		}
	}
	if n := len(m.letters()); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestUnsettledComesAgain: a delivery that cannot be settled ends all the same, so that the next one is worked on.
func TestUnsettledComesAgain(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	failing := func(f func()) { m.publisher.mu.Lock(); defer m.publisher.mu.Unlock(); f() }
	a := m.part(t, "A", nil)
	m.deliver(t, a)
	m.store.Clock = func() time.Time { return time.Now().Add(6 * time.Second) }
	m.store.Before = func(call string) error {
		if call == "end" {
			return errDown
		}
		return nil
	}
	if v := m.deliver(t, a.again()); v.name != "nak" && v.name != "forget" {
		t.Errorf("one whose event cannot be refused: %+v", v)
	}
	m.store.Before = nil
	failing(func() { m.publisher.deadFails = errDown })
	if v := m.deliver(t, a.again()); v.name != "forget" {
		t.Errorf("one that cannot be buried: %+v", v)
	}
	failing(func() { m.publisher.deadFails = nil })
	if v := m.deliver(t, a.again()); v.name != "term" || v.code != meeting.CodeTooFew {
		t.Errorf("it came again: %+v", v)
	}
}

// TestPassingFailureOfAnEvent: the capture in hand is handed back, and the event waits as long as it does.
func TestPassingFailureOfAnEvent(t *testing.T) {
	t.Parallel()
	fails := 1
	m := startMeeting(t, func(b *bench, _ *Options) {
		b.model.answer = func(int) ([]contract.Prediction, error) {
			if fails--; fails >= 0 {
				return nil, errors.New("the model is away")
			}
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
		}
	})
	a, c := m.part(t, "A", nil), m.part(t, "C", nil)
	m.deliver(t, a)
	m.deliver(t, m.part(t, "B", nil))
	if v := m.deliver(t, c); v.name != "nak" || v.delay < 3*time.Second || v.delay > 8*time.Second {
		t.Errorf("the last: %+v", v)
	}
	if v := m.deliver(t, a.again()); v.name != "wait" || v.delay > 8*time.Second {
		t.Errorf("another, too early: %+v", v)
	}
	m.store.Clock = func() time.Time { return time.Now().Add(10 * time.Second) }
	if v := m.deliver(t, a.again()); v.name != "ack" {
		t.Errorf("another, in time: %+v", v)
	}
	if m.has(c) {
		t.Error("the one that was in hand is still there")
	}
	m.counts.with(func() {
		if m.counts.retried != 1 {
			t.Errorf("%d were retried", m.counts.retried)
		}
	})
}

// TestStoreAway: without the index nothing is decided, and the captures come again.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	m.store.Before = func(string) error { return errDown }
	if v := m.deliver(t, m.part(t, "A", nil)); v.name != "nak" || v.delay < 3*time.Second {
		t.Errorf("%+v", v)
	}
	m.counts.with(func() {
		if m.counts.retried != 1 {
			t.Errorf("%d were retried", m.counts.retried)
		}
	})
}

// TestNoRoomForAnEvent: where no event may begin its captures wait, whatever they were delivered, and come back together; that is no
// failure. Captures whose deliveries are nearly used up are given up.
func TestNoRoomForAnEvent(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	var free atomic.Bool
	m.store.Before = func(call string) error {
		if call == "room" && !free.Load() {
			return fmt.Errorf("the bucket is full: %w", meeting.ErrNoRoom)
		}
		return nil
	}
	a, b := m.part(t, "A", nil), m.part(t, "B", nil)
	b.message.NumDelivered = 15
	for _, d := range []*fakeDelivery{a, b} {
		v := m.deliver(t, d)
		if v.name != "wait" || v.delay <= 0 || v.delay > time.Minute {
			t.Errorf("where there is no room: %+v", v)
		}
	}
	if v := m.deliver(t, b.again()); v.name != "term" || v.code != "gave_up" {
		t.Errorf("at the end: %+v", v)
	}
	free.Store(true)
	m.deliver(t, a.again())
	m.deliver(t, m.part(t, "C", nil))
	if v := m.deliver(t, m.part(t, "B", nil)); v.name != "ack" {
		t.Errorf("with room: %+v", v)
	}
	m.stop()
	m.counts.with(func() {
		if m.counts.retried > 0 || m.counts.fixed != 1 {
			t.Errorf("%d retried, %d fixed", m.counts.retried, m.counts.fixed)
		}
	})
}

// TestBackTogether: captures of one event come back in one moment, whenever they came and whatever worker had them.
func TestBackTogether(t *testing.T) {
	t.Parallel()
	due := func(network, event string, frequency float64, at time.Time) int64 {
		j := &job{network: network, capture: messages.Capture{Event: event, Frequency: frequency}}
		delay := untilRoom(j, at)
		if delay <= 0 || delay > roomPause {
			t.Errorf("it waits %v", delay)
		}
		return at.Add(delay).UnixNano()
	}
	at := time.Unix(1_800_000_000, 0).Truncate(roomPause)
	for _, event := range []string{"x", ""} {
		first := due("net", event, 77500.1, at)
		same := 0
		for seconds := range 60 {
			if due("net", event, 77499.9, at.Add(time.Duration(seconds)*time.Second)) == first {
				same++
			}
		}
		if at := time.Duration(first-at.UnixNano()) / time.Second; same < int(at) || first != due("net", event, 77500, time.Unix(0, first-1)) {
			t.Errorf("of event %q: %d of 60 come back with the first, which does after %d s", event, same, at)
		}
	}
	if due("net", "x", 77.5e3, at) == due("net", "y", 77.5e3, at) || due("net", "", 77.5e3, at) == due("net", "", 60e3, at) {
		t.Error("all events come back at once")
	}
}

// TestForeignCompanion: a capture that is not what the entry says is left out.
func TestForeignCompanion(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	a := m.part(t, "A", nil)
	m.deliver(t, a)
	m.deliver(t, m.part(t, "B", nil))
	m.store.Put(meeting.Place{Sequence: a.message.Sequence, Stored: a.message.Stored.UnixNano()}, &meeting.Message{
		Subject: "captures.net.Z", Data: a.message.Data, // A's on a subject that is not A's
	})
	c := m.part(t, "C", nil)
	if v := m.deliver(t, c); v.name != "term" || v.code != meeting.CodeTooFew {
		t.Errorf("%+v", v)
	}
}

// TestLeftOutInHand: the station whose clock is off comes last: the others are located, and it is a dead letter.
func TestLeftOutInHand(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	m.deliver(t, m.part(t, "A", nil))
	m.deliver(t, m.part(t, "D", nil))
	m.deliver(t, m.part(t, "B", nil))
	c := m.part(t, "C", func(c *messages.Capture) { c.Receivers[0].StartTime += 20e9 })
	if v := m.deliver(t, c); v.name != "term" || v.code != meeting.CodeNoOverlap {
		t.Errorf("%+v", v)
	}
	if fix := m.publisher.only(t); len(fix.Receivers) != 3 || fix.Receivers[2].Station != "D" {
		t.Errorf("the fix is %+v", fix.Receivers)
	}
	m.counts.with(func() {
		if !slices.Contains(m.counts.events, "net C no_overlap") {
			t.Errorf("counted %q", m.counts.events)
		}
	})
}

// TestAlone: bundles, captures for whose answer somebody waits, and those of a model that takes one receiver, wait for nobody.
func TestAlone(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, func(_ *bench, o *Options) { o.Bundles = []string{"net.bundle"} })
	bundle := m.part(t, "A", func(c *messages.Capture) {
		b := c.Receivers[0]
		b.Station = "B"
		c.Receivers = append(c.Receivers, b)
	})
	bundle.message.Subject = "captures.net.bundle"
	if v := m.deliver(t, bundle); v.name != "ack" {
		t.Errorf("a bundle: %+v", v)
	}
	waited := m.part(t, "A", nil)
	waited.message.Header = map[string][]string{messages.AloneHeader: {"1"}}
	if v := m.deliver(t, waited); v.name != "term" || v.code != meeting.CodeTooFew {
		t.Errorf("one that waits for nobody: %+v", v)
	}
	single := version("3")
	single.contract = contract.Plain("features", 2)
	m.serve(t, Serving{Champion: single})
	if v := m.deliver(t, m.part(t, "A", nil)); v.name != "ack" {
		t.Errorf("a model for one: %+v", v)
	}
	if keys := m.store.OpenKeys(); len(keys) > 0 {
		t.Errorf("events: %v", keys)
	}
}

// TestEventThatKills: work on it was begun before and never ended, so it is located alone, by the champion.
func TestEventThatKills(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	challenger := version("2")
	challenger.contract = m.model.contract
	m.serve(t, Serving{Champion: m.model, Challenger: challenger, Challenged: every})
	a := m.part(t, "A", nil)
	m.deliver(t, a)
	m.deliver(t, m.part(t, "B", nil))
	c := m.part(t, "C", nil)
	_, err := m.worker.options.Table.Arrive(t.Context(), meeting.Arrival{ // by a worker that dies
		Network: "net", Event: "x", Frequency: 145e6, Deliveries: 1, Attempts: 12, Least: 2, Most: 32,
		Capture: meeting.Member{Place: meeting.Place{Sequence: c.message.Sequence, Stored: c.message.Stored.UnixNano()},
			Station: "C", ID: idOf(c), Start: 1_700_000_000_000_000_000, End: 1_700_000_000_090_000_000, Size: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.store.Clock = func() time.Time { return time.Now().Add(time.Minute) }
	if v := m.deliver(t, a.again()); v.name != "ack" {
		t.Errorf("%+v", v)
	}
	if fix := m.publisher.only(t); fix.Fallback == nil || fix.Fallback.Code != CodeSuspect || len(fix.Receivers) != 3 {
		t.Errorf("%+v", fix)
	}
}

// TestShadowOfAnEvent: the shadow gets what met.
func TestShadowOfAnEvent(t *testing.T) {
	t.Parallel()
	m := startMeeting(t, nil)
	shadow := version("2")
	shadow.contract = m.model.contract
	m.serve(t, Serving{Champion: m.model, Shadow: shadow, Shadowed: every})
	for _, station := range []string{"A", "B", "C"} {
		m.deliver(t, m.part(t, station, nil))
	}
	find := func() (fix *messages.Fix) {
		m.publisher.mu.Lock()
		defer m.publisher.mu.Unlock()
		for id, body := range m.publisher.fixes {
			if strings.HasPrefix(id, "fixes.shadow.net.event/") {
				fix, _ = messages.DecodeFix("", body)
			}
		}
		return fix
	}
	eventually(t, "the shadow's fix", func() bool { return find() != nil })
	if fix := find(); len(fix.Receivers) != 3 || fix.Receivers[0].CaptureID == "" || fix.Arm != messages.ArmShadow || fix.Source != "event" {
		t.Errorf("%+v", fix)
	}
}

// TestWorkGoesOn: as long as a worker has an event, the others are told.
func TestWorkGoesOn(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	m := startMeeting(t, func(b *bench, _ *Options) { b.publisher.during = func(string) { <-release } })
	m.store.Wait = 200 * time.Millisecond
	for _, station := range []string{"A", "B"} {
		m.deliver(t, m.part(t, station, nil))
	}
	writes := make(chan struct{}, 100)
	m.store.Before = func(call string) error {
		if call == "write" {
			select {
			case writes <- struct{}{}:
			default:
			}
		}
		return nil
	}
	c := m.part(t, "C", nil)
	m.source.captures <- c
	for range 4 { // the close, and then beats
		<-writes
	}
	close(release)
	if v := <-c.ended; v.name != "ack" {
		t.Errorf("%+v", v)
	}
}
