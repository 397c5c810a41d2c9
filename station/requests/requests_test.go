package requests

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/cutter"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// station is one that hears 77.5 kHz, can be tuned, and keeps 10 s.
type station struct {
	desk     *Desk
	receiver Receiver
	taken    []cutter.Request
	fails    error
	now      time.Time
}

func newStation() *station {
	s := &station{now: start, receiver: Receiver{
		Frequency: 77500, Tunable: true, Tuning: 500 * time.Millisecond, SampleRate: 250e3, SampleBytes: 2,
		Keep: 10 * time.Second, ClockSigma: 30 * time.Microsecond,
	}}
	s.desk = New(Options{
		Station: "ST1", Now: func() time.Time { return s.now }, Receiver: func() Receiver { return s.receiver },
		Take: func(r cutter.Request) error { s.taken = append(s.taken, r); return s.fails },
	})
	return s
}

// ask asks with time enough since the last request.
func (s *station) ask(t *testing.T, q messages.Request) *messages.Answer {
	t.Helper()
	if q.Version == 0 {
		q.Version = messages.RequestVersion
	}
	if q.Event == "" {
		q.Event = messages.NewCaptureID()
	}
	msg, err := q.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return s.send(t, msg)
}

func (s *station) send(t *testing.T, msg []byte) *messages.Answer {
	t.Helper()
	s.now = s.now.Add(time.Second / PerSecond)
	answer, err := messages.DecodeAnswer(s.desk.Answer(msg))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Station != "ST1" {
		t.Fatalf("the answer is of %q", answer.Station)
	}
	return answer
}

func (s *station) in(d time.Duration) messages.Instant { return messages.InstantOf(s.now.Add(d)) }

func TestAccepted(t *testing.T) {
	t.Parallel()
	s := newStation()
	at := s.in(2 * time.Second)
	q := messages.Request{Event: messages.NewCaptureID(), Frequency: 7e6, At: at, Length: 1.5}
	for range 3 { // again is the same
		if a := s.ask(t, q); !a.Accepted || a.Event != q.Event || a.SampleRate != 250e3 || a.ClockSigma != 30e3 {
			t.Fatalf("answer %+v", a)
		}
	}
	want := cutter.Request{Event: q.Event, Frequency: 7e6, At: at.Time(), Length: 1500 * time.Millisecond}
	if len(s.taken) != 1 || s.taken[0] != want {
		t.Errorf("taken %+v; want once %+v", s.taken, want)
	}
	if c := s.desk.Counts(); c != (Counts{Accepted: 3}) {
		t.Errorf("counts %+v", c)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		receiver func(*Receiver)
		request  messages.Request
		in       time.Duration
		code     string
	}{
		"another frequency, and fixed":    {func(r *Receiver) { r.Tunable = false }, messages.Request{Frequency: 7e6, Length: 1}, time.Minute, messages.AnswerNotTunable},
		"too few samples a second":        {nil, messages.Request{Frequency: 77500, Length: 1, MinRate: 1e6}, time.Minute, messages.AnswerRateTooLow},
		"more than a message takes":       {nil, messages.Request{Frequency: 77500, Length: 17}, time.Minute, messages.AnswerTooLong},
		"more than the memory takes":      {func(r *Receiver) { r.MaxLength = 2 * time.Second }, messages.Request{Frequency: 77500, Length: 3}, time.Minute, messages.AnswerTooLong},
		"tomorrow":                        {nil, messages.Request{Frequency: 77500, Length: 1}, 24 * time.Hour, messages.AnswerTooEarly},
		"past, on another frequency":      {nil, messages.Request{Frequency: 7e6, Length: 1}, -time.Second, messages.AnswerTooLate},
		"no time to tune":                 {nil, messages.Request{Frequency: 7e6, Length: 1}, 100 * time.Millisecond, messages.AnswerTooLate},
		"no samples come":                 {func(r *Receiver) { r.Silent, r.ClockSigma = true, 0 }, messages.Request{Frequency: 77500, Length: 1}, time.Minute, messages.AnswerNoSamples},
		"longer past than it is kept for": {nil, messages.Request{Frequency: 77500, Length: 1}, -20 * time.Second, messages.AnswerTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStation()
			if c.receiver != nil {
				c.receiver(&s.receiver)
			}
			c.request.At = s.in(c.in + time.Second/PerSecond)
			if a := s.ask(t, c.request); a.Accepted || a.Code != c.code || a.Reason == "" {
				t.Errorf("answer %+v; want %s", a, c.code)
			}
			if counts := s.desk.Counts(); len(s.taken) > 0 || counts.Refused != 1 {
				t.Errorf("taken %+v, counts %+v", s.taken, counts)
			}
		})
	}
}

// TestPast: what is still kept is captured, and once only.
func TestPast(t *testing.T) {
	t.Parallel()
	s := newStation()
	q := messages.Request{Event: messages.NewCaptureID(), Frequency: 77500, At: s.in(-5 * time.Second), Length: 1}
	for range 5 {
		if a := s.ask(t, q); !a.Accepted {
			t.Fatalf("answer %+v", a)
		}
	}
	if len(s.taken) != 1 {
		t.Errorf("taken %+v", s.taken)
	}
}

