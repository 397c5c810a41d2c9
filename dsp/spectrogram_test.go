package dsp

import (
	"math"
	"slices"
	"testing"
)

func mustSpectrogram(t testing.TB, c SpectrogramConfig, rate float64) *Spectrogram {
	t.Helper()
	s, err := NewSpectrogram(c, rate)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func noiseReceivers(receivers, samples int) (re, im [][]float32) {
	for r := range receivers {
		x, y := noise(samples, uint64(r))
		re, im = append(re, x), append(im, y)
	}
	return re, im
}

func TestSpectrogramMetadata(t *testing.T) {
	s := mustSpectrogram(t, DefaultSpectrogramConfig(), 48000)
	re, im := noiseReceivers(3, 4480)
	f, err := s.Compute(re, im)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Shape, []int{3, 128, 32}) || f.Type != "float32" || len(f.Data) != 3*128*32 {
		t.Errorf("shape %v of %s, %d values", f.Shape, f.Type, len(f.Data))
	}
	if f.Min != float64(slices.Min(f.Data)) || f.Max != float64(slices.Max(f.Data)) || !(f.Min < 0 && f.Max > 0) {
		t.Errorf("least %g, greatest %g", f.Min, f.Max)
	}
	if math.Abs(f.Mean) > 1e-6 || math.Abs(f.Deviation-1) > 1e-6 {
		t.Errorf("mean %g, deviation %g; want 0 and 1", f.Mean, f.Deviation)
	}
	if s.Config() != DefaultSpectrogramConfig() {
		t.Errorf("config %+v", s.Config())
	}
}

func TestSpectrogramIsDeterministic(t *testing.T) {
	re, im := noiseReceivers(2, 6000)
	s := mustSpectrogram(t, DefaultSpectrogramConfig(), 48000)
	first, _ := s.Compute(re, im)
	other, otherIm := noiseReceivers(3, 9000) // other work in between leaves no trace
	if _, err := s.Compute(other, otherIm); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []*Spectrogram{s, mustSpectrogram(t, DefaultSpectrogramConfig(), 48000)} {
		again, err := plan.Compute(re, im)
		if err != nil || !slices.Equal(first.Data, again.Data) {
			t.Error("the same samples gave other features")
		}
	}
}

func TestSpectrogramDoesNotAllocate(t *testing.T) {
	s := mustSpectrogram(t, DefaultSpectrogramConfig(), 48000)
	re, im := noiseReceivers(3, 4480)
	out := make([]float32, 3*128*32)
	allocations := testing.AllocsPerRun(5, func() {
		if err := s.Features(re, im, out); err != nil {
			t.Error(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%g allocations a capture", allocations)
	}
}

func TestSpectrogramRefusals(t *testing.T) {
	s := mustSpectrogram(t, DefaultSpectrogramConfig(), 48000)
	re, im := noiseReceivers(2, 4480)
	out := make([]float32, 2*128*32)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		code   string
		re, im [][]float32
		out    []float32
	}{
		"no receivers":        {"bad_shape", nil, nil, nil},
		"one part missing":    {"bad_shape", re, im[:1], out},
		"parts differ":        {"bad_shape", re, [][]float32{im[0], im[1][1:]}, out},
		"too little room":     {"bad_shape", re, im, out[1:]},
		"too few samples":     {"too_short", [][]float32{re[0], re[1][:4479]}, [][]float32{im[0], im[1][:4479]}, out},
		"no samples":          {"too_short", [][]float32{re[0], nil}, [][]float32{im[0], nil}, out},
		"NaN":                 {"bad_samples", [][]float32{re[0], with(re[1], 4479, nan)}, im, out},
		"infinity":            {"bad_samples", re, [][]float32{with(im[0], 0, inf), im[1]}, out},
		"both, the first one": {"bad_samples", [][]float32{re[0], with(re[1], 20, nan)}, [][]float32{im[0], with(im[1], 10, inf)}, out},
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, s.Features(c.re, c.im, c.out), c.code)
			_, err := s.Compute(c.re, c.im)
			if name != "too little room" {
				wantCode(t, err, c.code)
			}
		})
	}
	err := s.Features([][]float32{re[0][:100]}, [][]float32{im[0][:100]}, out[:128*32])
	if want := "too_short: receiver 0 has 100 samples; 32 frames of 512 samples every 128 need 4480"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// with returns a copy of x with one value changed.
func with(x []float32, at int, v float32) []float32 {
	x = slices.Clone(x)
	x[at] = v
	return x
}

// Whatever finite numbers come in, finite numbers go out.
func TestSpectrogramExtremes(t *testing.T) {
	re, im := noise(4480, 5)
	for _, normalize := range []string{NormalizeTensor, NormalizeReceiver, NormalizeFixed, NormalizeNone} {
		for _, scale := range []float32{0, math.SmallestNonzeroFloat32, 1e-40, 1e-30, 1e-10, 1, 1e10, 1e20, 5e37} {
			c := DefaultSpectrogramConfig()
			c.Normalize = normalize
			f, err := mustSpectrogram(t, c, 48000).Compute([][]float32{scaled(re, scale)}, [][]float32{scaled(im, scale)})
			if err != nil {
				t.Fatalf("%s, scale %g: %v", normalize, scale, err)
			}
			for j, v := range f.Data {
				if notFinite(v) {
					t.Fatalf("%s, scale %g: feature %d is %g", normalize, scale, j, v)
				}
			}
			if scale == 0 && normalize == NormalizeTensor && (f.Min != 0 || f.Max != 0) {
				t.Errorf("silence gives features from %g to %g, want zeros", f.Min, f.Max)
			}
		}
	}
}

