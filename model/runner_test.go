package model_test

import (
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

func TestRunReadsEveryOutput(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	got, err := r.Run(nil, mirrorInput([4]float32{4, 9, 1, 0.25}, [4]float32{-2, 5, 0, 2}, [4]float32{1, 1, 1, 0.5}))
	if err != nil {
		t.Fatal(err)
	}
	want := []contract.Prediction{{
		X: 1, Y: 5,
		Covariance: contract.Spread{XX: 4, YY: 9, XY: 1},
		Confidence: 0.25,
		Used:       []bool{true, false, true},
		Residual:   []float64{0.25, 2, 0.5},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("prediction is %+v; want %+v", got, want)
	}
}

func TestPlainModelSaysNothingOfReceivers(t *testing.T) {
	r := newRunner(t, load(t, modeltest.Plain(t), model.Options{}))
	got, err := r.Run(nil, spectrogram(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	p := got[1]
	if p.Err != nil || len(p.Used)+len(p.Residual) > 0 || !math.IsNaN(p.Confidence) {
		t.Errorf("prediction is %+v", p)
	}
	if math.Abs(p.X-45) > 1 || math.Abs(p.Y-8) > 2 || p.Covariance.XX < 100 || p.Covariance.XY == 0 {
		t.Errorf("prediction is %+v; want a place within 1 and 2 degrees of (45, 8)", p)
	}
}

func TestStackingMakesNoDifference(t *testing.T) {
	r := newRunner(t, load(t, modeltest.Plain(t), model.Options{}))
	stacked := spectrogram(5, 3)
	together, err := r.Run(nil, stacked)
	if err != nil {
		t.Fatal(err)
	}
	item := func(from, to int) []contract.Tensor {
		const size = 3 * 128 * 32
		return []contract.Tensor{{Name: "mel_spectrogram", Shape: []int64{int64(to - from), 3, 128, 32}, Data: stacked[0].Data[from*size : to*size]}}
	}
	apart, err := r.Run(nil, item(0, 1), item(1, 4), item(4, 5))
	if err != nil {
		t.Fatal(err)
	}
	if !same(together, apart) {
		t.Errorf("stacked by the caller: %+v; by Run: %+v", together, apart)
	}
	for i := range together {
		alone, err := r.Run(nil, item(i, i+1))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(alone[0].X-together[i].X) > 1e-4 || math.Abs(alone[0].Covariance.XX/together[i].Covariance.XX-1) > 1e-4 {
			t.Errorf("capture %d: alone %+v; in a batch %+v", i, alone[0], together[i])
		}
	}
}

// same compares predictions; a confidence that is not given equals another that is not.
func same(a, b []contract.Prediction) bool {
	text := func(p []contract.Prediction) string { return fmt.Sprintf("%+v", p) }
	return text(a) == text(b)
}

func TestOneBadAnswerLeavesTheOthersOfItsBatch(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	nan := float32(math.NaN())
	got, err := r.Run(nil,
		mirrorInput(goodReceiver()),
		mirrorInput([4]float32{nan, 9, 1, 0.5}),
		mirrorInput([4]float32{1, 1, 5, 0.5}), // a correlation of 5
		mirrorInput(goodReceiver()))
	if err != nil {
		t.Fatal(err)
	}
	for i, code := range []string{"", model.BadOutput, model.BadOutput, ""} {
		if code != "" {
			wantCode(t, got[i].Err, code)
		} else if got[i].Err != nil || got[i].X != 4 {
			t.Errorf("capture %d is %+v", i, got[i])
		}
	}
	// The same buffers afterwards carry no error over.
	got, err = r.Run(got, mirrorInput(goodReceiver()))
	if err != nil || got[0].Err != nil || len(got[0].Used) != 1 {
		t.Errorf("after a bad batch: %+v (%v)", got, err)
	}
}

func TestRunFailsCleanly(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	got, err := r.Run(nil, mirrorInput([4]float32{4, 9, 1, 11}))
	wantCode(t, err, model.RunFailed)
	if len(got) != 0 {
		t.Errorf("a failed run gives %+v", got)
	}
	if got, err = r.Run(nil, mirrorInput(goodReceiver())); err != nil || got[0].X != 4 {
		t.Errorf("after a failed run: %+v (%v)", got, err)
	}
}

func TestOutputOfAnotherShapeThanDeclared(t *testing.T) {
	free := plainLike(t, shape("B", "C", "128", "32"), shape("B", "2"), shape("B", "2"))
	r := newRunner(t, load(t, free, model.Options{})) // gives [1, 2] whatever the batch
	if _, err := r.Run(nil, spectrogram(1, 2)); err != nil {
		t.Fatal(err)
	}
	_, err := r.Run(nil, spectrogram(2, 2))
	wantCode(t, err, model.RunFailed)
}

func TestRunRefusesTensorsThatAreNotTheContracts(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	change := func(edit func(item []contract.Tensor) []contract.Tensor) [][]contract.Tensor {
		return [][]contract.Tensor{edit(mirrorInput(goodReceiver(), goodReceiver()))}
	}
	cases := map[string][][]contract.Tensor{
		"no items":         nil,
		"an empty item":    {{}},
		"one tensor short": change(func(i []contract.Tensor) []contract.Tensor { return i[:1] }),
		"another name":     change(func(i []contract.Tensor) []contract.Tensor { i[1].Name = "x"; return i }),
		"another order":    change(func(i []contract.Tensor) []contract.Tensor { return []contract.Tensor{i[1], i[0]} }),
		"an axis short":    change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape = i[0].Shape[:2]; return i }),
		"no shape":         change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape = nil; return i }),
		"no captures":      change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape[0] = 0; return i }),
		"unequal captures": change(func(i []contract.Tensor) []contract.Tensor { i[1].Shape[0] = 2; return i }),
		"a negative size":  change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape[1] = -2; return i }),
		"33 receivers":     change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape[1] = 33; return i }),
		"a huge batch":     change(func(i []contract.Tensor) []contract.Tensor { i[0].Shape[0] = math.MaxInt64 / 2; return i }),
		"unequal sizes":    change(func(i []contract.Tensor) []contract.Tensor { i[1].Shape[1] = 3; return i }),
		"values missing":   change(func(i []contract.Tensor) []contract.Tensor { i[1].Data = i[1].Data[:1]; return i }),
		"unequal items":    {mirrorInput(goodReceiver()), mirrorInput(goodReceiver(), goodReceiver())},
	}
	for name, batch := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := r.Run(nil, batch...)
			wantCode(t, err, model.BadInput)
		})
	}
	if _, err := r.Run(nil, mirrorInput(goodReceiver())); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

