package dsp

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
)

func TestCorrelateRecoversDelays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name         string
		rateA, rateB float64
		startB       int64 // ns after A
		delay        float64
		n            int
	}{
		{"equal rates", 12000, 12000, 0, 3.3e-4, 4480},
		{"start off by ns", 12000, 12000, 123_457, -1.111e-3, 4480},
		{"rates off by ppm", 12001.03, 12001.20, 20_000_017, 7.77e-4, 4480},
		{"rates far apart", 12000, 48000, 1_234_567, -2.5e-4, 2240},
		{"rates near", 250e3, 256e3, 77_777, 4.321e-5, 4000},
		{"short capture, long delay", 1e6, 1e6, 12_345, 1.7e-3, 5000},
	} {
		e := newComb(rng, -0.3*c.rateA, 0.35*c.rateA, float64(c.n)/c.rateA+float64(c.startB)*1e-9+5e-3)
		a := Signal{SampleRate: c.rateA, StartTime: testEpoch}
		b := Signal{SampleRate: c.rateB, StartTime: testEpoch + c.startB}
		a.Re, a.Im = e.receive(rng, 0, c.rateA, c.n, 1e-4)
		b.Re, b.Im = e.receive(rng, float64(c.startB)*1e-9-c.delay, c.rateB, int(float64(c.n)*c.rateB/c.rateA), 1e-4)
		for sign, in := range map[float64][]Signal{1: {a, b}, -1: {b, a}} {
			out, band, g := correlate(t, DefaultCorrelationConfig(), in, 1.9e-3)
			lag, rho := peakOf(out, 0)
			if d := (lag - sign*c.delay) * g.SampleRate; math.Abs(d) > 0.01 || rho < 0.995 {
				t.Errorf("%s (%+g): rho %.4f at %g s, %g samples off %g s", c.name, sign, rho, lag, d, sign*c.delay)
			}
			if full := float64(out.FullPeak[1]); math.Abs(full-lag) > 1e-8 {
				t.Errorf("%s: full peak at %g s, peak at %g s", c.name, full, lag)
			}
			if ratio := band.Bandwidth / (0.65 * c.rateA); ratio < 0.85 || ratio > 1.15 {
				t.Errorf("%s: bandwidth %g Hz of %g", c.name, band.Bandwidth, 0.65*c.rateA)
			}
		}
	}
}

func TestCorrelateLaysLagsAroundPeakOrWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const rate, bandwidth, delay, reach = 48000, 12000, 4e-4, 6e-4
	in := noiseBand(t, rng, rate, 0.1, -6000, 6000).receiveAll(rng, 0.1, bandwidth, 20, 0, delay)
	cfg := DefaultCorrelationConfig()
	cfg.Lags = 21
	out, band, _ := correlate(t, cfg, in, reach)
	step := float64(out.Lag[1] - out.Lag[0])
	if want := 1 / (8 * band.Bandwidth); math.Abs(step/want-1) > 1e-3 {
		t.Errorf("lag step %g s around the peak, want %g", step, want)
	}
	lag, rho := peakOf(out, 0)
	for j, v := range out.CrossCorrelation {
		if float64(v) > rho+1e-6 {
			t.Errorf("lag %d holds %g, above the peak's %g", j, v, rho)
		}
	}
	if w := float64(out.LagWindow[0]); math.Abs(w-(reach+1/band.Bandwidth)) > 1e-9 || float64(out.Bandwidth[0]) != float64(float32(band.Bandwidth)) {
		t.Errorf("window %g s, bandwidth %g Hz", w, out.Bandwidth[0])
	}

	cfg.Around, cfg.Lags = AroundWindow, 201
	out, _, _ = correlate(t, cfg, in, reach)
	w := float64(out.LagWindow[0])
	best := 0
	for j := range out.Lag {
		if want := w * (float64(j)/100 - 1); math.Abs(float64(out.Lag[j])-want) > 1e-9 {
			t.Fatalf("lag %d is %g s, want %g", j, out.Lag[j], want)
		}
		if out.CrossCorrelation[j] > out.CrossCorrelation[best] {
			best = j
		}
	}
	if math.Abs(float64(out.Lag[best])-lag) > w/100 {
		t.Errorf("over the window the highest lag is %g s, around the peak %g s", out.Lag[best], lag)
	}
}