// Scaling the samples only shifts the logarithms, over the whole range of float32.
func TestSpectrogramScales(t *testing.T) {
	c := DefaultSpectrogramConfig()
	c.Normalize, c.Floor = NormalizeNone, 1e-300
	s := mustSpectrogram(t, c, 48000)
	re, im := noise(4480, 6)
	base, err := s.Compute([][]float32{re}, [][]float32{im})
	if err != nil {
		t.Fatal(err)
	}
	for _, exponent := range []int{-110, -60, -1, 1, 60, 124} {
		factor := float32(math.Ldexp(1, exponent))
		got, err := s.Compute([][]float32{scaled(re, factor)}, [][]float32{scaled(im, factor)})
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range base.Data {
			want := float64(v) + 2*float64(exponent)*math.Ln2
			if math.Abs(float64(got.Data[j])-want) > 1e-6*(1+math.Abs(want)) {
				t.Fatalf("scaled by 2^%d: feature %d is %g, want %g", exponent, j, got.Data[j], want)
			}
		}
	}
}

func TestSpectrogramFloor(t *testing.T) {
	c := DefaultSpectrogramConfig()
	c.Normalize, c.Floor = NormalizeNone, 1e-4
	re, im := tone(0.25, 4480, 1)
	f, err := mustSpectrogram(t, c, 48000).Compute([][]float32{re}, [][]float32{im})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(f.Min-math.Log(1e-4)) > 1e-6 {
		t.Errorf("least feature %g, want ln 1e-4", f.Min)
	}
}

// More frames than asked for are averaged as powers: a tone in half of the time has half the power.
func TestSpectrogramAveragesFrames(t *testing.T) {
	c := SpectrogramConfig{NFFT: 64, HopLength: 64, Bands: 64, Frames: 3, Bank: BankLinear, Floor: 1e-12, Normalize: NormalizeNone, NormStd: 1}
	re, im := tone(0.25, 64*8+10, 1) // eight whole frames: groups of 2, 3 and 3
	clear(re[:64])
	clear(im[:64])
	f, err := mustSpectrogram(t, c, 1000).Compute([][]float32{re}, [][]float32{im})
	if err != nil {
		t.Fatal(err)
	}
	row := f.Data[48*3:][:3] // +rate/4
	full := 64 * 2. / 3      // (sum w)^2 / sum w^2
	for j, want := range []float64{full / 2, full, full} {
		if math.Abs(math.Exp(float64(row[j]))-want) > 1e-4*want {
			t.Errorf("frame %d has power %g, want %g", j, math.Exp(float64(row[j])), want)
		}
	}
}

func TestNormalisationKeepsOrDropsLevels(t *testing.T) {
	re, im := noise(4480, 8)
	loud, loudIm := scaled(re, 10), scaled(im, 10)
	c := DefaultSpectrogramConfig()
	tensor, err := mustSpectrogram(t, c, 48000).Compute([][]float32{re, loud}, [][]float32{im, loudIm})
	if err != nil {
		t.Fatal(err)
	}
	c.Normalize = NormalizeReceiver
	alone, err := mustSpectrogram(t, c, 48000).Compute([][]float32{re, loud}, [][]float32{im, loudIm})
	if err != nil {
		t.Fatal(err)
	}
	plane := 128 * 32
	for j := range plane {
		if !(tensor.Data[plane+j] > tensor.Data[j]+0.5) {
			t.Fatalf("tensor: feature %d of the louder receiver, %g, is not above %g", j, tensor.Data[plane+j], tensor.Data[j])
		}
		if math.Abs(float64(alone.Data[plane+j]-alone.Data[j])) > 1e-4 {
			t.Fatalf("receiver: feature %d still differs, %g and %g", j, alone.Data[plane+j], alone.Data[j])
		}
	}
}

func scaled(x []float32, by float32) []float32 {
	x = slices.Clone(x)
	for j := range x {
		x[j] *= by
	}
	return x
}

func FuzzSpectrogram(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 128, 127}, 16, 4, 8, 2)
	f.Add([]byte{255, 255, 127, 127, 1, 0, 0, 0}, 20, 20, 20, 1)
	f.Fuzz(func(t *testing.T, raw []byte, nFFT, hop, bands, frames int) {
		if nFFT > 256 || frames > 64 {
			t.Skip("larger than a fuzz run needs")
		}
		c := DefaultSpectrogramConfig()
		c.NFFT, c.HopLength, c.Bands, c.Frames = nFFT, hop, bands, frames
		s, err := NewSpectrogram(c, 48000)
		if err != nil {
			wantCode(t, err, "bad_config")
			return
		}
		re := make([]float32, c.MinSamples())
		for j := range re {
			for b := range 4 {
				if len(raw) > 0 {
					bits := math.Float32bits(re[j]) | uint32(raw[(4*j+b)%len(raw)])<<(8*b)
					re[j] = math.Float32frombits(bits)
				}
			}
		}
		got, err := s.Compute([][]float32{re}, [][]float32{re})
		if slices.ContainsFunc(re, notFinite) {
			wantCode(t, err, "bad_samples")
			return
		}
		if err != nil || slices.ContainsFunc(got.Data, notFinite) {
			t.Errorf("finite samples gave %v, %v", got, err)
		}
	})
}

func TestLargestIsOfAnyLength(t *testing.T) {
	for n := range 6 {
		x := make([]float32, n)
		for j := range x {
			x[j] = -float32(j)
		}
		if got := math.Float32frombits(largest(x)); got != float32(max(n-1, 0)) {
			t.Errorf("largest of %v is %g", x, got)
		}
	}
	if largest([]float32{1, float32(math.NaN()), 2}) < infinityBits {
		t.Error("NaN passed for a number")
	}
}
