package dsp

import (
	"math"
	"math/rand/v2"
	"testing"
)

const testEpoch = int64(1_600_000_000_000_000_000) // ns; too large for a float64 to count in ns

// waveform is a signal that repeats after size samples, held as its spectrum so that it can be delayed by any
// time exactly. Its mean power is 1.
type waveform struct {
	re, im []float64
	rate   float64 // Hz
	plan   *FFT
}

// newWaveform makes room for seconds of signal, delays of a few ms and what goes round.
func newWaveform(t testing.TB, rate, seconds float64) *waveform {
	t.Helper()
	size := 1
	for float64(size) < rate*(1.4*seconds+8e-3) {
		size *= 2
	}
	plan, err := NewFFT(size)
	if err != nil {
		t.Fatal(err)
	}
	return &waveform{re: make([]float64, size), im: make([]float64, size), rate: rate, plan: plan}
}

func (w *waveform) frequency(k int) float64 {
	if k >= len(w.re)/2 {
		k -= len(w.re)
	}
	return float64(k) * w.rate / float64(len(w.re))
}

// noiseBand fills a band (Hz) with noise.
func noiseBand(t testing.TB, rng *rand.Rand, rate, seconds, low, high float64) *waveform {
	w := newWaveform(t, rate, seconds)
	for k := range w.re {
		if f := w.frequency(k); f >= low && f < high {
			w.re[k], w.im[k] = rng.NormFloat64(), rng.NormFloat64()
		}
	}
	return w.normalise()
}

// fromSamples takes a waveform from its samples.
func fromSamples(t testing.TB, rate, seconds float64, sample func(n int) (re, im float64)) *waveform {
	w := newWaveform(t, rate, seconds)
	re, im := make([]float32, len(w.re)), make([]float32, len(w.re))
	for n := range re {
		a, b := sample(n)
		re[n], im[n] = float32(a), float32(b)
	}
	w.plan.Forward(re, im)
	for k := range re {
		w.re[k], w.im[k] = float64(re[k]), float64(im[k])
	}
	return w.normalise()
}

// fmVoice is a carrier whose frequency follows noise of voice's bandwidth with 2.5 kHz rms deviation.
func fmVoice(t testing.TB, rng *rand.Rand, rate, seconds float64) *waveform {
	voice, phase := 0.0, 0.0
	smooth := math.Exp(-2 * math.Pi * 1500 / rate)
	gain := 2500 / math.Sqrt((1-smooth)/(1+smooth))
	return fromSamples(t, rate, seconds, func(int) (float64, float64) {
		voice = smooth*voice + (1-smooth)*rng.NormFloat64()
		phase += 2 * math.Pi * gain * voice / rate
		sin, cos := math.Sincos(phase)
		return cos, sin
	})
}

// psk is quaternary phase keying of some symbols a second, each a raised-cosine pulse of two symbols' length.
func psk(t testing.TB, rng *rand.Rand, rate, seconds, symbols float64) *waveform {
	points := [4]complex128{1, 1i, -1, -1i}
	var last, next complex128
	count := -1
	return fromSamples(t, rate, seconds, func(n int) (float64, float64) {
		at := float64(n) * symbols / rate
		for count < int(at) {
			count++
			last, next = next, points[rng.IntN(4)]
		}
		rise := hannShape((at - math.Floor(at)) / 2)
		v := last*complex(1-rise, 0) + next*complex(rise, 0)
		return real(v), imag(v)
	})
}

func (w *waveform) normalise() *waveform {
	power := 0.0
	for k := range w.re {
		power += w.re[k]*w.re[k] + w.im[k]*w.im[k]
	}
	scale := float64(len(w.re)) / math.Sqrt(power)
	for k := range w.re {
		w.re[k] *= scale
		w.im[k] *= scale
	}
	return w
}

