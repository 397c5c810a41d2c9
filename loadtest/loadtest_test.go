package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
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

// simulated are captures made once for all tests, which do not change them.
var simulated = sync.OnceValues(func() ([]*messages.Capture, error) {
	return Simulate(Shape{Receivers: 2, Samples: 256, Format: messages.CU8}, 1, time.Unix(1_800_000_000, 0))
})

func base(t *testing.T) []*messages.Capture {
	t.Helper()
	captures, err := simulated()
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
	t.Parallel()
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
	t.Parallel()
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

// TestOpenLoop: a deployment that takes longer than the gaps delays nothing that is due later.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	d.delay = 50 * time.Millisecond
	for _, poisson := range []bool{false, true} {
		o := tolerant(DefaultOptions())
		o.Users, o.Requests, o.Rate, o.Poisson, o.Repeat = 1, 60, 400, poisson, 0
		report, err := Run(t.Context(), d, base(t), o, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if report.Invalid != "" || report.Overrun != "" {
			t.Fatalf("Poisson %v: invalid %q, overrun %q", poisson, report.Invalid, report.Overrun)
		}
		if report.Requests != 60 || report.All.Min < 50 {
			t.Errorf("Poisson %v: %d requests, the fastest in %v ms; want 60 and 50 ms or more", poisson, report.Requests, report.All.Min)
		}
	}
}

// TestArrivals: when requests are due, with and without a ramp.
func TestArrivals(t *testing.T) {
	r := run{Options: Options{Rate: 10}}
	if due := r.due(20); due != 2*time.Second {
		t.Errorf("the 20th of 10 a second is due after %v; want 2 s", due)
	}
	r.Ramp = 10 * time.Second // over which 50 are sent
	for count, want := range map[float64]time.Duration{0.5: time.Second, 50: 10 * time.Second, 60: 11 * time.Second} {
		if due := r.due(count); (due - want).Abs() > time.Microsecond {
			t.Errorf("with a ramp number %v is due after %v; want %v", count, due, want)
		}
	}
}

func TestARampAtALowRateSends(t *testing.T) {
	t.Parallel()
	o := tolerant(DefaultOptions())
	o.Users, o.Requests, o.Rate, o.Ramp, o.Duration, o.Repeat = 1, 4, 20, 200*time.Millisecond, time.Minute, 0
	report, err := Run(t.Context(), newDeployment(), base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Invalid != "" || report.Requests != 4 || report.Duration < 0.2 || report.Duration > 4 {
		t.Errorf("invalid %q, %d requests in %v s; want 4 in 0.3 s", report.Invalid, report.Requests, report.Duration)
	}
}

// stuck answers after its time, whatever a request's own time is.
type stuck struct {
	*deployment
	err error
}

func (s *stuck) Locate(context.Context, Request) (Answer, error) {
	time.Sleep(100 * time.Millisecond)
	return Answer{}, s.err
}

// TestOpenLoopEnds: when too many requests are open the run is over. Where nothing was missed until then, nobody knows whether
// the deployment would have kept up.
func TestOpenLoopEnds(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"missed": &Failure{"slow", "so slow"}, "kept": nil} {
		o := tolerant(DefaultOptions())
		o.Users, o.Requests, o.Duration, o.Rate, o.Timeout, o.Repeat = 5, 0, 10*time.Second, 1000, 10*time.Millisecond, 0
		report, err := Run(t.Context(), &stuck{newDeployment(), err}, base(t), o, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if name == "kept" {
			if !strings.Contains(report.Invalid, "10 requests were open") || report.Findings != nil {
				t.Errorf("%s: invalid %q", name, report.Invalid)
			}
			continue
		}
		if report.Invalid != "" || report.Overrun == "" || report.Met || report.Requests != 10 {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

// TestUsersDoNotBoundAnOpenLoop: as many requests may be open as the rate and the time of each ask for.
func TestUsersDoNotBoundAnOpenLoop(t *testing.T) {
	r := run{Options: Options{Users: 50, Rate: 300, Timeout: 30 * time.Second}}
	if r.most() != 9000 {
		t.Errorf("%d may be open; want 9000", r.most())
	}
	if r.Rate = 1e6; r.most() != maxUsers {
		t.Errorf("%d may be open; want %d", r.most(), maxUsers)
	}
}

func TestDurationEndsARun(t *testing.T) {
	t.Parallel()
	o := tolerant(DefaultOptions())
	d := newDeployment()
	d.delay = 10 * time.Millisecond
	o.Users, o.Requests, o.Duration, o.Ramp = 4, 0, 300*time.Millisecond, 100*time.Millisecond
	report, err := Run(t.Context(), d, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if most := int(1000 * report.Duration / 10 * 4); report.Requests == 0 || report.Requests > most || report.Duration < 0.3 || report.Duration > 5 {
		t.Errorf("%d requests in %v s; want 1 to %d in a little more than 0.3 s", report.Requests, report.Duration, most)
	}
}

// TestAnInterruptedRunSaysNothing: whoever stops a run has no report that looks whole.
func TestAnInterruptedRunSaysNothing(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	d := newDeployment()
	d.fail = func(n int) error {
		if n == 20 {
			interrupt()
		}
		return nil
	}
	report, err := Run(ctx, d, base(t), tolerant(DefaultOptions()), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.Invalid, "interrupted") {
		t.Errorf("invalid is %q", report.Invalid)
	}
}

// judged is a run of one request with a pulse that was so late.
func judged(o Options, took, late time.Duration, hit bool) *run {
	r := &run{Options: o, recorder: newRecorder(time.Now()), pulse: newPulse()}
	r.recorder.add("x", hit, r.recorder.began, r.recorder.began.Add(took), Answer{hit, "test 1"}, nil)
	for range 100 {
		r.pulse.add(late)
	}
	return r
}

// TestABusyGeneratorSaysNothing: neither to people nor to programs.
func TestABusyGeneratorSaysNothing(t *testing.T) {
	if report := judged(DefaultOptions(), time.Millisecond, time.Millisecond, true).report(time.Second); report.Invalid != "" {
		t.Fatalf("invalid: %s", report.Invalid)
	}
	report := judged(DefaultOptions(), time.Millisecond, 80*time.Millisecond, true).report(time.Second)
	var text, page bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "INVALID") || strings.Contains(text.String(), "OWED") {
		t.Errorf("the text says\n%s", text.String())
	}
	if !strings.Contains(page.String(), "Invalid") || strings.Contains(page.String(), "latency") {
		t.Errorf("the page says\n%s", page.String())
	}
	data, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	want := []string{"duration_seconds", "generator_late_p99_ms", "invalid", "options", "started"}
	if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, want) {
		t.Errorf("the JSON has %v; want %v", got, want)
	}
}

// TestLatenessExcusesNoLevel: a level is judged as far as the generator's own lateness lets it be.
func TestLatenessExcusesNoLevel(t *testing.T) {
	for _, c := range []struct {
		took, late     time.Duration // hits owe 50 ms
		met, notJudged bool
	}{
		{40 * time.Millisecond, 20 * time.Millisecond, true, false}, // lateness only makes it longer
		{60 * time.Millisecond, 20 * time.Millisecond, false, true},
		{60 * time.Millisecond, 4 * time.Millisecond, false, false},
		{400 * time.Millisecond, 20 * time.Millisecond, false, false},
	} {
		report := judged(DefaultOptions(), c.took, c.late, true).report(time.Second)
		i := slices.IndexFunc(report.SLA, func(l Level) bool { return l.Name == "95th percentile of hits" })
		if l := report.SLA[i]; l.Met != c.met || l.NotJudged != c.notJudged || report.Met != c.met || report.AnyMissed() != (!c.met && !c.notJudged) {
			t.Errorf("%v, %v late: %+v, and the report's %v; want met %v, not judged %v", c.took, c.late, l, report.Met, c.met, c.notJudged)
		}
	}
}

// TestShortRunsOweNoHits: what was never repeated cannot be a hit.
func TestShortRunsOweNoHits(t *testing.T) {
	report := judged(DefaultOptions(), time.Millisecond, time.Millisecond, false).report(time.Second)
	for _, l := range report.SLA {
		if strings.Contains(l.Name, "hits") {
			t.Errorf("without a repeat the report says %+v", l)
		}
	}
	if !report.Met {
		t.Errorf("levels %+v", report.SLA)
	}
}

// TestShareOfRepeats: it is reached from the first moment on at which something can be repeated, at any length.
func TestShareOfRepeats(t *testing.T) {
	s := newSupply(base(t), 0.8, 1)
	d, _ := s.take()
	s.known(d)
	repeats := 0
	for sent := 2; sent < 2000; sent++ {
		if _, repeated := s.take(); repeated {
			repeats++
		}
		if got := share(repeats, sent); sent > 5 && (got < 0.8 || got > 0.8+1/float64(sent)) {
			t.Fatalf("of %d requests %d are repeats", sent, repeats)
		}
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

// TestFindMax finds what a target takes, and not what its own users could ask: they are 5, of 50 ms a request.
func TestFindMax(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	d.delay = 50 * time.Millisecond
	target := &limited{deployment: d, most: 300}
	o := tolerant(DefaultOptions())
	o.Users, o.Rate, o.Duration, o.Repeat = 5, 200, 200*time.Millisecond, 0
	best, steps, err := FindMax(t.Context(), target, base(t), o, func(s Step) { target.rate = 0 })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.Unknown || s.Kept != (s.Why == "") {
			t.Errorf("at %g a second: kept %v, unknown %v, %q", s.Rate, s.Kept, s.Unknown, s.Why)
		}
	}
	if best <= 100 || best >= 400 || len(steps) < 3 { // 100 is what the users could ask
		t.Errorf("found %g a second in %d steps; the target takes 300", best, len(steps))
	}
}

// TestFindMaxWaitsForTheBacklog: a step begins when what the one before left is gone.
func TestFindMaxWaitsForTheBacklog(t *testing.T) {
	t.Parallel()
	o := tolerant(DefaultOptions())
	o.Rate, o.Duration, o.Timeout, o.Repeat = 100, 50*time.Millisecond, time.Second, 0
	b := &backlog{deployment: newDeployment(), t: t}
	best, steps, err := FindMax(t.Context(), b, base(t), o, func(s Step) { b.left = 3; b.stays = s.Rate > 150 })
	if err == nil || best != 200 || len(steps) != 2 {
		t.Errorf("%g a second, %d steps, %v; want 200, two, and that the backlog of the second stays", best, len(steps), err)
	}
}

// backlog has captures that wait, one less with each look.
type backlog struct {
	*deployment
	t     *testing.T
	left  int
	stays bool
}

func (b *backlog) Begin() {
	if b.left != 0 {
		b.t.Errorf("a step began while %d captures waited", b.left)
	}
}

func (b *backlog) Lag(context.Context) (int, bool) {
	if b.left > 0 && !b.stays {
		b.left--
	}
	return b.left, true
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
			return &Failure{"no_overlap", "<script>they never met</script>\x1b[2J"}
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
	for _, want := range []string{"100 requests", "cache hits", "ledger: 100 sent = 99 answered + 1 refused", "95th percentile of hits", "1 failed with no_overlap, such as <script>they"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"<polyline", "cache misses", "99 answered"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Error("the text repeats control characters from outside")
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
		"80 hits":        func(o *Options) { o.SLA.HitRate = 80 },
		"99 successes":   func(o *Options) { o.SLA.Success = 99 },
		"no share":       func(o *Options) { o.SLA.Success = math.NaN() },
		"negative owed":  func(o *Options) { o.SLA.HitP95 = -1 },
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
	t.Parallel()
	for _, format := range []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32} {
		captures, err := Simulate(Shape{Receivers: 2, Samples: 256, Format: format}, 1, time.Unix(1_800_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		s := newSupply(captures, 0, 1)
		seen := map[string]bool{}
		for range 30 {
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
	var iq strings.Builder
	for i := range c.Receivers {
		iq.Write(c.Receivers[i].IQ)
	}
	return iq.String()
}

// TestProgress: failures are not among the answered.
func TestProgress(t *testing.T) {
	r := newRecorder(time.Now())
	r.add("a", false, r.began, r.began, Answer{}, nil)
	r.add("b", false, r.began, r.began, Answer{}, &Failure{"no_overlap", "they never met"})
	if p := r.progress(); p.Answered != 1 || p.Failed != 1 {
		t.Errorf("%+v; want one answered and one failed", p)
	}
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
