package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
	"foxhunt/sim"
)

func gridModel(t testing.TB) *model.Model {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(grid.File(), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestRunIsTheSameOnAnyNumberOfProcessors(t *testing.T) {
	m := gridModel(t)
	scenes := 1
	var reports []*Report
	for _, processors := range []int{1, 3} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		calls, last := 0, 0
		report, err := Run(context.Background(), Options{Scenes: scenes, Seed: 5, Model: m, Progress: func(done, total int) {
			if calls++; done != last+1 || total != scenes*len(kinds()) {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		}})
		if err != nil {
			t.Fatal(err)
		}
		if calls != scenes*len(kinds()) {
			t.Errorf("%d calls of progress", calls)
		}
		reports = append(reports, report)
	}
	if !reflect.DeepEqual(reports[0], reports[1]) {
		t.Errorf("one processor:\n%+v\nthree:\n%+v", reports[0], reports[1])
	}
	checkReport(t, reports[0], scenes)
}

func checkReport(t *testing.T, r *Report, scenes int) {
	t.Helper()
	if r.Model != grid.Name || len(r.Digest) != 64 || r.Scenes != scenes || r.Seed != 5 || len(r.Cases) != len(kinds()) {
		t.Errorf("report %+v", r)
	}
	for _, c := range r.Cases {
		refused := 0
		for _, n := range c.Refused {
			refused += n
		}
		if c.Fixes+refused != scenes {
			t.Errorf("%s: %d fixes and %d refusals of %d scenes", c.Name, c.Fixes, refused, scenes)
		}
		if c.Fixes > 0 && !(c.MedianError > 0 && c.MedianArea > 0 && c.SemiMajor.Least > 0) {
			t.Errorf("%s: error %g, area %g, semi-major %g", c.Name, c.MedianError, c.MedianArea, c.SemiMajor.Least)
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("null")) {
		t.Errorf("a list or map is missing in %s", text)
	}
	for _, key := range []string{`"inside_95":{"count":`, `"error_over_bound":{"scenes":`, `"d2_above_25":`, `"unanswered":{"count":`, `"sound":`, `"checks":[{"figure":`} {
		if !bytes.Contains(text, []byte(key)) {
			t.Errorf("no %s in %s", key, text)
		}
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"model grid", "two receivers", "one displaced pair", "error/bound median", "refused", "one mast", "unbiased estimator", "want at least 0.93, at most 0.98"} {
		if !strings.Contains(table.String(), part) {
			t.Errorf("no %q in\n%s", part, table.String())
		}
	}
}

// The default model must keep what is owed. Few scenes here, so only gross faults show:
// the command runs thousands.
func TestDefaultModelHoldsTheTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of simulation")
	}
	report, err := Run(context.Background(), Options{Scenes: 6, Seed: 5, Model: gridModel(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Cases {
		if len(c.Checks) == 0 {
			continue // nothing is owed
		}
		if c.Sound.High < 0.9 || c.Unanswered.Count > 1 {
			t.Errorf("%s: 95 %% ellipses hold %s of %d fixes; refused %v", c.Title, c.Inside95, c.Fixes, c.Refused)
		}
		if c.Name == "two_receivers" && c.SemiMajor.Least < 2 {
			t.Errorf("two receivers: semi-major axis of %g a", c.SemiMajor.Least)
		}
	}
}

func TestRunStops(t *testing.T) {
	m := gridModel(t)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, Options{Scenes: 1000, Seed: 1, Model: m, Progress: func(done, _ int) {
		if done == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, o := range []Options{{Scenes: 0, Model: m}, {Scenes: 1}} {
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestRefusalsBecomeResults(t *testing.T) {
	for _, err := range []error{
		&messages.Refusal{Code: "the_code"}, &model.Error{Code: "the_code"}, &geo.Error{Code: "the_code"},
	} {
		if out, err := refused(result{bound: 7}, err); err != nil || out.refusal != "the_code" || out.bound != 7 {
			t.Errorf("got %+v, %v", out, err)
		}
	}
	if _, err := refused(result{}, errors.ErrUnsupported); err == nil {
		t.Error("an error of another kind was taken for a refusal")
	}
}

// A model may not pass by refusing what is hard, unless the case is one that ought to be refused, and for that reason.
func TestRefusalsCount(t *testing.T) {
	good := make([]result, 98)
	for i := range good {
		good[i] = result{inside95: true, semiMajor: 3000, spread: 1000, bound: 1e4}
	}
	one := append(good[:98:98], result{refusal: "deaf"}, good[0])
	two := append(good[:98:98], result{refusal: "deaf"}, result{refusal: "no_baseline"})
	for _, c := range []struct {
		kind       string
		results    []result
		unanswered int
		pass       bool
	}{
		{"two_receivers", good, 0, true},
		{"two_receivers", one, 1, true},
		{"two_receivers", two, 2, false},
		{"one_mast", two, 1, true},
		{"one_mast", []result{{refusal: "no_baseline"}}, 0, true},
	} {
		all := kinds()
		k := &all[slices.IndexFunc(all, func(k kind) bool { return k.name == c.kind })]
		got := summarise(k, c.results)
		if got.Unanswered.Count != c.unanswered || got.Pass != c.pass {
			t.Errorf("%s: %d unanswered of %d, passes: %v, %+v", c.kind, got.Unanswered.Count, len(c.results), got.Pass, got.Checks)
		}
	}
}

// ring is a scene of n equal receivers evenly around the emitter.
func ring(n int, radius float64) *scene {
	s := &scene{sim: &sim.Scene{}, emitter: geo.Position{Latitude: 45, Longitude: 8}, bandwidth: 20e3, duration: 0.1, faulty: -1}
	for i := range n {
		angle := 2 * math.Pi * float64(i) / float64(n)
		s.sim.Receivers = append(s.sim.Receivers, sim.Receiver{Position: onGround(s.emitter, [2]float64{radius * math.Cos(angle), radius * math.Sin(angle)})})
		s.snr = append(s.snr, 10)
		s.sigma = append(s.sigma, 1e-6)
	}
	return s
}

func TestBoundOfARing(t *testing.T) {
	for _, n := range []int{3, 5, 8} {
		s := ring(n, 10e3)
		sum := 10 * float64(n)
		v := (1+sum)/(2*2000*math.Pow(2*math.Pi*20e3, 2)/12*10*sum) + 1e-12
		// Unit gradients evenly around give each axis n/2 of information: 2 c sqrt(v/n).
		want := 2 * speedOfLight * math.Sqrt(v/float64(n))
		if got := s.bound(); math.Abs(got-want) > 1e-4*want {
			t.Errorf("%d receivers: %g m, want %g", n, got, want)
		}
	}
	if b := ring(2, 10e3).bound(); !math.IsInf(b, 1) {
		t.Errorf("two receivers: %g m", b)
	}
	s := ring(4, 10e3)
	s.faulty, s.sim.Receivers[1].ClockOffset = 1, 2e-3
	three := ring(4, 10e3)
	three.sim.Receivers = append(three.sim.Receivers[:1], three.sim.Receivers[2:]...)
	three.snr, three.sigma = three.snr[:3], three.sigma[:3]
	if got, want := s.bound(), three.bound(); math.Abs(got-want) > 1e-9*want {
		t.Errorf("with one of four out: %g m, without it: %g", got, want)
	}
}

func TestInHull(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	square := [][2]float64{{0, 0}, {2, 0}, {2, 2}, {0, 2}, {1, 1}, {0.5, 1.2}, {1.5, 0.8}}
	var beyond int
	const n = 20000
	for range n {
		p := inHull(r, square, 1.5)
		if p[0] < -0.51 || p[0] > 2.51 || p[1] < -0.51 || p[1] > 2.51 {
			t.Fatalf("%v lies outside the stretched square", p)
		}
		if p[0] < 0 || p[0] > 2 || p[1] < 0 || p[1] > 2 {
			beyond++
		}
	}
	if share, want := float64(beyond)/n, 1-1/(1.5*1.5); math.Abs(share-want) > 0.02 {
		t.Errorf("%g of the points lie outside the hull, want %g", share, want)
	}
	if h := convexHull(square); len(h) != 4 {
		t.Errorf("hull %v", h)
	}
}

func TestStatistics(t *testing.T) {
	s := wilson(95, 100)
	if math.Abs(s.Low-0.8882) > 1e-4 || math.Abs(s.High-0.9785) > 1e-4 {
		t.Errorf("95 of 100: %+v", s)
	}
	if s = wilson(0, 0); s.Share != 0 || s.Low != 0 || s.High != 1 || s.String() != "-" {
		t.Errorf("nothing of nothing: %+v", s)
	}
	values := []float64{1, 2, 3, 4, 5}
	for p, want := range map[float64]float64{0: 1, 0.5: 3, 0.9: 4.6, 1: 5} {
		if got := quantile(values, p); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g is %g, want %g", p, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	c := summarise(&kinds()[0], []result{
		{err: 30, bound: 60, spread: 1000, d2: 1, inside68: true, inside95: true, semiMajor: 100, area: 1e4},
		{err: 90, bound: 60, spread: 1000, d2: 4, inside95: true, semiMajor: 3000, area: 3e4},
		{err: 500, bound: 600, spread: 1000, d2: 30, semiMajor: 200, area: 2e4, misnamed: true},
	})
	if c.OverBound != (Quantiles{Scenes: 2, Median: 1, P90: 1.4}) || c.Far.Count != 1 || c.Misnamed.Count != 1 || c.Inside95.Count != 2 ||
		c.MedianError != 90 || c.MedianArea != 2e4 || c.SemiMajor.Least != 0.1 || math.Abs(c.SemiMajor.AtLeast2-1.0/3) > 1e-9 || c.Pass {
		t.Errorf("summary %+v", c)
	}
}

func BenchmarkScene(b *testing.B) {
	j, err := newJudge(gridModel(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.close() })
	k := &kinds()[0]
	var stream uint64
	for b.Loop() {
		stream++
		if _, err := j.run(k, 1, stream); err != nil {
			b.Fatal(err)
		}
	}
}
