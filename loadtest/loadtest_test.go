package loadtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

// deployment is a target of known behaviour.
type deployment struct {
	mu     sync.Mutex
	known  map[string]bool // captures without their ids
	ids    map[string]bool
	delay  time.Duration
	fail   func(n int) error
	served int
	late   bool
	lag    int
	begun  int
}

func newDeployment() *deployment {
	return &deployment{known: map[string]bool{}, ids: map[string]bool{}}
}

func (d *deployment) Locate(ctx context.Context, r Request) (Answer, error) {
	var c messages.Capture
	if err := c.Decode(r.Capture); err != nil {
		return Answer{}, &Failure{"undecodable", err.Error()}
	}
	var content strings.Builder
	for i := range c.Receivers {
		content.Write(c.Receivers[i].IQ)
	}
	d.mu.Lock()
	d.served++
	n := d.served
	twice := d.ids[c.ID]
	d.ids[c.ID] = true
	hit := d.known[content.String()]
	d.mu.Unlock()
	if twice {
		return Answer{}, &Failure{"same_id", c.ID}
	}
	if d.fail != nil {
		if err := d.fail(n); err != nil {
			return Answer{}, err
		}
	}
	if !sleep(ctx, d.delay) {
		return Answer{}, &Failure{CodeTimeout, "too slow"}
	}
	d.mu.Lock()
	d.known[content.String()] = true
	d.mu.Unlock()
	return Answer{CacheHit: hit, Model: "test 1"}, nil
}

func (d *deployment) Begin()                            { d.begun++ }
func (d *deployment) Late(context.Context, string) bool { return d.late }
func (d *deployment) Lag(context.Context) (int, bool)   { return d.lag, true }
func (d *deployment) Doubled() (int, bool)              { return 0, true }