// TestCorrelateMatchesItsDefinition sums the definition directly, frame by frame, at every lag.
func TestCorrelateMatchesItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	const rate = 12000
	in := noiseBand(t, rng, rate, 0.3, -2000, 3000).receiveAll(rng, 0.3, 5000, 5, 0, 2.2e-4)
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultCorrelationConfig()
	cfg.FrameLength, cfg.Channels = 512, []string{ChannelCorrelation, ChannelPHAT}
	c, err := NewCorrelator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Analyse(g, 1e-3); err != nil {
		t.Fatal(err)
	}
	var out Correlation
	if err := c.Correlate([]float64{1e-3}, &out); err != nil {
		t.Fatal(err)
	}
	plan, hann := c.plan(512), HannWindow(512)
	for j, lag := range out.Lag {
		var sum, phases complex128
		var ea, eb float64
		count := 0
		for k := range c.framing.count {
			var spectra [2][2][]float32
			for i := range spectra {
				re, im := make([]float32, 512), make([]float32, 512)
				from := c.framing.start(k)
				for n := range re {
					re[n], im[n] = g.Re[i][from+n]*hann[n], g.Im[i][from+n]*hann[n]
				}
				plan.Forward(re, im)
				spectra[i] = [2][]float32{re, im}
			}
			for _, run := range c.runs {
				for bin := run[0]; bin < run[1]; bin++ {
					n := (bin + 256) % 512
					a := complex(float64(spectra[0][0][n]), float64(spectra[0][1][n]))
					b := complex(float64(spectra[1][0][n]), float64(spectra[1][1][n]))
					sin, cos := math.Sincos(2 * math.Pi * float64(bin-256) * rate / 512 * float64(lag))
					z := complex(real(a), -imag(a)) * b
					sum += z * complex(cos, sin)
					phases += z * complex(cos, sin) / complex(math.Hypot(real(z), imag(z)), 0)
					ea += real(a)*real(a) + imag(a)*imag(a)
					eb += real(b)*real(b) + imag(b)*imag(b)
					count++
				}
			}
		}
		x := math.Abs(float64(lag)) * rate / 512
		common := (1-x)*(2.0/3+math.Cos(2*math.Pi*x)/3) + math.Sin(2*math.Pi*x)/(2*math.Pi)
		want := math.Hypot(real(sum), imag(sum)) / math.Sqrt(ea*eb) / common
		wantPHAT := math.Hypot(real(phases), imag(phases)) / float64(count)
		got, gotPHAT := float64(out.CrossCorrelation[j]), float64(out.CrossCorrelation[len(out.Lag)+j])
		if math.Abs(got-want) > 2e-5 || math.Abs(gotPHAT-wantPHAT) > 2e-5 {
			t.Errorf("lag %g s: %.6f, PHAT %.6f; by definition %.6f, %.6f", lag, got, gotPHAT, want, wantPHAT)
		}
	}
}

func TestCorrelateFindsAnUnsynchronisedClock(t *testing.T) {
	const rate, bandwidth, snr = 250e3, 15000, 10
	for i, c := range []struct {
		name          string
		seconds, late float64
	}{
		{"many frames", 0.1, 7e-3},
		{"many frames, early", 0.1, -7e-3},
		{"one frame", 0.006, 2e-3},
	} {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		in := noiseBand(t, rng, rate, c.seconds, 20e3, 20e3+bandwidth).receiveAll(rng, c.seconds, bandwidth, snr, 0, 1e-4, c.late)
		out, _, _ := correlate(t, DefaultCorrelationConfig(), in, 2e-4)
		for p, want := range []float64{1e-4, c.late, c.late - 1e-4} {
			value, lag := float64(out.FullPeak[2*p]), float64(out.FullPeak[2*p+1])
			if math.Abs(lag-want) > 5e-6 || value < 0.75 || value > 1 {
				t.Errorf("%s, pair %d: full peak %.3f at %g s, want about 0.91 at %g s", c.name, p, value, lag, want)
			}
			if peak, inside := peakOf(out, p); p > 0 && (inside > 0.6 || math.Abs(peak) > float64(out.LagWindow[p])) {
				t.Errorf("%s, pair %d: %.3f at %g s within the window of %g s", c.name, p, inside, peak, out.LagWindow[p])
			}
		}
	}
}

