package dsp

import (
	"math"
	"testing"
)

func TestFramingRule(t *testing.T) {
	for _, c := range []struct {
		name           string
		samples        int
		rate, reach    float64 // Hz, s
		frameLength    int
		pairs          int
		length, frames int
		whole          bool
	}{
		{"a third of a second", 4480, 12000, 2e-3, 0, 3, 2048, 4, false},
		{"half a minute", 348000, 12000, 2e-3, 0, 3, 8192, 84, false},
		{"a second, fast", 2400000, 2.4e6, 1e-4, 0, 3, 262144, 18, false},
		{"5 ms, far apart", 5000, 1e6, 1.7e-3, 0, 3, 5000, 1, true},
		{"5 ms, near", 5000, 1e6, 1e-5, 0, 3, 2048, 4, false},
		{"few samples", 200, 12000, 1e-5, 0, 3, 200, 1, true},
		{"as asked", 4480, 12000, 2e-3, 512, 3, 512, 17, false},
		{"many receivers, far apart", 131072, 12000, 1, 0, 496, 65536, 3, false},
		{"some receivers, very far apart", 299566, 12000, 6, 0, 91, 262144, 2, false},
		{"two receivers, whole", 500000, 12000, 10, 0, 1, 500000, 1, true},
		{"two receivers, too long for one frame", 2097152, 12000, 43, 0, 1, 1048576, 3, false},
		{"just a frame", 512, 12000, 2e-3, 512, 3, 512, 1, false},
	} {
		f, err := newFraming(c.samples, c.rate, c.reach*c.rate, c.frameLength, c.pairs)
		if err != nil {
			t.Fatal(err)
		}
		if f.length != c.length || f.count != c.frames || f.whole != c.whole {
			t.Errorf("%s: %d frames of %d (whole: %v); want %d of %d (%v)", c.name, f.count, f.length, f.whole, c.frames, c.length, c.whole)
		}
		if first, last := f.start(0), f.start(f.count-1)+f.length; c.frames > 1 && (first != 0 || last != c.samples) {
			t.Errorf("%s: frames cover samples %d to %d of %d", c.name, first, last, c.samples)
		}
		if f.maxLag() < c.reach*c.rate {
			t.Errorf("%s: lags up to %g samples, reach %g", c.name, f.maxLag(), c.reach*c.rate)
		}
	}
}

// TestFramesAreBounded: whatever comes, all transforms are within what FFT takes, and those to lags of all pairs
// within maxWork.
func TestFramesAreBounded(t *testing.T) {
	for _, samples := range []int{minGrid, 1000, 40_000, 131072, 600_000, 4 << 20, maxFFT, 5 * maxFFT} {
		for _, receivers := range []int{2, 3, 8, 32} {
			for _, rate := range []float64{12000, 100e6} {
				for _, share := range []float64{0, 0.01, 0.1, 0.25} {
					pairs := PairCount(receivers)
					f, err := newFraming(samples, rate, share*float64(samples), 0, pairs)
					if err != nil {
						t.Fatal(err)
					}
					if lags := lagsSizeOf(f.size); lags > maxFFT || pairs*lags > maxWork || f.size < f.length || f.length > samples {
						t.Errorf("%d receivers, %d samples: %+v", receivers, samples, f)
					}
				}
			}
		}
	}
}

// The overlap table against the Hann window's autocorrelation in closed form, and the two counts of independent
// values against sums over the windows themselves.
func TestFramingCounts(t *testing.T) {
	table := newOverlapTable(hannShape)
	for _, x := range []float64{0, 0.01, 0.13, 0.5, 0.77, 0.999, 1, 2} {
		want := 0.0
		if x < 1 {
			want = (1-x)*(2.0/3+math.Cos(2*math.Pi*x)/3) + math.Sin(2*math.Pi*x)/(2*math.Pi)
		}
		if got := interpolateTable(table.first, -x); math.Abs(got-want) > 1e-4 {
			t.Errorf("a lag of %g frames leaves %.6f, want %.6f", x, got, want)
		}
	}
	for _, samples := range []int{1024, 2048, 2300, 9000} {
		f := hannFraming(samples, 1024)
		w := HannWindow(1024)
		cover := make([]float64, samples)
		for k := range f.count {
			for j, v := range w {
				cover[f.start(k)+j] += float64(v) * float64(v)
			}
		}
		var sum, square float64
		for _, v := range cover {
			sum += v
			square += v * v
		}
		if got, want := f.effectiveSamples(&table), sum*sum/square; math.Abs(got/want-1) > 0.01 {
			t.Errorf("%d samples: %.1f effective, want %.1f", samples, got, want)
		}
		if a := f.averages(&table); a > float64(f.count) || a < 0.8*float64(f.count)*math.Min(1, 2*f.hop()+0.1) && f.count > 1 {
			t.Errorf("%d samples: %d frames count as %.2f", samples, f.count, a)
		}
	}
}