func base(t *testing.T) []*messages.Capture {
	t.Helper()
	captures, err := Simulate(Shape{Receivers: 2, Samples: 256, Format: messages.CU8}, 1, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return captures
}

func quiet(Progress) {}

// tolerant is for runs on machines that are busy: nothing that is asserted depends on time.
func tolerant(o Options) Options {
	o.SLA.P95, o.SLA.P99, o.SLA.HitP95 = time.Minute, time.Minute, time.Minute
	return o
}

func TestClosedLoop(t *testing.T) {
	d := newDeployment()
	report, err := Run(t.Context(), d, base(t), tolerant(DefaultOptions()), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests != 500 || report.Successes != 500 || report.Repeats != 400 || report.Hits != 400 || report.HitRate != 0.8 {
		t.Errorf("requests %d, successes %d, repeats %d, hits %d (%v); want 500, 500, 400, 400, 0.8",
			report.Requests, report.Successes, report.Repeats, report.Hits, report.HitRate)
	}
	if !report.Met || len(report.SLA) != 5 {
		t.Errorf("met %v, levels %+v; want all five met", report.Met, report.SLA)
	}
	if l := report.Ledger; l.Sent != 500 || l.Answered != 500 || l.Unanswered != 0 || *l.Doubled != 0 {
		t.Errorf("ledger %+v", l)
	}
	if report.All.Count != 500 || report.Hit.Count+report.Missed.Count != 500 || report.Models["test 1"] != 500 {
		t.Errorf("latencies of %d, %d, %d; models %v", report.All.Count, report.Hit.Count, report.Missed.Count, report.Models)
	}
}

func TestFailuresAreCountedByCode(t *testing.T) {
	d := newDeployment()
	d.fail = func(n int) error {
		switch {
		case n%10 == 0:
			return &Failure{"no_overlap", "they never met"}
		case n%25 == 1:
			return &Failure{CodeTimeout, "too slow"}
		}
		return nil
	}
	o := tolerant(DefaultOptions())
	o.Users, o.Requests, o.Repeat, o.Timeout = 4, 25, 0, 300*time.Millisecond
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Failures["no_overlap"] != 10 || report.Failures[CodeTimeout] != 4 || report.Successes != 86 {
		t.Errorf("failures %v, successes %d", report.Failures, report.Successes)
	}
	if l := report.Ledger; l.Refused != 10 || l.Unanswered != 4 || l.Late != 0 || l.Sent != l.Answered+l.Refused+l.Late+l.Unanswered {
		t.Errorf("ledger %+v", l)
	}
	if report.Met {
		t.Error("a success rate of 86 % met the 99 % that are owed")
	}
}

func TestLateAnswersAreNotLost(t *testing.T) {
	d := newDeployment()
	d.delay, d.late = time.Hour, true
	o := tolerant(DefaultOptions())
	o.Users, o.Requests, o.Timeout = 2, 1, 50*time.Millisecond
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if l := report.Ledger; l.Late != 2 || l.Unanswered != 0 || l.Answered != 0 {
		t.Errorf("ledger %+v; want both late", l)
	}
}

// TestOpenLoopCountsFromWhenDue: a deployment that takes longer than the gaps delays nothing that is due later.
func TestOpenLoop(t *testing.T) {
	d := newDeployment()
	d.delay = 50 * time.Millisecond
	for _, poisson := range []bool{false, true} {
		o := tolerant(DefaultOptions())
		o.Users, o.Requests, o.Rate, o.Poisson, o.Repeat = 100, 2, 400, poisson, 0
		report, err := Run(t.Context(), d, base(t), o, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if report.Overrun == "" && (report.Requests != 200 || report.All.Min < 50) {
			t.Errorf("Poisson %v: %d requests, the fastest in %v ms; want 200 and 50 ms or more", poisson, report.Requests, report.All.Min)
		}
	}
}

func TestOpenLoopEndsWhenTheAnswersDoNotKeepUp(t *testing.T) {
	d := newDeployment()
	d.delay = time.Second
	o := tolerant(DefaultOptions())
	o.Users, o.Requests, o.Duration, o.Rate = 5, 0, 10*time.Second, 1000
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Overrun == "" || report.Met || report.Requests != 5 {
		t.Errorf("overrun %q, met %v, %d requests", report.Overrun, report.Met, report.Requests)
	}
}

func TestDurationEndsARun(t *testing.T) {
	o := tolerant(DefaultOptions())
	d := newDeployment()
	d.delay = 10 * time.Millisecond
	o.Users, o.Requests, o.Duration, o.Ramp = 4, 0, 300*time.Millisecond, 100*time.Millisecond
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests == 0 || report.Duration < 0.2 {
		t.Errorf("%d requests in %v s", report.Requests, report.Duration)
	}
}

func TestABusyGeneratorSaysNothing(t *testing.T) {
	r := run{Options: DefaultOptions(), recorder: newRecorder(time.Now()), pulse: newPulse()}
	r.recorder.add("x", false, time.Now(), time.Now(), Answer{Model: "test 1"}, nil)
	for range 99 {
		r.pulse.add(time.Millisecond)
	}
	if report := r.report(time.Second, nil); report.Invalid != "" {
		t.Fatalf("invalid: %s", report.Invalid)
	}
	for range 10 {
		r.pulse.add(80 * time.Millisecond)
	}
	report := r.report(time.Second, nil)
	if report.Invalid == "" || report.Met {
		t.Fatal("the generator's timers were 80 ms late and the run is said to be valid")
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "INVALID") || strings.Contains(text.String(), "OWED") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// TestAStallCountsWhole: a ticker leaves out what it missed, so one late tick stands for all of a stall.
func TestAStallCountsWhole(t *testing.T) {
	p := newPulse()
	for range 200 {
		p.tick(100 * time.Microsecond)
	}
	p.tick(400 * time.Millisecond)
	if late := p.p99(); late < 350*time.Millisecond {
		t.Errorf("the generator stood still for 400 ms of 1400, and is said to be %v late", late)
	}
}

func TestFindMax(t *testing.T) {
	d := newDeployment()
	d.fail = func(int) error { return nil }
	target := &limited{deployment: d, most: 150}
	o := tolerant(DefaultOptions())
	o.Users, o.Rate, o.Duration, o.Repeat = 1000, 50, 400*time.Millisecond, 0
	best, steps, err := FindMax(t.Context(), target, base(t), o, func(s Step) { target.rate = 0 })
	if err != nil {
		t.Fatal(err)
	}
	if last := steps[len(steps)-1]; last.Report.Invalid == "" && (best < 75 || best > 300) {
		t.Errorf("found %g a second; the target takes 150", best)
	}
	if len(steps) < 3 {
		t.Errorf("%d steps", len(steps))
	}
}

// limited refuses what comes faster than most a second.
type limited struct {
	*deployment
	most float64
	rate float64 // served since
	from time.Time
	lock sync.Mutex
}

func (l *limited) Locate(ctx context.Context, r Request) (Answer, error) {
	l.lock.Lock()
	if l.rate == 0 {
		l.from = time.Now()
	}
	l.rate++
	over := l.rate > 10+l.most*time.Since(l.from).Seconds()
	l.lock.Unlock()
	if over {
		return Answer{}, &Failure{"too_many", "slow down"}
	}
	return l.deployment.Locate(ctx, r)
}

func TestReportsForPeople(t *testing.T) {
	d := newDeployment()
	d.fail = func(n int) error {
		if n == 3 {
			return &Failure{"no_overlap", "<script>they never met</script>"}
		}
		return nil
	}
	o := tolerant(DefaultOptions())
	o.Users, o.Requests = 10, 10
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	report.Timeline = append(report.Timeline, Second{Answered: 5}, Second{Answered: 7, Failed: 1})
	var text, page bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"100 requests", "cache hits", "ledger: 100 sent = 99 answered + 1 refused", "95th percentile of hits", "no_overlap"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"<polyline", "cache misses", "99 answered"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page.String(), "<script>") {
		t.Error("the page repeats markup from outside")
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no users":       func(o *Options) { o.Users = 0 },
		"no end":         func(o *Options) { o.Requests = 0 },
		"negative ramp":  func(o *Options) { o.Ramp = -1 },
		"all repeats":    func(o *Options) { o.Repeat = 1 },
		"no timeout":     func(o *Options) { o.Timeout = 0 },
		"Poisson":        func(o *Options) { o.Poisson = true },
		"infinite rate":  func(o *Options) { o.Rate = 1e9 },
		"too many users": func(o *Options) { o.Users = maxUsers + 1 },
	} {
		o := DefaultOptions()
		change(&o)
		if _, err := Run(t.Context(), newDeployment(), base(t), o, quiet); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := Run(t.Context(), newDeployment(), nil, DefaultOptions(), quiet); err == nil {
		t.Error("a run without captures was accepted")
	}
	for _, n := range []int{0, messages.MaxReceivers + 1} {
		if _, err := Simulate(Shape{Receivers: n, Samples: 64, Format: messages.CU8}, 1, time.Now()); err == nil {
			t.Errorf("%d receivers were accepted", n)
		}
	}
}

// TestFreshCapturesDiffer: no two fresh ones are alike, repeats are exact, and both are valid captures of their base.
func TestFreshCapturesDiffer(t *testing.T) {
	for _, format := range []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32} {
		captures, err := Simulate(Shape{Receivers: 3, Samples: 500, Format: format}, 1, time.Unix(1_800_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		s := newSupply(captures, 0, 1)
		seen := map[string]bool{}
		for range 100 {
			d, _ := s.take()
			first, again := content(t, s, d), content(t, s, d)
			if first != again {
				t.Fatalf("%s: a repeat differs", format)
			}
			if seen[first] {
				t.Fatalf("%s: two fresh captures are alike", format)
			}
			seen[first] = true
		}
	}
}

func content(t *testing.T, s *supply, d draft) string {
	t.Helper()
	r, err := s.make(d)
	if err != nil {
		t.Fatal(err)
	}
	var c messages.Capture
	if err := c.Decode(r.Capture); err != nil {
		t.Fatal(err)
	}
	c.ID = ""
	return fmt.Sprintf("%+v", c)
}

func BenchmarkMakeRequest(b *testing.B) {
	captures, err := Simulate(Shape{Receivers: 3, Samples: 4480, Format: messages.CI16}, 1, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	s := newSupply(captures, 0, 1)
	for b.Loop() {
		d, _ := s.take()
		if _, err := s.make(d); err != nil {
			b.Fatal(err)
		}
	}
}
