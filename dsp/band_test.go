package dsp

import (
	"math"
	"math/rand/v2"
	"testing"
)

// bandOf returns the band of a capture, and what its first pair's peak says.
func bandOf(t *testing.T, in []Signal, reach float64) (band Band, lag, rho float64) {
	t.Helper()
	out, band, _ := correlate(t, DefaultCorrelationConfig(), in, reach)
	lag, rho = peakOf(out, 0)
	return band, lag, rho
}

func wantBand(t *testing.T, name string, band Band, low, high, tolerance float64) {
	t.Helper()
	width := high - low
	if math.Abs(band.Low-low) > tolerance*width || math.Abs(band.High-high) > tolerance*width {
		t.Errorf("%s: band %.0f to %.0f Hz, want %.0f to %.0f", name, band.Low, band.High, low, high)
	}
	if math.Abs(band.Bandwidth/width-1) > tolerance {
		t.Errorf("%s: bandwidth %.0f Hz, want %.0f", name, band.Bandwidth, width)
	}
}

func TestBandOfNoiseLikeSignals(t *testing.T) {
	const rate, seconds = 100e3, 0.2
	for i, fill := range []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.98} {
		for _, snr := range []float64{0, 10, 20, 30} {
			rng := rand.New(rand.NewPCG(21, uint64(i)))
			low := -rate / 2 * 0.98
			high := low + fill*rate*0.98
			in := noiseBand(t, rng, rate, seconds, low, high).receiveAll(rng, seconds, high-low, snr, 0, 1e-4, -1e-4)
			band, lag, rho := bandOf(t, in, 5e-4)
			name := "fill " + formatPercent(fill) + ", SNR " + formatPercent(snr/100)
			// What nearly fills the band leaves little of a floor: the whole band is as good.
			tolerance := 0.06
			if fill > 0.8 || snr == 0 {
				tolerance = 0.15
			}
			wantBand(t, name, band, low, high, tolerance)
			want := math.Pow(10, snr/10) / (1 + math.Pow(10, snr/10))
			if math.Abs(rho-want) > 0.07*want || math.Abs(lag-1e-4) > 3e-6 {
				t.Errorf("%s: rho %.3f at %g s, want %.3f", name, rho, lag, want)
			}
		}
	}
}

func formatPercent(share float64) string {
	digits := []byte{byte('0' + int(share*10)%10), byte('0' + int(share*100+0.5)%10), '%'}
	return string(digits)
}

func TestBandOfModulations(t *testing.T) {
	const rate, seconds = 48000, 0.3
	for name, c := range map[string]struct {
		make      func(rng *rand.Rand) *waveform
		low, high float64 // Hz, of the bandwidth
	}{
		"FM voice": {func(rng *rand.Rand) *waveform { return fmVoice(t, rng, rate, seconds) }, 6e3, 14e3},
		"PSK":      {func(rng *rand.Rand) *waveform { return psk(t, rng, rate, seconds, 5000) }, 3e3, 9e3},
	} {
		for _, snr := range []float64{3, 15, 30} {
			rng := rand.New(rand.NewPCG(23, 1))
			in := c.make(rng).receiveAll(rng, seconds, 8000, snr, 0, -2.5e-4)
			band, lag, rho := bandOf(t, in, 5e-4)
			if band.Bandwidth < c.low || band.Bandwidth > c.high {
				t.Errorf("%s at %g dB: bandwidth %.0f Hz, want %.0f to %.0f", name, snr, band.Bandwidth, c.low, c.high)
			}
			if math.Abs(lag+2.5e-4) > 4e-6 || rho < 0.6 {
				t.Errorf("%s at %g dB: rho %.3f at %g s", name, snr, rho, lag)
			}
		}
	}
}

func TestBandIgnoresWhatOneReceiverHears(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 1))
	const rate, seconds = 100e3, 0.1
	in := noiseBand(t, rng, rate, seconds, -10e3, 10e3).receiveAll(rng, seconds, 20e3, 10, 0, 1e-4, 2e-4)
	strong := noiseBand(t, rng, rate, seconds, 20e3, 35e3).receive(rng, seconds, 0, 0)
	for j := range strong.Re {
		in[1].Re[j] += 10 * strong.Re[j]
		in[1].Im[j] += 10 * strong.Im[j]
	}
	band, lag, rho := bandOf(t, in, 5e-4)
	wantBand(t, "interference at one receiver", band, -10e3, 10e3, 0.08)
	if math.Abs(lag-1e-4) > 2e-6 || rho < 0.8 {
		t.Errorf("rho %.3f at %g s", rho, lag)
	}
}