func TestManyShapesShareARunner(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	var dst []contract.Prediction
	for round := range 3 {
		for n := 1; n <= contract.MaxReceivers; n++ { // more shapes than the runner keeps
			row := make([][4]float32, n)
			for i := range row {
				row[i] = goodReceiver()
			}
			row[0][3] = float32(round) / 4
			var err error
			if dst, err = r.Run(dst, mirrorInput(row...), mirrorInput(row...)); err != nil {
				t.Fatal(err)
			}
			if len(dst) != 2 || len(dst[1].Used) != n || dst[1].Confidence != float64(round)/4 {
				t.Fatalf("%d receivers, round %d: %+v", n, round, dst)
			}
		}
	}
}

func TestSteadyRunsAllocateNothing(t *testing.T) {
	r := newRunner(t, load(t, mirror(t), model.Options{}))
	batch := [][]contract.Tensor{mirrorInput(goodReceiver()), mirrorInput(goodReceiver())}
	dst, err := r.Run(nil, batch...)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() { dst, err = r.Run(dst, batch...) }); n != 0 || err != nil {
		t.Errorf("a run allocates %v times (%v)", n, err)
	}
}

func TestManyRunnersShareASession(t *testing.T) {
	m := load(t, modeltest.Plain(t), model.Options{})
	want, err := newRunner(t, m).Run(nil, spectrogram(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			r, err := m.NewRunner()
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			var dst []contract.Prediction
			for i := range 20 {
				batch, channels := 1+(g+i)%3, 1+(g+i)%4
				if dst, err = r.Run(dst, spectrogram(batch, channels)); err != nil || len(dst) != batch {
					t.Errorf("runner %d: %d predictions of %d (%v)", g, len(dst), batch, err)
					return
				}
				if batch == 2 && channels == 3 && !same(dst, want) {
					t.Errorf("runner %d: %+v; want %+v", g, dst, want)
				}
			}
		})
	}
	group.Wait()
}

func TestRunnersOutliveTheirModelsClose(t *testing.T) {
	m := load(t, mirror(t), model.Options{})
	r := newRunner(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Run(nil, mirrorInput(goodReceiver())); err != nil || got[0].X != 4 {
		t.Errorf("a runner of a closed model: %+v (%v)", got, err)
	}
	_, err := m.NewRunner()
	wantCode(t, err, model.Closed)
	for range 2 { // the second Close does nothing
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = r.Run(nil, mirrorInput(goodReceiver()))
	wantCode(t, err, model.Closed)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestPairsTellTheNumberOfReceivers(t *testing.T) {
	r := newRunner(t, load(t, pairs(t), model.Options{}))
	for _, receivers := range []int64{2, 3, 7, 32} {
		window := contract.Tensor{Name: "w"}
		correlation := contract.Tensor{Name: "rho"}
		window.Resize(1, receivers*(receivers-1)/2)
		correlation.Resize(1, receivers*(receivers-1)/2, 2, 5)
		got, err := r.Run(nil, []contract.Tensor{window, correlation})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].X != 0 || got[0].Covariance.XX != 1 {
			t.Errorf("%d receivers: %+v", receivers, got[0])
		}
	}
	window, correlation := contract.Tensor{Name: "w"}, contract.Tensor{Name: "rho"}
	window.Resize(1, 4) // no number of receivers has four pairs
	correlation.Resize(1, 4, 2, 5)
	_, err := r.Run(nil, []contract.Tensor{window, correlation})
	wantCode(t, err, model.BadInput)
}
