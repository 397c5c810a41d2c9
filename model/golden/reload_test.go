package golden_test

import (
	"bytes"
	"context"
	"flag"
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

// The figure for the default model: go test ./model/golden -run TestReloadsOfTheDefault -v -reloads 200
var reloads = flag.Int("reloads", 12, "how often the default model is loaded anew")

// residentMiB is the memory that the process holds, the library's included.
func residentMiB(t *testing.T) float64 {
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
func reload(t *testing.T, old *model.Model, data []byte, options model.Options, run func(context.Context, *model.Model) error) *model.Model {
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

// wantFlat reloads so many times, and wants the process to be hardly larger in the second half than in the first, the
// first tenth left out. Medians, because what allocators keep goes up and down.
func wantFlat(t *testing.T, times int, mostGrowth float64, next func(old *model.Model, i int) *model.Model) {
	t.Helper()
	var m *model.Model
	var sizes []float64
	for i := range times {
		if m = next(m, i); i >= times/10 && i%(times/40+1) == 0 {
			sizes = append(sizes, residentMiB(t))
		}
	}
	first, second := sizes[:len(sizes)/2], sizes[len(sizes)/2:]
	slices.Sort(first)
	slices.Sort(second)
	before, after := first[len(first)/2], second[len(second)/2]
	t.Logf("resident size over %d reloads: %.1f MiB in the first half, %.1f MiB in the second (medians), %.1f MiB at most",
		times, before, after, max(first[len(first)-1], second[len(second)-1]))
	if after-before > mostGrowth {
		t.Errorf("the process grows from %.1f to %.1f MiB; want at most %g MiB more", before, after, mostGrowth)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestReloadsLeaveTheResidentSizeFlat takes two models in turn, from their files and optimised, every tenth checked, at
// low and at usual priority.
func TestReloadsLeaveTheResidentSizeFlat(t *testing.T) {
	models := [][]byte{modeltest.Small(t, "one", modeltest.Sound), modeltest.Small(t, "two", modeltest.Sound)}
	options := []model.Options{{Beside: true}, {OptimizedDir: t.TempDir(), Beside: true}, {Threads: 2}}
	wantFlat(t, 200, 8, func(old *model.Model, i int) *model.Model {
		run := golden.WarmUp
		if i%10 == 0 {
			run = golden.Check
		}
		return reload(t, old, models[i%2], options[i%3], run)
	})
}

// TestReloadsOfTheDefaultModel loads it; if it leaked, each reload would cost its 20 MiB.
func TestReloadsOfTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of loading")
	}
	options := model.Options{OptimizedDir: t.TempDir(), Beside: true}
	wantFlat(t, *reloads, 32, func(old *model.Model, _ int) *model.Model {
		return reload(t, old, grid.File(), options, golden.WarmUp)
	})
}