func TestPHATRecoversDelays(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	const rate, bandwidth, delay = 48000, 10000, -3.21e-4
	in := noiseBand(t, rng, rate, 0.3, -5000, 5000).receiveAll(rng, 0.3, bandwidth, 20, 0, delay)
	cfg := DefaultCorrelationConfig()
	cfg.Channels = []string{ChannelPHAT}
	out, _, g := correlate(t, cfg, in, 1e-3)
	if lag, value := peakOf(out, 0); math.Abs(lag-delay)*g.SampleRate > 0.05 || value < 0.6 || value > 1 {
		t.Errorf("PHAT %.3f at %g s, want %g", value, lag, delay)
	}
}

// trialResult is a pair's delay error over the Cramer-Rao bound, its debiased rho^2 over the true one, and its N.
type trialResult struct{ error, rho2, n float64 }

func trial(t testing.TB, rng *rand.Rand, c *Correlator, rate, bandwidth, seconds, snr, delay float64) trialResult {
	low := (rng.Float64() - 0.5) * (rate - bandwidth) * 0.95
	delay += rng.Float64() / rate
	in := noiseBand(t, rng, rate, seconds, low-bandwidth/2, low+bandwidth/2).receiveAll(rng, seconds, bandwidth, snr, 0, delay)
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	reach := 1.05*delay + 1/rate
	if _, err := c.Analyse(g, reach); err != nil {
		t.Fatal(err)
	}
	var out Correlation
	if err := c.Correlate([]float64{reach}, &out); err != nil {
		t.Fatal(err)
	}
	lag, rho := peakOf(&out, 0)
	s, n := math.Pow(10, snr/10), float64(out.TimeBandwidth[0])
	kappa := math.Pow(2*math.Pi*bandwidth, 2) / 12
	bound := math.Sqrt((1 + 2*s) / (2 * (seconds - delay) * bandwidth * kappa * s * s))
	return trialResult{(lag - delay) / bound, (rho*rho - 1/n) / (1 - 1/n) / math.Pow(s/(1+s), 2), n / ((seconds - delay) * bandwidth)}
}

// Delay errors come near the Cramer-Rao bound of a flat band over its common time. The figure itself has a
// statistical error of 6 %; three or four frames cost most at the capture's ends, and a weak signal some of its band.
func TestCorrelateIsEfficientAndUnbiased(t *testing.T) {
	type row struct {
		rate, bandwidth, seconds, snr, delay float64
		limit                                float64
	}
	rows := []row{
		{30e3, 3e3, 0.3, 5, 1e-5, 1.4},
		{60e3, 20e3, 0.05, 15, 1.7e-3, 1.25},
		{250e3, 200e3, 0.005, 15, 1.7e-3, 1.25},
	}
	trials := 120
	if raceDetector {
		trials = 30
	} else if !testing.Short() {
		trials = 150
		rows = append(rows,
			row{30e3, 3e3, 0.05, 15, 1e-5, 1.25},
			row{200e3, 20e3, 0.005, 15, 1e-4, 1.25},
			row{200e3, 20e3, 0.05, 30, 1.7e-3, 1.25},
			row{250e3, 20e3, 0.1, -2, 3e-4, 1.8},
			row{1e6, 200e3, 0.01, 30, 1e-3, 1.25})
	}
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		rng := rand.New(rand.NewPCG(11, uint64(i)))
		var square, rho2, n float64
		var size []float64
		for range trials {
			v := trial(t, rng, c, r.rate, r.bandwidth, r.seconds, r.snr, r.delay)
			square += v.error * v.error / float64(trials)
			rho2 += v.rho2 / float64(trials)
			n += v.n / float64(trials)
			size = append(size, math.Abs(v.error))
		}
		sort.Float64s(size)
		t.Logf("%+v: rms %.2f of the bound, median/0.6745 %.2f, rho^2 %.3f of the true one, N %.2f of T B", r,
			math.Sqrt(square), size[trials/2]/0.6745, rho2, n)
		if rms := math.Sqrt(square); rms > r.limit {
			t.Errorf("%+v: rms error is %.2f times the bound", r, rms)
		}
		if math.Abs(rho2-1) > 0.08 {
			t.Errorf("%+v: rho^2 is %.3f of the true one", r, rho2)
		}
		if n < 0.6 || n > 1.1 {
			t.Errorf("%+v: N is %.2f of T B", r, n)
		}
	}
}

