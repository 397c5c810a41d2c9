package dsp

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// golden is testdata/golden.json, which testdata/golden.py writes from scipy and librosa.
type golden struct {
	Samples []string
	FFT     []struct {
		N    int
		File string
	}
	Mel []struct {
		Rate float64
		SpectrogramConfig
		File string
	}
	Features []struct {
		Rate   float64
		Config SpectrogramConfig
		File   string
	}
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func loadFloats(t *testing.T, name string) []float32 {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(raw)/4)
	for j := range x {
		x[j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:]))
	}
	return x
}

func loadComplex(t *testing.T, name string) (re, im []float32) {
	t.Helper()
	pairs := loadFloats(t, name)
	for ; len(pairs) > 0; pairs = pairs[2:] {
		re, im = append(re, pairs[0]), append(im, pairs[1])
	}
	return re, im
}

func TestGoldenFFT(t *testing.T) {
	g := loadGolden(t)
	for _, c := range g.FFT {
		re, im := loadComplex(t, g.Samples[0])
		re, im = re[:c.N], im[:c.N]
		mustFFT(t, c.N).Forward(re, im)
		if e := relativeRMS(join(re, im), join(loadComplex(t, c.File))); !(e < 5e-7) {
			t.Errorf("n=%d: relative RMS error %g against scipy", c.N, e)
		}
	}
}

func TestGoldenMelBank(t *testing.T) {
	for _, c := range loadGolden(t).Mel {
		c.Bank = BankMelOneSided
		want := loadFloats(t, c.File)
		dense := denseBank(c.SpectrogramConfig, c.Rate)
		width := c.NFFT/2 + 1
		for b := range c.Bands {
			for k := range width {
				got := dense[b][k]
				if w := want[b*width+k]; math.Abs(float64(got-w)) > 2e-6 {
					t.Errorf("rate %g n_fft %d: weight of band %d, bin %d is %g; librosa has %g", c.Rate, c.NFFT, b, k, got, w)
				}
			}
		}
	}
}

// denseBank returns a bank's weights [bands][n_fft], in the FFT's natural order.
func denseBank(c SpectrogramConfig, rate float64) [][]float32 {
	fMax := c.FMax
	if fMax == 0 {
		fMax = rate / 2
	}
	b := newBank(c, fMax, spectrum{n: c.NFFT, spacing: rate / float64(c.NFFT), position: func(k int) int { return k }})
	dense := make([][]float32, len(b.start)-1)
	for band := range dense {
		dense[band] = make([]float32, c.NFFT)
		for j := b.start[band]; j < b.start[band+1]; j++ {
			dense[band][b.index[j]] += b.weight[j]
		}
	}
	return dense
}

func TestGoldenFeatures(t *testing.T) {
	g := loadGolden(t)
	var re, im [][]float32
	for _, name := range g.Samples {
		x, y := loadComplex(t, name)
		re, im = append(re, x), append(im, y)
	}
	for _, c := range g.Features {
		t.Run(fmt.Sprintf("%s-%d-%s", c.Config.Bank, c.Config.NFFT, c.Config.Normalize), func(t *testing.T) {
			got, err := mustSpectrogram(t, c.Config, c.Rate).Compute(re, im)
			if err != nil {
				t.Fatal(err)
			}
			want := loadFloats(t, c.File)
			if len(got.Data) != len(want) {
				t.Fatalf("%d features, want %d", len(got.Data), len(want))
			}
			var worst float64
			for j, w := range want {
				worst = max(worst, math.Abs(float64(got.Data[j]-w)))
			}
			t.Logf("largest difference %.2g", worst)
			if !(worst < 5e-5) {
				t.Errorf("largest difference %g", worst)
			}
		})
	}
}