// Carriers that every receiver hears, and the line at 0 Hz of cheap receivers, neither make the band nor pull the lag.
func TestBandIgnoresLines(t *testing.T) {
	const rate, seconds = 100e3, 0.1
	for name, frequencies := range map[string][]float64{
		"at 0 Hz": {0}, "beside": {30.0123e3}, "within": {11.1e3}, "many": {0, 8e3, 11.1e3, 30.0123e3, -41e3},
	} {
		rng := rand.New(rand.NewPCG(27, 1))
		in := noiseBand(t, rng, rate, seconds, 5e3, 20e3).receiveAll(rng, seconds, 15e3, 10, 0, 1.5e-4)
		for _, s := range in {
			for _, f := range frequencies {
				addTone(s, 30, f)
			}
		}
		band, lag, rho := bandOf(t, in, 5e-4)
		wantBand(t, "a line "+name, band, 5e3, 20e3, 0.1)
		if math.Abs(lag-1.5e-4) > 4e-6 || rho < 0.75 || rho > 0.97 {
			t.Errorf("a line %s: rho %.3f at %g s", name, rho, lag)
		}
	}
}

// Two receivers that hear nothing but a carrier know nothing of the delay.
func TestBandOfALoneCarrier(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 1))
	in := noiseBand(t, rng, 12000, 0.4, -6000, 6000).receiveAll(rng, 0.4, 12000, -40, 0, 1e-4)
	for _, s := range in {
		addTone(s, 1000, 312.7)
	}
	band, _, rho := bandOf(t, in, 1e-3)
	if band.Bandwidth < 3000 || rho > 0.2 {
		t.Errorf("a lone carrier: bandwidth %.0f Hz, rho %.3f", band.Bandwidth, rho)
	}
}

// A receiver's filter that falls off towards the ends of the band is not taken for the noise floor.
func TestBandWithinAFiltersPassBand(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	const rate, seconds = 12000, 2.0
	signal := noiseBand(t, rng, rate, seconds, -600, 600)
	in := make([]Signal, 3)
	for i, delay := range []float64{0, 3e-4, -4e-4} {
		// The filter is put on signal and noise together: noise as a waveform of its own.
		noise := noiseBand(t, rng, rate, seconds, -6000, 6000)
		for k := range noise.re {
			sin, cos := math.Sincos(-2 * math.Pi * signal.frequency(k) * delay)
			pass := 1 / (1 + math.Pow(math.Abs(noise.frequency(k))/4800, 24))
			noise.re[k] = pass * (0.5*noise.re[k] + signal.re[k]*cos - signal.im[k]*sin)
			noise.im[k] = pass * (0.5*noise.im[k] + signal.re[k]*sin + signal.im[k]*cos)
		}
		in[i] = noise.receive(rng, seconds, 0, 1e-7)
	}
	band, lag, _ := bandOf(t, in, 2e-3)
	wantBand(t, "within a pass-band", band, -600, 600, 0.1)
	if math.Abs(lag-3e-4) > 5e-6 {
		t.Errorf("lag %g s, want 3e-4 s", lag)
	}
}

func TestNoiseIsNotTakenForASignal(t *testing.T) {
	narrow := 0
	for trial := range 60 {
		rng := rand.New(rand.NewPCG(33, uint64(trial)))
		in := noiseBand(t, rng, 50e3, 0.1, -25e3, 25e3).receiveAll(rng, 0.1, 50e3, 40, 0, 1e-5)
		if band, _, _ := bandOf(t, in, 5e-4); band.Bandwidth < 40e3 {
			narrow++
		}
	}
	if narrow > 0 {
		t.Errorf("of 60 captures filled by one noise-like signal %d lost part of their band", narrow)
	}
}

func TestSelectFloat32(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 1))
	for range 200 {
		x := make([]float32, 1+rng.IntN(40))
		for j := range x {
			x[j] = float32(rng.IntN(10))
		}
		k := rng.IntN(len(x))
		got := selectFloat32(x, k)
		below, equal := 0, 0
		for _, v := range x {
			if v < got {
				below++
			} else if v == got {
				equal++
			}
		}
		if k < below || k >= below+equal {
			t.Fatalf("%g is not the value of rank %d in %v", got, k, x)
		}
	}
}
