package fitness

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/clock"
	"foxhunt/station/receiver"
)

const rate = 48000.0

// source plays samples that it makes.
type source struct {
	info   receiver.Info
	sample func(n int) (i, q float64)
	blocks int // to come
	n      int
	lost   int // before each block but the first
	sigma  float64
	rate   float64
	fails  error
}

func (s *source) Info() receiver.Info                 { return s.info }
func (s *source) Tune(context.Context, float64) error { return receiver.ErrFixed }
func (s *source) Close() error                        { return nil }

func (s *source) Read(context.Context) (receiver.Block, error) {
	if s.fails != nil {
		return receiver.Block{}, s.fails
	}
	if s.blocks == 0 {
		return receiver.Block{}, io.EOF
	}
	s.blocks--
	b := receiver.Block{Start: 1e18 + int64(float64(s.n)*1e9/rate), Sigma: s.sigma, Rate: s.rate, Frequency: 77500, NewRun: s.n == 0}
	if s.n > 0 && s.lost > 0 {
		b.NewRun, b.Lost = true, s.lost
	}
	for range 4800 { // a tenth of a second
		i, q := s.sample(s.n)
		s.n++
		b.IQ = append(b.IQ, word(i)...)
		b.IQ = append(b.IQ, word(q)...)
	}
	return b, nil
}

func word(x float64) []byte {
	return binary.LittleEndian.AppendUint16(nil, uint16(int16(math.Round(min(max(x*32768, -32768), 32767)))))
}

// newSource is ten seconds of noise of -60 dBFS and what a function adds to it.
func newSource(kind string, add func(n int) (i, q float64)) *source {
	random := rand.New(rand.NewPCG(1, 2))
	return &source{
		info: receiver.Info{Kind: kind, Name: "test", Format: messages.CI16, SampleRate: rate, Frequency: 77500}, blocks: 100, rate: rate * (1 + 3e-6), sigma: 200,
		sample: func(n int) (float64, float64) {
			i, q := add(n)
			return i + random.NormFloat64()*math.Sqrt(0.5e-6), q + random.NormFloat64()*math.Sqrt(0.5e-6)
		},
	}
}

func nothing(int) (i, q float64) { return 0, 0 }

