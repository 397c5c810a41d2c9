package dsp

import (
	"math"
	"testing"
)

// resampleTone resamples a tone (frequency in cycles per output sample) and returns the amplitude and the
// delay (output samples) of what comes out against the exact tone, and the rms of what is not that tone.
func resampleTone(frequency, ratio float64) (amplitude, delay, rest float64) {
	const n = 400
	r := newResampler()
	margin := r.margin(ratio)
	first := float64(margin) + 0.377
	in := int(first+n*ratio) + margin + 2
	inRe, inIm := make([]float32, in), make([]float32, in)
	for j := range in {
		sin, cos := math.Sincos(2 * math.Pi * frequency / ratio * float64(j))
		inRe[j], inIm[j] = float32(cos), float32(sin)
	}
	outRe, outIm := make([]float32, n), make([]float32, n)
	r.resample(outRe, outIm, inRe, inIm, first, ratio)
	var re, im, power float64
	for k := range n {
		sin, cos := math.Sincos(2 * math.Pi * frequency * (first/ratio + float64(k)))
		a, b := float64(outRe[k]), float64(outIm[k])
		re += (a*cos + b*sin) / n
		im += (b*cos - a*sin) / n
		power += (a*a + b*b) / n
	}
	amplitude = math.Hypot(re, im)
	return amplitude, -math.Atan2(im, re) / (2 * math.Pi * frequency), math.Sqrt(max(0, power-amplitude*amplitude))
}

func TestResampleKeepsEightyPercentOfTheBand(t *testing.T) {
	for _, ratio := range []float64{1, 1.0000142, 1.024, 1.05, 1.0501, 1.37, 2, 4, 37.7} {
		for _, frequency := range []float64{-0.4, -0.31, -0.1, 0.01, 0.2, 0.4} {
			amplitude, delay, rest := resampleTone(frequency, ratio)
			if math.Abs(amplitude-1) > 3e-4 || math.Abs(delay) > 1e-3 || rest > 3e-4 {
				t.Errorf("ratio %g, frequency %g: amplitude %.6f, delay %.6f samples, rest %.6f", ratio, frequency, amplitude, delay, rest)
			}
		}
	}
}

func TestResampleRejectsWhatWouldFold(t *testing.T) {
	for _, ratio := range []float64{1.37, 2, 4, 37.7} {
		for _, frequency := range []float64{-0.65, 0.6, 0.62, 0.68} {
			if frequency > ratio/2 || -frequency > ratio/2 {
				continue
			}
			if amplitude, _, rest := resampleTone(frequency, ratio); math.Hypot(amplitude, rest) > 3e-4 {
				t.Errorf("ratio %g: %g cycles a sample pass with %g", ratio, frequency, math.Hypot(amplitude, rest))
			}
		}
	}
}
