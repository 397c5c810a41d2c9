package sim

import (
	"math"
	"testing"
	"time"

	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// pair is a scene of two receivers equally far, to the metre, from one strong emitter.
func pair(w Waveform) *Scene {
	receiver := func(name string, lon float64) Receiver {
		return Receiver{Station: name, Position: geo.Position{Latitude: 45, Longitude: lon}, SampleRate: 64e3, NoiseFigure: 5, Format: messages.CF32}
	}
	return &Scene{
		Start: noon(), Duration: 0.064,
		Emitters: []Emitter{{
			Name: "e", Position: geo.Position{Latitude: 45, Longitude: 8}, Frequency: 145e6, Waveform: w, SNR: []float64{40, 40},
		}},
		Receivers: []Receiver{receiver("west", 7), receiver("east", 9)},
	}
}

func record(t *testing.T, s *Scene, seed uint64) *messages.Capture {
	t.Helper()
	c, _, err := s.Capture(0, noon().Add(time.Second), seed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func samples(t *testing.T, r *messages.Receiver) (re, im []float32) {
	t.Helper()
	re, im = make([]float32, r.Samples()), make([]float32, r.Samples())
	if err := r.Split(re, im); err != nil {
		t.Fatal(err)
	}
	return re, im
}

// delay measures how much later, by the stations' own stamps, the signal reached b
// than a: the lag at which the cross-correlation of the two is largest.
func delay(t *testing.T, a, b *messages.Receiver) float64 {
	t.Helper()
	reA, imA := samples(t, a)
	reB, imB := samples(t, b)
	n := len(reA)
	for m := range n { // taper, so that ends that do not overlap do not matter
		w := float32(math.Sin(math.Pi * float64(m) / float64(n)))
		reA[m], imA[m], reB[m], imB[m] = w*reA[m], w*imA[m], w*reB[m], w*imB[m]
	}
	reA, imA = append(reA, make([]float32, n)...), append(imA, make([]float32, n)...)
	reB, imB = append(reB, make([]float32, n)...), append(imB, make([]float32, n)...)
	fft, err := dsp.NewFFT(2 * n)
	if err != nil {
		t.Fatal(err)
	}
	fft.Forward(reA, imA)
	fft.Forward(reB, imB)
	cross := make([]complex128, 2*n)
	for k := range cross {
		cross[k] = complex(float64(reA[k]), -float64(imA[k])) * complex(float64(reB[k]), float64(imB[k]))
		reA[k], imA[k] = float32(real(cross[k])), float32(imag(cross[k]))
	}
	fft.Inverse(reA, imA)
	best, at := 0.0, 0
	for m := range reA {
		if p := math.Hypot(float64(reA[m]), float64(imA[m])); p > best {
			best, at = p, m
		}
	}
	lag := math.Remainder(float64(at), float64(2*n))
	height := func(lag float64) float64 {
		var sum complex128
		for k := range cross {
			sum += cross[k] * cis(math.Remainder(float64(k), float64(2*n))*lag/float64(2*n))
		}
		return math.Hypot(real(sum), imag(sum))
	}
	step := 0.5
	for step > 1e-4 { // climb to the peak between the samples
		switch h := height(lag); {
		case height(lag+step) > h:
			lag += step
		case height(lag-step) > h:
			lag -= step
		default:
			step /= 2
		}
	}
	return lag/b.SampleRate + float64(b.StartTime-a.StartTime)*1e-9
}

// power returns the share of a receiver's power within half a width of a frequency,
// and its mean power in all.
func power(t *testing.T, r *messages.Receiver, centre, width float64) (share, total float64) {
	t.Helper()
	re, im := samples(t, r)
	n := len(re)
	fft, err := dsp.NewFFT(n)
	if err != nil {
		t.Fatal(err)
	}
	for m := range n {
		w := float32(1 - math.Cos(2*math.Pi*float64(m)/float64(n)))
		re[m], im[m] = w*re[m], w*im[m]
	}
	fft.Forward(re, im)
	for k := range n {
		p := float64(re[k])*float64(re[k]) + float64(im[k])*float64(im[k])
		total += p
		if f := math.Remainder(float64(k)/float64(n), 1) * r.SampleRate; math.Abs(f-centre) <= width/2 {
			share += p
		}
	}
	return share / total, total
}
