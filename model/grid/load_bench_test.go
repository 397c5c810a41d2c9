package grid

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// BenchmarkLoad is a start's: from the file, and from the optimised form that an earlier start kept.
func BenchmarkLoad(b *testing.B) {
	for name, options := range map[string]model.Options{"file": {}, "optimised": {OptimizedDir: b.TempDir()}} {
		b.Run(name, func(b *testing.B) {
			loadOnce(b, options)
			before := computed(b)
			for b.Loop() {
				loadOnce(b, options)
			}
			b.ReportMetric(float64((computed(b)-before).Milliseconds())/float64(b.N), "cpu-ms")
		})
	}
}

// computed is the processors' time that the process took so far.
func computed(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func loadOnce(b *testing.B, options model.Options) {
	m, err := modeltest.Runtime(b).Load(File(), options)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBeside runs the model without a pause, a capture at a time and one runner a core, while the same model is
// loaded again and again; so a load gets no more than what the runs leave it.
func BenchmarkBeside(b *testing.B) {
	for _, way := range []struct {
		name    string
		loads   bool
		options model.Options
	}{{name: "nothing"}, {"a load", true, model.Options{}}, {"a load at low priority", true, model.Options{Beside: true}}} {
		b.Run(way.name, func(b *testing.B) {
			stop, loads := make(chan struct{}), 0
			var loader sync.WaitGroup
			if way.loads {
				loader.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							loadOnce(b, way.options)
							loads++
						}
					}
				})
			}
			took := runSteadily(b)
			close(stop)
			loader.Wait()
			slices.Sort(took)
			for name, q := range map[string]int{"p50-ms": 50, "p95-ms": 95, "p99-ms": 99} {
				b.ReportMetric(float64(took[len(took)*q/100])/float64(time.Millisecond), name)
			}
			b.ReportMetric(float64(loads)/b.Elapsed().Seconds(), "loads/s")
		})
	}
}

// runSteadily gives how long each run took.
func runSteadily(b *testing.B) (all []time.Duration) {
	f := tensors(benchmarkFeatures(3))
	m, err := modeltest.Runtime(b).Load(File(), model.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var mu sync.Mutex
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		runner, err := m.NewRunner()
		if err != nil {
			b.Error(err)
			return
		}
		defer runner.Close()
		var took []time.Duration
		for pb.Next() {
			began := time.Now()
			if _, err := runner.Run(nil, f); err != nil {
				b.Error(err)
				return
			}
			took = append(took, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
	})
	b.StopTimer()
	return all
}