func watched(t *testing.T, s *source) Samples {
	t.Helper()
	got, err := Watch(t.Context(), s, 8*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func near(got, want, by float64) bool { return math.Abs(got-want) <= by }

func TestWatch(t *testing.T) {
	t.Parallel()
	got := watched(t, newSource(receiver.KindRTLTCP, func(n int) (i, q float64) {
		phase := 2 * math.Pi * 5000 / rate * float64(n)
		return 0.1*math.Cos(phase) + 0.01, 0.1 * math.Sin(phase) // a tone of -20 dBFS, and DC of -40
	}))
	if got.Duration != 8*time.Second || got.Count != 8*48000 || got.Lost != 0 || got.Nominal != rate || got.Rate != rate*(1+3e-6) || got.Sigma != 200 {
		t.Errorf("%+v", got)
	}
	if !near(got.Level, -19.95, 0.1) || !near(got.DC, -40, 0.3) || !near(got.Noise, -60, 0.5) || got.Clipped != 0 {
		t.Errorf("level %.2f, DC %.2f, noise %.2f dBFS, clipped %g; want -20, -40, -60, 0", got.Level, got.DC, got.Noise, got.Clipped)
	}
}

// filtered is noise of an amplitude through four means of eight samples, one after the other, on top of white noise.
func filtered(amplitude float64) *source {
	random := rand.New(rand.NewPCG(3, 4))
	var i, q [stages][taps]float64
	return newSource(receiver.KindRTLTCP, func(n int) (float64, float64) {
		a, b := random.NormFloat64()*amplitude, random.NormFloat64()*amplitude
		for stage := range i {
			i[stage][n%taps], q[stage][n%taps] = a, b
			a, b = 0, 0
			for k := range taps {
				a, b = a+i[stage][k]/taps, b+q[stage][k]/taps
			}
		}
		return a, b
	})
}

const stages, taps = 4, 8

// closedForm is the width of the band with 99 % of the power of filtered, and the bound of a second of it, where the ratio of signal to
// noise is believed up to 15 dB.
func closedForm(amplitude float64) (bandwidth, timing float64) {
	const steps = 20000
	gain := func(f float64) float64 {
		return math.Pow(math.Sin(taps*math.Pi*f/rate)/(taps*math.Sin(math.Pi*f/rate)), 2*stages)
	}
	total, inner, information := 0.0, 0.0, 0.0
	for k := range steps {
		total += gain((float64(k) + 0.5) * rate / 2 / steps)
	}
	f := 0.0
	for k := 0; inner < 0.99*total; k++ {
		f = (float64(k) + 0.5) * rate / 2 / steps
		inner += gain(f)
		snr := min(gain(f)*2*amplitude*amplitude/1e-6, math.Pow(10, 1.5))
		information += 4 * math.Pi * math.Pi * f * f * snr * snr / (1 + 2*snr) * rate / steps // on both sides
	}
	return 2 * f, 1 / math.Sqrt(information)
}

// TestTiming holds bandwidth and bound against their closed forms. A signal that seems to be 39 dB above the noise has no better bound
// than one of 15 dB: the noise within it may be what the same filter let through.
func TestTiming(t *testing.T) {
	t.Parallel()
	for amplitude, ratio := range map[float64]float64{0.002: 6, 0.06: 15} {
		got := watched(t, filtered(amplitude))
		bandwidth, timing := closedForm(amplitude)
		if got.Bandwidth < 0.9*bandwidth || got.Bandwidth > 1.1*bandwidth || !near(got.Ratio, ratio, 2) {
			t.Errorf("%.4g Hz at %.1f dB; the closed form has %.4g Hz", got.Bandwidth, got.Ratio, bandwidth)
		}
		if got.Timing < 0.8*timing || got.Timing > 1.25*timing {
			t.Errorf("the bound is %.3g s; the closed form has %.3g s", got.Timing, timing)
		}
	}
	if silent := watched(t, newSource(receiver.KindRTLTCP, nothing)); silent.Timing != 0 || silent.Bandwidth != 0 {
		t.Errorf("noise alone has a bound of %g s, and %g Hz", silent.Timing, silent.Bandwidth)
	}
}

// TestExpected: what may be expected of a fix counts the times, the path and the signal.
func TestExpected(t *testing.T) {
	t.Parallel()
	facts := Facts{
		Samples: Samples{Nominal: rate, Rate: rate, Sigma: 100, Level: -10, Frequency: 77500, Bandwidth: 900, Ratio: 15, Timing: 5.16e-6},
		Path:    20 * time.Microsecond,
	}
	r := Judge(facts)
	if !near(r.Ellipse, 12.2e3, 100) || !near(r.Signal, 1547, 1) { // real fixes of DCF77 by such stations: 11.7 to 13.4 km
		t.Errorf("%+v", r)
	}
	const want = "half axes of some 12 km in the 95 % ellipse of three such stations around the transmitter: " +
		"±100ns of time, ±20µs of path (the workers' default at 0.0775 MHz), ±3.65µs of signal in a second of it"
	if f := finding(t, r, "fix"); f.Text != want {
		t.Errorf("%q", f.Text)
	}
	if f := finding(t, r, "signal"); f.Text != "0.9 kHz wide, and taken for 15 dB above the noise within; by that, a second of it tells two arrivals apart to ±5.16µs (1,500 m) at best" {
		t.Errorf("%q", f.Text)
	}
	facts.Samples.Bandwidth, facts.Samples.Timing, facts.Samples.Sigma = 0, 0, 50e3
	if r := Judge(facts); !near(r.Ellipse, 32.3e3, 100) || !strings.HasSuffix(finding(t, r, "fix").Text, "and what the signal leaves") {
		t.Errorf("%+v", r)
	}
}

func TestWatchFails(t *testing.T) {
	t.Parallel()
	empty := newSource(receiver.KindRTLTCP, nothing)
	empty.blocks = 0
	if _, err := Watch(t.Context(), empty, time.Second); err == nil || !strings.Contains(err.Error(), "no samples came from test") {
		t.Errorf("without samples: %v", err)
	}
	gone := newSource(receiver.KindRTLTCP, nothing)
	gone.fails = errors.New("gone")
	if _, err := Watch(t.Context(), gone, time.Second); !errors.Is(err, gone.fails) {
		t.Errorf("a source that fails: %v", err)
	}
	odd := newSource(receiver.KindRTLTCP, nothing)
	odd.info.Format = "cs12"
	if _, err := Watch(t.Context(), odd, time.Second); err == nil {
		t.Error("a format that is none is watched")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := newSource(receiver.KindRTLTCP, nothing)
	stopped.fails = ctx.Err()
	if _, err := Watch(ctx, stopped, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that is interrupted: %v", err)
	}
	short := newSource(receiver.KindRTLTCP, nothing)
	short.blocks = 3
	if s, err := Watch(t.Context(), short, time.Minute); err != nil || s.Count != 3*4800 {
		t.Errorf("a source that ends: %+v, %v", s, err)
	}
}

func finding(t *testing.T, r Report, code string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Code == code {
			return f
		}
	}
	t.Fatalf("there is no finding %s in %+v", code, r.Findings)
	panic("not reached")
}

func good(t *testing.T) Facts {
	return Facts{
		Samples: watched(t, newSource(receiver.KindRTLTCP, func(int) (float64, float64) { return 0, 0 })),
		Clock:   clock.Reading{Sigma: 100 * time.Nanosecond, Synchronized: true, Source: clock.SourceKernel},
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	r := Judge(good(t))
	f := finding(t, r, "time_differences")
	if !r.Fit || !near(r.Sigma, math.Hypot(200, 100), 1) || f.Text != "yes: the samples' times are known to ±223ns, which is 67 m" {
		t.Errorf("%+v, %q", r, f.Text)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	if f := finding(t, r, "signal"); f.Verdict != Warning || !strings.Contains(f.Text, "no signal stands out") {
		t.Errorf("%+v", f)
	}
	facts := good(t)
	facts.Samples.Sigma = 50e3
	if r := Judge(facts); !r.Fit || !strings.Contains(finding(t, r, "time_differences").Text, "known to ±50µs, which is 15 km: for networks that are larger") {
		t.Errorf("%+v", r)
	}
}

// TestUnfit spoils one thing at a time.
func TestUnfit(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		spoil func(*Facts)
		says  string
	}{
		"time_differences": {func(f *Facts) { f.Samples.Sigma = 10e6 }, "no, off by about 3,000 km: the samples' times are known to ±10ms"},
		"clock":            {func(f *Facts) { f.Clock = clock.Reading{Sigma: clock.Unknown, Source: clock.SourceUnknown} }, "nothing keeps this machine's clock in time"},
		"rate":             {func(f *Facts) { f.Samples.Rate *= 1.01 }, "measured +10003.0 ppm"},
		"lost":             {func(f *Facts) { f.Samples.Lost, f.Samples.Gaps = 100_000, 3 }, "100000 samples in 3 gaps, 20.7 %"},
		"level":            {func(f *Facts) { f.Samples.Level = silence }, "silence: nothing is heard"},
	} {
		facts := good(t)
		c.spoil(&facts)
		r := Judge(facts)
		if f := finding(t, r, code); r.Fit || f.Verdict != Unfit || !strings.Contains(f.Text, c.says) || f.Mend == "" {
			t.Errorf("%s: %+v; want %q", code, f, c.says)
		}
	}
	facts := good(t)
	facts.ClockErr, facts.Clock = errors.New("operation not permitted"), clock.Reading{Sigma: clock.Unknown}
	if r := Judge(facts); r.Fit || !strings.Contains(finding(t, r, "clock").Text, "not permitted") {
		t.Errorf("a clock that cannot be read: %+v", r)
	}
	facts.ClockErr, facts.Clock = nil, clock.Stated(300*time.Nanosecond)
	if r := Judge(facts); !r.Fit || !near(r.Sigma, math.Hypot(300, 200), 1) || !strings.HasSuffix(finding(t, r, "time_differences").Text, "which is 110 m") {
		t.Errorf("stated by its owner: %+v", r)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for code, spoil := range map[string]func(*Facts){
		"clipping": func(f *Facts) { f.Samples.Clipped = 0.01 },
		"dc":       func(f *Facts) { f.Samples.DC, f.Samples.Level = -20, -19 },
		"lost":     func(f *Facts) { f.Samples.Gaps, f.Samples.Lost = 1, 3 },
		"clock":    func(f *Facts) { f.Clock.Source, f.Clock.Sigma = clock.SourceDaemon, 90*time.Microsecond },
	} {
		facts := good(t)
		spoil(&facts)
		r := Judge(facts)
		if f := finding(t, r, code); !r.Fit || f.Verdict != Warning || f.Mend == "" {
			t.Errorf("%s: %+v in %+v", code, f, r)
		}
	}
}

// TestRecording has its own time, and no clock of this machine's.
func TestRecording(t *testing.T) {
	t.Parallel()
	facts := good(t)
	facts.Samples = watched(t, newSource(receiver.KindRecording, nothing))
	facts.Clock = clock.Reading{Sigma: clock.Unknown}
	r := Judge(facts)
	if !r.Fit || r.Sigma != 200 {
		t.Errorf("%+v", r)
	}
	for _, f := range r.Findings {
		if f.Code == "clock" {
			t.Errorf("%+v", f)
		}
	}
	r.Add(Finding{Code: "nats", Verdict: Unfit, Text: "refused"})
	if r.Fit {
		t.Error("what others find unfit is fit")
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for m, want := range map[float64]string{0: "0.00 m", 0.298: "0.30 m", 1.04: "1.00 m", 29.98: "30 m", 299.8: "300 m", 2998: "3,000 m", 12e3: "12 km", 2_998_000: "3,000 km", 6.1e6: "6,100 km", 3e8: "300,000 km"} {
		if got := Distance(m); got != want {
			t.Errorf("%g m is %q; want %q", m, got, want)
		}
	}
}
