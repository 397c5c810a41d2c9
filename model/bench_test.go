package model_test

import (
	"fmt"
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// BenchmarkRunOverhead runs a network that only copies its input: what is left is the cost of a call.
func BenchmarkRunOverhead(b *testing.B) {
	m := load(b, copying(b), model.Options{})
	input := contract.Tensor{Name: "sigma", Shape: []int64{1, 2}, Data: []float32{1, 1}}
	benchmarkRun(b, m, [][]contract.Tensor{{input}})
}

func BenchmarkRunPlain(b *testing.B) {
	m := load(b, modeltest.Plain(b), model.Options{})
	for _, captures := range []int{1, 8} {
		b.Run(fmt.Sprintf("receivers=3/batch=%d", captures), func(b *testing.B) {
			var batch [][]contract.Tensor
			for range captures {
				batch = append(batch, spectrogram(1, 3))
			}
			benchmarkRun(b, m, batch)
		})
	}
}

// BenchmarkRunPlainTogether shares one session among as many runners as there are cores.
func BenchmarkRunPlainTogether(b *testing.B) {
	m := load(b, modeltest.Plain(b), model.Options{})
	b.RunParallel(func(pb *testing.PB) {
		r := newRunner(b, m)
		batch := [][]contract.Tensor{spectrogram(1, 3)}
		var dst []contract.Prediction
		for pb.Next() {
			var err error
			if dst, err = r.Run(dst, batch...); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func benchmarkRun(b *testing.B, m *model.Model, batch [][]contract.Tensor) {
	r := newRunner(b, m)
	dst, err := r.Run(nil, batch...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = r.Run(dst, batch...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(batch)), "us/capture")
}

// BenchmarkLoad reads, checks and optimises the plain model.
func BenchmarkLoad(b *testing.B) {
	data := modeltest.Plain(b)
	modeltest.Runtime(b)
	for b.Loop() {
		if err := loadAndClose(b, data); err != nil {
			b.Fatal(err)
		}
	}
}