// Without a signal rho^2 averages 1/N at any lag.
func TestCorrelateOfNoiseAveragesOneOverN(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	cfg := DefaultCorrelationConfig()
	cfg.Around, cfg.Lags = AroundWindow, 41
	for _, reach := range []float64{1e-4, 40e-3} { // many frames, and one
		sum, count := 0.0, 0
		for range 40 {
			var in []Signal
			for range 2 {
				s := ramp(4480, 12000, testEpoch)
				for j := range s.Re {
					s.Re[j], s.Im[j] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
				}
				in = append(in, s)
			}
			out, _, _ := correlate(t, cfg, in, reach)
			// The middle lag, chosen without looking at the values.
			sum += math.Pow(float64(out.CrossCorrelation[20]), 2) * float64(out.TimeBandwidth[0])
			count++
		}
		// An exponential variable's mean over 40: 0.16 of standard error.
		if mean := sum / float64(count); mean < 0.5 || mean > 1.6 {
			t.Errorf("reach %g s: N rho^2 averages %.2f, want 1", reach, mean)
		}
	}
}

func TestCorrelateOfSilenceAndConstants(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	hears := noiseBand(t, rng, 12000, 0.2, -1000, 1000).receive(rng, 0.2, 0, 0.1)
	flat := ramp(2400, 12000, testEpoch)
	for j := range flat.Re {
		flat.Re[j], flat.Im[j] = 3, -1
	}
	tiny, huge := ramp(2400, 12000, testEpoch), ramp(2400, 12000, testEpoch)
	for j := range tiny.Re {
		tiny.Re[j], tiny.Im[j] = 1e-38*hears.Re[j], 1e-38*hears.Im[j]
		huge.Re[j], huge.Im[j] = 1e37*hears.Re[j], 1e37*hears.Im[j]
	}
	silent := Signal{Re: make([]float32, 2400), Im: make([]float32, 2400), SampleRate: 12000, StartTime: testEpoch}
	cfg := DefaultCorrelationConfig()
	cfg.Channels = []string{ChannelCorrelation, ChannelPHAT}
	for name, c := range map[string]struct {
		in   []Signal
		want float64 // -1: any
	}{
		"silence":         {[]Signal{silent, silent}, 0},
		"one silent":      {[]Signal{hears, silent}, 0},
		"constants":       {[]Signal{flat, flat}, -1},
		"constant, noise": {[]Signal{flat, hears}, -1},
		"tiny and huge":   {[]Signal{tiny, huge}, 1},
	} {
		out, _, _ := correlate(t, cfg, c.in, 1e-3)
		for _, values := range [][]float32{out.CrossCorrelation, out.Lag, out.LagWindow, out.Bandwidth, out.TimeBandwidth, out.FullPeak} {
			for _, v := range values {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%s: %g in %+v", name, v, out)
				}
			}
		}
		if _, rho := peakOf(&Correlation{Pairs: 1, Lag: out.Lag, CrossCorrelation: out.CrossCorrelation[:33]}, 0); c.want >= 0 && math.Abs(rho-c.want) > 1e-3 {
			t.Errorf("%s: rho is %g, want %g", name, rho, c.want)
		}
	}
}

