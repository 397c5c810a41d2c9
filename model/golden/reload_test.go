package golden_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"foxhunt/model"
	"foxhunt/model/golden"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

// residentMiB is the memory that the process holds, the library's included.
func residentMiB(t testing.TB) float64 {
	t.Helper()
	for range 3 { // what a pool holds outlives a collection
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("only Linux tells a process its resident size")
	}
	var size, resident int64
	if _, err := fmt.Fscan(bytes.NewReader(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return float64(resident) * float64(os.Getpagesize()) / (1 << 20)
}

// reload does what a worker does with a new model beside an old one: it loads and runs the new one, and lets the old
// one go.
func reload(t testing.TB, old *model.Model, data []byte, options model.Options, run func(context.Context, *model.Model) error) *model.Model {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(data, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if old != nil {
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// halves reloads so many times, and gives the median sizes of the process in the first and in the second half, the first
// tenth left out. Medians, because what allocators keep goes up and down.
func halves(t testing.TB, times int, next func(old *model.Model, i int) *model.Model) (first, second float64) {
	t.Helper()
	var m *model.Model
	var sizes []float64
	for i := range times {
		if m = next(m, i); i >= times/10 && i%(times/40+1) == 0 {
			sizes = append(sizes, residentMiB(t))
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	median := func(half []float64) float64 {
		slices.Sort(half)
		return half[len(half)/2]
	}
	return median(sizes[:len(sizes)/2]), median(sizes[len(sizes)/2:])
}

// wantFlat wants no more growth than the garbage collector and the allocators make on the side.
func wantFlat(t *testing.T, first, second float64) {
	t.Helper()
	const most = 10 // MiB
	t.Logf("resident size %.1f MiB in the first half, %.1f MiB in the second", first, second)
	if second-first > most {
		t.Errorf("the process grows from %.1f to %.1f MiB; want at most %d MiB more", first, second, most)
	}
}

// TestReloadsLeaveTheResidentSizeFlat takes two models in turn, from their files and optimised, every tenth checked, at
// low and at usual priority.
func TestReloadsLeaveTheResidentSizeFlat(t *testing.T) {
	models := [][]byte{modeltest.Small(t, "one", modeltest.Sound), modeltest.Small(t, "two", modeltest.Sound)}
	options := []model.Options{{Beside: true}, {OptimizedDir: t.TempDir(), Beside: true}, {Threads: 2}}
	first, second := halves(t, 200, func(old *model.Model, i int) *model.Model {
		run := golden.WarmUp
		if i%10 == 0 {
			run = golden.Check
		}
		return reload(t, old, models[i%2], options[i%3], run)
	})
	wantFlat(t, first, second)
}

// TestReloadsOfTheDefaultModel only loads it: if it leaked, each time would cost 10 MiB.
func TestReloadsOfTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of loading")
	}
	options := model.Options{OptimizedDir: t.TempDir(), Beside: true}
	nothing := func(context.Context, *model.Model) error { return nil }
	first, second := halves(t, 16, func(old *model.Model, _ int) *model.Model {
		return reload(t, old, grid.File(), options, nothing)
	})
	wantFlat(t, first, second)
}

// BenchmarkReload loads the default model beside itself, runs it for networks of usual size, and frees the one before:
// with -benchtime 200x, how large a process is that does so 200 times.
func BenchmarkReload(b *testing.B) {
	options := model.Options{OptimizedDir: b.TempDir(), Beside: true}
	first, second := halves(b, max(b.N, 10), func(old *model.Model, _ int) *model.Model {
		return reload(b, old, grid.File(), options, golden.WarmUp)
	})
	b.ReportMetric(first, "MiB-in-the-first-half")
	b.ReportMetric(second, "MiB-in-the-second-half")
}
