package model_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// residentMiB is the memory that the process holds, the library's included. Linux tells; elsewhere the test is skipped.
func residentMiB(t testing.TB) float64 {
	t.Helper()
	debug.FreeOSMemory()
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

// wantFlat does the work so many times to warm up, then as many times again, and wants the process not to have grown
// in the second round: a leak would make both grow alike.
func wantFlat(t *testing.T, times int, work func(i int)) {
	t.Helper()
	const mostMiB = 4 // what allocators and the garbage collector may do on the side
	for i := range times {
		work(i)
	}
	before := residentMiB(t)
	for i := range times {
		work(i)
	}
	after := residentMiB(t)
	t.Logf("%d times: %.1f MiB before, %.1f MiB after", times, before, after)
	if after-before > mostMiB {
		t.Errorf("the process grows from %.1f to %.1f MiB in %d times; want at most %d MiB more", before, after, times, mostMiB)
	}
}

func TestRunsLeakNothing(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	good, bad := mirrorInput(goodReceiver()), mirrorInput([4]float32{4, 9, 1, 11})
	dst := make([]contract.Prediction, 1)
	wantFlat(t, 20000, func(int) {
		var err error
		if dst, err = r.Run(dst, good); err != nil {
			t.Fatal(err)
		}
		if _, err = r.Run(dst, bad); err == nil {
			t.Fatal("a run that must fail does not")
		}
	})
}

func TestChangingShapesLeakNothing(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	row := make([][4]float32, 32)
	for i := range row {
		row[i] = goodReceiver()
	}
	var dst []contract.Prediction
	wantFlat(t, 10000, func(i int) {
		var err error
		if dst, err = r.Run(dst, mirrorInput(row[:1+i%32]...)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestLoadingAndClosingLeaksNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a model 200 times")
	}
	runtime, data := modeltest.Runtime(t), modeltest.Plain(t)
	input := spectrogram(1, 3)
	wantFlat(t, 100, func(int) {
		m, err := runtime.Load(data, model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.NewRunner()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(nil, input); err != nil {
			t.Fatal(err)
		}
		m.Close()
		r.Close()
	})
}

func TestRefusedModelsLeakNothing(t *testing.T) {
	runtime, data := modeltest.Runtime(t), unknownOperator(t)
	wantFlat(t, 1000, func(int) {
		_, err := runtime.Load(data, model.Options{})
		if err == nil {
			t.Fatal("a model of unknown operators loads")
		}
	})
}