// receive returns seconds of the waveform, late by delay (s), in white noise of the given power.
func (w *waveform) receive(rng *rand.Rand, seconds, delay, noise float64) Signal {
	re, im := make([]float32, len(w.re)), make([]float32, len(w.re))
	for k := range w.re {
		sin, cos := math.Sincos(-2 * math.Pi * w.frequency(k) * delay)
		re[k] = float32(w.re[k]*cos - w.im[k]*sin)
		im[k] = float32(w.re[k]*sin + w.im[k]*cos)
	}
	w.plan.Inverse(re, im)
	n := int(seconds*w.rate + 0.5)
	from := (len(re) - n) / 2
	s := Signal{Re: re[from : from+n], Im: im[from : from+n], SampleRate: w.rate, StartTime: testEpoch}
	amplitude := math.Sqrt(noise / 2)
	for j := range n {
		s.Re[j] += float32(amplitude * rng.NormFloat64())
		s.Im[j] += float32(amplitude * rng.NormFloat64())
	}
	return s
}

// receiveAll is receive at several receivers, with noise of -snr dB within bandwidth.
func (w *waveform) receiveAll(rng *rand.Rand, seconds, bandwidth, snr float64, delays ...float64) []Signal {
	in := make([]Signal, len(delays))
	for i, d := range delays {
		in[i] = w.receive(rng, seconds, d, w.rate/bandwidth*math.Pow(10, -snr/10))
	}
	return in
}

func addTone(s Signal, amplitude, frequency float64) {
	for j := range s.Re {
		sin, cos := math.Sincos(2 * math.Pi * frequency * float64(j) / s.SampleRate)
		s.Re[j] += float32(amplitude * cos)
		s.Im[j] += float32(amplitude * sin)
	}
}

// comb is a noise-like signal of unit power that can be evaluated at any time, for receivers of different
// rates: tones of random amplitude, so dense that it does not repeat.
type comb struct {
	re, im    []float64
	low, step float64 // Hz
}

func newComb(rng *rand.Rand, low, high, seconds float64) *comb {
	step := 1 / (1.25 * seconds)
	n := max(1, int((high-low)/step))
	e := &comb{low: low, step: step}
	scale := math.Sqrt(0.5 / float64(n))
	for range n {
		e.re = append(e.re, rng.NormFloat64()*scale)
		e.im = append(e.im, rng.NormFloat64()*scale)
	}
	return e
}

// receive samples n times from time start (s) on, in noise of the given power.
func (e *comb) receive(rng *rand.Rand, start, rate float64, n int, noise float64) (re, im []float32) {
	sumRe, sumIm := make([]float64, n), make([]float64, n)
	for k := range e.re {
		f := e.low + (float64(k)+0.5)*e.step
		sin, cos := math.Sincos(2 * math.Pi * f * start)
		a, b := e.re[k]*cos-e.im[k]*sin, e.re[k]*sin+e.im[k]*cos
		sin, cos = math.Sincos(2 * math.Pi * f / rate)
		for j := range n {
			sumRe[j] += a
			sumIm[j] += b
			a, b = a*cos-b*sin, a*sin+b*cos
		}
	}
	re, im = make([]float32, n), make([]float32, n)
	amplitude := math.Sqrt(noise / 2)
	for j := range n {
		re[j] = float32(sumRe[j] + amplitude*rng.NormFloat64())
		im[j] = float32(sumIm[j] + amplitude*rng.NormFloat64())
	}
	return re, im
}

// correlate aligns, analyses and correlates with one reach for all pairs.
func correlate(t testing.TB, cfg CorrelationConfig, in []Signal, reach float64) (*Correlation, Band, *Grid) {
	t.Helper()
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCorrelator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	band, err := c.Analyse(g, reach)
	if err != nil {
		t.Fatal(err)
	}
	out := &Correlation{}
	if err := c.Correlate(sameReach(len(in), reach), out); err != nil {
		t.Fatal(err)
	}
	return out, band, g
}

func sameReach(receivers int, reach float64) []float64 {
	r := make([]float64, PairCount(receivers))
	for p := range r {
		r[p] = reach
	}
	return r
}

// peakOf returns the lag and value in the middle of the lags of pair p, where the in-window peak is.
func peakOf(out *Correlation, p int) (lag, value float64) {
	lags := len(out.Lag) / out.Pairs
	values := len(out.CrossCorrelation) / out.Pairs
	return float64(out.Lag[p*lags+lags/2]), float64(out.CrossCorrelation[p*values+lags/2])
}