func TestCorrelationConfigValidate(t *testing.T) {
	if err := DefaultCorrelationConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(c *CorrelationConfig){
		"lags is 2":                   func(c *CorrelationConfig) { c.Lags = 2 },
		"lags is 100000":              func(c *CorrelationConfig) { c.Lags = 100000 },
		"steps_per_bandwidth is 0.5":  func(c *CorrelationConfig) { c.StepsPerBandwidth = 0.5 },
		"steps_per_bandwidth is NaN":  func(c *CorrelationConfig) { c.StepsPerBandwidth = math.NaN() },
		"channels is empty":           func(c *CorrelationConfig) { c.Channels = nil },
		`channels[1] is "scot"`:       func(c *CorrelationConfig) { c.Channels = []string{"phat", "scot"} },
		`channels names "phat" twice`: func(c *CorrelationConfig) { c.Channels = []string{"phat", "phat"} },
		`around is ""`:                func(c *CorrelationConfig) { c.Around = "" },
		"frame_length is 33":          func(c *CorrelationConfig) { c.FrameLength = 33 },
		"frame_length is 16":          func(c *CorrelationConfig) { c.FrameLength = 16 },
	} {
		cfg := DefaultCorrelationConfig()
		change(&cfg)
		_, err := NewCorrelator(cfg)
		wantRefusal(t, says, err, "bad_config", says)
	}
}

func wantRefusal(t *testing.T, name string, err error, code, says string) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != code || !strings.Contains(refusal.Reason, says) {
		t.Errorf("%s: %v, want %s with %q", name, err, code, says)
	}
}

func TestCorrelatorRefuses(t *testing.T) {
	grid := func(r, n int) *Grid {
		g := &Grid{SampleRate: 12000, Offset: make([]float64, r)}
		for range r {
			s := ramp(n, 12000, 0)
			g.Re, g.Im = append(g.Re, s.Re), append(g.Im, s.Im)
		}
		return g
	}
	cfg := DefaultCorrelationConfig()
	c, err := NewCorrelator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "before Analyse", c.Correlate(nil, &Correlation{}), "bad_shape", "nothing analysed")
	_, err = c.Analyse(grid(1, 100), 0)
	wantRefusal(t, "one receiver", err, "bad_shape", "at least 2")
	uneven := grid(3, 100)
	uneven.Im[2] = uneven.Im[2][:99]
	_, err = c.Analyse(uneven, 0)
	wantRefusal(t, "uneven", err, "bad_shape", "rx[2]")
	_, err = c.Analyse(grid(2, 31), 0)
	wantRefusal(t, "31 samples", err, "too_short", "31")
	_, err = c.Analyse(grid(2, 100), math.NaN())
	wantRefusal(t, "no reach", err, "bad_config", "NaN")
	broken := grid(2, 100)
	broken.Re[1][50] = float32(math.Inf(1))
	_, err = c.Analyse(broken, 0)
	wantRefusal(t, "infinite sample", err, "bad_samples", "rx[1]")
	wantRefusal(t, "after a refusal", c.Correlate([]float64{0}, &Correlation{}), "bad_shape", "nothing analysed")

	if _, err := c.Analyse(grid(3, 100), 0); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "two reaches", c.Correlate([]float64{0, 0}, &Correlation{}), "bad_shape", "3 pairs")
	wantRefusal(t, "negative reach", c.Correlate([]float64{0, -1, 0}, &Correlation{}), "bad_config", "reach[1]")

	cfg.FrameLength = 256
	if c, err = NewCorrelator(cfg); err != nil {
		t.Fatal(err)
	}
	_, err = c.Analyse(grid(2, 255), 0)
	wantRefusal(t, "shorter than a frame", err, "too_short", "frame_length is 256")
	_, err = c.Analyse(grid(2, 1000), 20e-3)
	wantRefusal(t, "frames too short for the lags", err, "bad_config", "frame_length 256")
}

