package dsp

import "testing"

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
