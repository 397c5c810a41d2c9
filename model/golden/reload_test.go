package golden_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
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

// reload does all that a worker does with a new model beside an old one, and lets the old one go.
func reload(t *testing.T, old *model.Model, data []byte, options model.Options, check bool) *model.Model {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(data, options)
	if err != nil {
		t.Fatal(err)
	}
	if check {
		if err := golden.Check(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if old != nil {
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// wantFlat reloads so many times, and wants the process to be as large at the end as after a tenth, but for what
// allocators and the garbage collector do on the side.
func wantFlat(t *testing.T, times int, mostGrowth float64, next func(old *model.Model, i int) *model.Model) {
	t.Helper()
	var m *model.Model
	var before float64
	for i := range times {
		m = next(m, i)
		if i+1 == max(times/10, 2) {
			before = residentMiB(t)
		}
	}
	after := residentMiB(t)
	t.Logf("resident after %d reloads %.1f MiB, after %d %.1f MiB", max(times/10, 2), before, times, after)
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
	wantFlat(t, 200, 12, func(old *model.Model, i int) *model.Model {
		return reload(t, old, models[i%2], options[i%3], i%10 == 0)
	})
}

// TestReloadsOfTheDefaultModel loads it; if it leaked, each reload would cost its 20 MiB.
func TestReloadsOfTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of loading")
	}
	options := model.Options{OptimizedDir: t.TempDir(), Beside: true}
	wantFlat(t, *reloads, 32, func(old *model.Model, i int) *model.Model {
		return reload(t, old, grid.File(), options, i%10 == 0)
	})
}