// TestBusy: at one time one frequency; and so many plans.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := newStation()
	at := func(in time.Duration) messages.Instant { return messages.InstantOf(start.Add(in)) }
	for _, c := range []struct {
		frequency float64
		in        time.Duration
		accepted  bool
	}{
		{77500, 30 * time.Second, true},
		{77500, 30500 * time.Millisecond, true}, // two captures of the same samples
		{7e6, 32 * time.Second, true},           // right after, with time to tune
		{7e6, 29 * time.Second, false},          // it could not be back
		{14e6, 33 * time.Second, false},         // nor be there
		{14e6, 34 * time.Second, true},          // but then
	} {
		a := s.ask(t, messages.Request{Frequency: c.frequency, At: at(c.in), Length: 1})
		if a.Accepted != c.accepted || !c.accepted && a.Code != messages.AnswerBusy {
			t.Errorf("%g Hz in %v: %+v", c.frequency, c.in, a)
		}
	}
	for i := 4; i < MaxPlans; i++ {
		if a := s.ask(t, messages.Request{Frequency: 77500, At: at(2 * time.Minute), Length: 1}); !a.Accepted {
			t.Fatalf("plan %d: %+v", i, a)
		}
	}
	full := messages.Request{Frequency: 77500, At: at(2 * time.Minute), Length: 1}
	if a := s.ask(t, full); a.Code != messages.AnswerBusy {
		t.Errorf("one plan too many: %+v", a)
	}
	s.now = start.Add(4 * time.Minute)
	full.At = at(5 * time.Minute)
	if a := s.ask(t, full); !a.Accepted {
		t.Errorf("after the others are over: %+v", a)
	}
	s.fails = errors.New("the cutter has no room " + strings.Repeat("é", 300))
	if a := s.ask(t, messages.Request{Frequency: 77500, At: at(6 * time.Minute), Length: 1}); a.Code != messages.AnswerBusy || !strings.HasPrefix(a.Reason, "the cutter") {
		t.Errorf("what the cutter does not take: %+v", a)
	}
}

// TestSilent: who asked while no samples came may send the same request again, and has it made when they do.
func TestSilent(t *testing.T) {
	t.Parallel()
	s := newStation()
	s.receiver.Silent = true
	q := messages.Request{Event: messages.NewCaptureID(), Frequency: 77500, At: s.in(time.Minute), Length: 1}
	for range 2 {
		if a := s.ask(t, q); a.Accepted || a.Code != messages.AnswerNoSamples || a.ClockSigma != 0 {
			t.Errorf("answer %+v", a)
		}
	}
	s.receiver.Silent = false
	if a := s.ask(t, q); !a.Accepted || a.ClockSigma != 30e3 || len(s.taken) != 1 {
		t.Errorf("answer %+v, taken %+v", a, s.taken)
	}
}

// TestCutterRefuses: why the cutter does not make a capture is told as it says it, and asked again it may.
func TestCutterRefuses(t *testing.T) {
	t.Parallel()
	s := newStation()
	q := messages.Request{Event: messages.NewCaptureID(), Frequency: 77500, At: s.in(time.Minute), Length: 1}
	s.fails = &messages.Refusal{Code: messages.AnswerTooLate, Reason: "there was a gap"}
	if a := s.ask(t, q); a.Code != messages.AnswerTooLate || a.Reason != "there was a gap" {
		t.Errorf("answer %+v", a)
	}
	s.fails = nil
	if a := s.ask(t, q); !a.Accepted || len(s.taken) != 2 {
		t.Errorf("answer %+v, taken %+v", a, s.taken)
	}
}

// TestFlood: most of a flood is not looked at, and nothing of it stays.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newStation()
	answered := 0
	const flood = 10_000
	for i := range flood {
		s.now = start.Add(time.Duration(i) * time.Millisecond) // 10 s
		q := messages.Request{Version: 1, Event: fmt.Sprintf("%032d", i), Frequency: 77500, At: messages.InstantOf(s.now.Add(time.Second)), Length: 0.1}
		msg, err := q.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if s.desk.Answer(msg) != nil {
			answered++
		}
	}
	c := s.desk.Counts()
	if most := Burst + 10*PerSecond; answered > most || c.Limited != flood-uint64(answered) || c.Accepted != uint64(len(s.taken)) {
		t.Errorf("%d of %d answered, want at most %d; counts %+v, %d taken", answered, flood, most, c, len(s.taken))
	}
	if len(s.desk.plans) > Burst+60*PerSecond {
		t.Errorf("%d plans are kept", len(s.desk.plans))
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	s := newStation()
	for msg, code := range map[string]string{"": messages.CodeEmpty, "x": messages.CodeBadRequest, `{"v":9}`: messages.CodeBadVersion} {
		if a := s.send(t, []byte(msg)); a.Accepted || a.Code != code || a.Event != "" {
			t.Errorf("%q: %+v; want %s", msg, a, code)
		}
	}
	if c := s.desk.Counts(); c.Malformed != 3 || len(s.taken) > 0 {
		t.Errorf("counts %+v, taken %v", c, s.taken)
	}
	nameless := New(Options{Receiver: func() Receiver { return s.receiver }, Take: func(cutter.Request) error { return nil }})
	if a := nameless.Answer(nil); a != nil {
		t.Errorf("a station without a name says %s", a)
	}
}

// FuzzAnswer: whatever comes, the answer is one that can be read.
func FuzzAnswer(f *testing.F) {
	q := messages.Request{Version: 1, Event: messages.NewCaptureID(), Frequency: 1e9, At: messages.InstantOf(start.Add(time.Second)), Length: 1}
	msg, _ := q.Encode()
	f.Add(msg)
	f.Add([]byte(`{"v":1,"event":"\u001b[2J"}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := newStation()
		if _, err := messages.DecodeAnswer(s.desk.Answer(msg)); err != nil {
			t.Fatal(err)
		}
	})
}
