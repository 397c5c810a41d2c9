package dsp

import (
	"fmt"
	"testing"
)

// BenchmarkPreprocess is what a capture costs before its model runs: three receivers, the default config.
func BenchmarkPreprocess(b *testing.B) {
	for _, samples := range []int{4480, 192000} {
		b.Run(fmt.Sprintf("3x%d", samples), func(b *testing.B) {
			s := mustSpectrogram(b, DefaultSpectrogramConfig(), 48000)
			re, im := noiseReceivers(3, samples)
			out := make([]float32, 3*128*32)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Features(re, im, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewSpectrogram(b *testing.B) {
	for b.Loop() {
		mustSpectrogram(b, DefaultSpectrogramConfig(), 48000)
	}
}
