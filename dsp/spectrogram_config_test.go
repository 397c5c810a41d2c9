package dsp

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestDefaultSpectrogramConfig(t *testing.T) {
	c := DefaultSpectrogramConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.MinSamples() != 4480 {
		t.Errorf("needs %d samples, want 4480", c.MinSamples())
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"n_fft":512,"hop_length":128,"n_mels":128,"frames":32,"bank":"mel","f_min":0,"f_max":0,"floor":1e-10,` +
		`"normalize":"tensor","norm_mean":0,"norm_std":1}`
	if string(text) != want {
		t.Errorf("as JSON: %s", text)
	}
}

func TestSpectrogramConfigRefused(t *testing.T) {
	for option, change := range map[string]func(*SpectrogramConfig){
		"n_fft is 15":         func(c *SpectrogramConfig) { c.NFFT = 15 },
		"n_fft is 65537":      func(c *SpectrogramConfig) { c.NFFT = 65537 },
		"hop_length is 0":     func(c *SpectrogramConfig) { c.HopLength = 0 },
		"hop_length is 513":   func(c *SpectrogramConfig) { c.HopLength = 513 },
		"n_mels is 0":         func(c *SpectrogramConfig) { c.Bands = 0 },
		"n_mels is 514":       func(c *SpectrogramConfig) { c.Bands = 514 },
		"n_mels is 63; bank":  func(c *SpectrogramConfig) { c.Bands = 63 },
		"frames is 0":         func(c *SpectrogramConfig) { c.Frames = 0 },
		"frames is 32769":     func(c *SpectrogramConfig) { c.Frames = 32769 },
		"bank is \"Mel\"":     func(c *SpectrogramConfig) { c.Bank = "Mel" },
		"f_min is -1":         func(c *SpectrogramConfig) { c.FMin = -1 },
		"f_min is NaN":        func(c *SpectrogramConfig) { c.FMin = math.NaN() },
		"f_max is 100":        func(c *SpectrogramConfig) { c.FMin, c.FMax = 100, 100 },
		"f_max is +Inf":       func(c *SpectrogramConfig) { c.FMax = math.Inf(1) },
		"floor is 0":          func(c *SpectrogramConfig) { c.Floor = 0 },
		"floor is NaN":        func(c *SpectrogramConfig) { c.Floor = math.NaN() },
		"normalize is \"z\"":  func(c *SpectrogramConfig) { c.Normalize = "z" },
		"norm_mean is NaN":    func(c *SpectrogramConfig) { c.NormMean = math.NaN() },
		"norm_mean is -2e+06": func(c *SpectrogramConfig) { c.NormMean = -2e6 },
		"norm_std is 0":       func(c *SpectrogramConfig) { c.NormStd = 0 },
		"norm_std is +Inf":    func(c *SpectrogramConfig) { c.NormStd = math.Inf(1) },
	} {
		c := DefaultSpectrogramConfig()
		change(&c)
		_, err := NewSpectrogram(c, 48000)
		wantCode(t, err, "bad_config")
		if err != nil && !strings.Contains(err.Error(), option) {
			t.Errorf("%q does not say %q", err, option)
		}
	}
}

func TestSpectrogramRateRefused(t *testing.T) {
	c := DefaultSpectrogramConfig()
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := NewSpectrogram(c, rate)
		wantCode(t, err, "bad_rate")
	}
	c.FMax = 24001
	_, err := NewSpectrogram(c, 48000)
	wantCode(t, err, "bad_config")
	c.FMin, c.FMax = 24000, 0
	_, err = NewSpectrogram(c, 48000)
	wantCode(t, err, "bad_config")
}