// TestCorrelatorTakesAnyNumberOfReceivers in any order, with the answers of a correlator of their own.
func TestCorrelatorTakesAnyNumberOfReceivers(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	const reach = 1e-3
	w := noiseBand(t, rng, 12000, 0.3, -2000, 2000)
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, receivers := range []int{4, 3, 5, 2, 7, 6} {
		in := w.receiveAll(rng, 0.1+0.02*float64(receivers), 4000, 10, make([]float64, receivers)...)
		want, _, g := correlate(t, DefaultCorrelationConfig(), in, reach)
		if _, err := c.Analyse(g, reach); err != nil {
			t.Fatal(err)
		}
		var out Correlation
		if err := c.Correlate(sameReach(receivers, reach), &out); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out.CrossCorrelation, want.CrossCorrelation) || !slices.Equal(out.FullPeak, want.FullPeak) {
			t.Errorf("%d receivers: another answer than from a new correlator", receivers)
		}
	}
}

func TestCorrelatorAllocatesNothingOnceWarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 1))
	cfg := DefaultCorrelationConfig()
	cfg.Channels = []string{ChannelCorrelation, ChannelPHAT}
	for _, reach := range []float64{1e-3, 60e-3} {
		in := noiseBand(t, rng, 12000, 0.3, -2000, 2000).receiveAll(rng, 0.3, 4000, 10, 0, 0.9*reach, 0.3*reach)
		a := NewAligner()
		c, err := NewCorrelator(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var out Correlation
		reaches := sameReach(3, reach)
		if n := testing.AllocsPerRun(5, func() {
			g, err := a.Align(in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Analyse(g, reach); err != nil {
				t.Fatal(err)
			}
			if err := c.Correlate(reaches, &out); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("reach %g s: %g allocations a run", reach, n)
		}
	}
}

func TestPairCount(t *testing.T) {
	for r, want := range map[int]int{0: 0, 1: 0, 2: 1, 3: 3, 7: 21, 32: 496} {
		if got := PairCount(r); got != want {
			t.Errorf("%d receivers make %d pairs, want %d", r, got, want)
		}
	}
}

// FuzzCorrelate throws receivers of any rate, start and content at the whole of it: a refusal or finite numbers.
func FuzzCorrelate(f *testing.F) {
	f.Add(uint64(1), 12000.0, 12001.0, int64(0), int64(1000), 300, 400, 1e-3, 0, float32(1))
	f.Add(uint64(2), 12000.0, 48000.0, int64(math.MaxInt64), int64(math.MinInt64), 300, 4000, 1e-3, 64, float32(1e30))
	f.Add(uint64(3), 1.0, 1e12, int64(-5), int64(5), 2000, 2000, 1e9, 0, float32(1e-40))
	f.Add(uint64(4), 2.4e6, 2.4e6, int64(0), int64(777), 5000, 5000, 1.7e-3, 0, float32(0))
	f.Fuzz(func(t *testing.T, seed uint64, rateA, rateB float64, startA, startB int64, n, m int, reach float64, frame int, scale float32) {
		rng := rand.New(rand.NewPCG(seed, 0))
		in := make([]Signal, 2+int(seed%2))
		for i := range in {
			in[i] = ramp([]int{n, m, n}[i]&0x1fff, []float64{rateA, rateB, rateA}[i], []int64{startA, startB, startA}[i])
			for j := range in[i].Re {
				in[i].Re[j], in[i].Im[j] = scale*float32(rng.NormFloat64()), scale*float32(rng.NormFloat64())
			}
		}
		g, err := NewAligner().Align(in)
		if err != nil {
			return
		}
		cfg := DefaultCorrelationConfig()
		cfg.FrameLength, cfg.Channels = frame, []string{ChannelCorrelation, ChannelPHAT}
		c, err := NewCorrelator(cfg)
		if err != nil {
			return
		}
		if _, err := c.Analyse(g, reach); err != nil {
			return
		}
		var out Correlation
		if err := c.Correlate(sameReach(len(in), reach), &out); err != nil {
			t.Fatal(err)
		}
		for _, v := range out.CrossCorrelation {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("a correlation of %g", v)
			}
		}
	})
}
