package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"foxhunt/contract"
	"foxhunt/messages"
)

func TestDecide(t *testing.T) {
	refusal := fmt.Errorf("rx: %w", &messages.Refusal{Code: "bad_rate", Reason: "0"})
	passing := &stageError{"publish", errors.New("down")}
	for name, c := range map[string]struct {
		err       error
		delivered int
		action    action
		code      string
	}{
		"fine":               {nil, 1, acknowledge, ""},
		"refused":            {refusal, 1, bury, "bad_rate"},
		"passing":            {passing, 1, retry, "publish_failed"},
		"passing, again":     {passing, 4, retry, "publish_failed"},
		"passing, too often": {passing, 5, bury, "gave_up"},
		"too late":           {&stageError{"publish", context.DeadlineExceeded}, 1, retry, "deadline"},
		"stopped":            {&stageError{"model", context.Canceled}, 5, retry, "stopping"},
		"panic":              {&stageError{"model", errPanicked}, 1, retry, "panic"},
		"panic, again":       {&stageError{"model", errPanicked}, 2, retry, "panic"},
		"panic, too often":   {&stageError{"model", errPanicked}, 3, bury, "panic"},
		"unknown":            {errors.New("?"), 1, retry, "failed"},
	} {
		if v := decide(c.err, c.delivered, 5); v.action != c.action || v.code != c.code {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestRetryDelayGrowsToABound(t *testing.T) {
	for delivered, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 4: 40 * time.Second, 5: time.Minute, 1 << 40: time.Minute} {
		for range 100 {
			if d := retryDelay(delivered); d < want*3/4 || d > want*5/4 {
				t.Fatalf("after %d deliveries %v, want %v give or take a quarter", delivered, d, want)
			}
		}
	}
}

func TestAnswerSurvivesTheCache(t *testing.T) {
	for _, p := range []contract.Prediction{
		{X: 1, Y: -2, Covariance: contract.Spread{XX: 3, YY: 4, XY: -2}, Confidence: 0.5},
		{Covariance: contract.Spread{XX: 1, YY: 1}, Confidence: math.NaN()},
		{Covariance: contract.Spread{XX: 1, YY: 1}, Confidence: 1, Used: []bool{true, false, true}, Residual: []float64{1e-6, -3, 0}},
	} {
		got, propagation, err := decodeAnswer(encodeAnswer(&p, 1e-6))
		if err != nil || propagation != 1e-6 || fmt.Sprint(got) != fmt.Sprint(p) { // as text, because NaN differs from itself
			t.Errorf("got %+v, %v; want %+v", got, err, p)
		}
	}
}

func TestImpossiblePredictionIsAMiss(t *testing.T) {
	good := contract.Prediction{Covariance: contract.Spread{XX: 1, YY: 1}, Residual: []float64{0}}
	for name, spoil := range map[string]func(*contract.Prediction){
		"place":      func(p *contract.Prediction) { p.X = math.NaN() },
		"variance":   func(p *contract.Prediction) { p.Covariance.XX = 0 },
		"covariance": func(p *contract.Prediction) { p.Covariance.XY = 1 },
		"residual":   func(p *contract.Prediction) { p.Residual = []float64{math.Inf(1)} },
	} {
		p := good
		spoil(&p)
		if _, _, err := decodeAnswer(encodeAnswer(&p, 1e-6)); !errors.Is(err, errImpossibleAnswer) {
			t.Errorf("%s: taken from the cache", name)
		}
	}
}

// TestForeignAnswerIsAMiss reads what other versions and other programs may leave under a key.
func TestForeignAnswerIsAMiss(t *testing.T) {
	sound := encodeAnswer(&contract.Prediction{Covariance: contract.Spread{XX: 1, YY: 1}, Used: []bool{true}, Residual: []float64{1}}, 1e-6)
	if _, _, err := decodeAnswer(sound); err != nil {
		t.Fatal(err)
	}
	for n := range sound {
		if _, _, err := decodeAnswer(sound[:n]); !errors.Is(err, errForeignAnswer) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, values := range map[string]any{
		"another version": []any{answerVersion + 1, 1, 1, 1, 1, 1, 1, 1, nil, nil},
		"too few":         []any{answerVersion, 1, 1, 1, 1, 1, 1, 1, nil},
		"too many":        []any{answerVersion, 1, 1, 1, 1, 1, 1, 1, nil, nil, nil},
		"a text":          []any{answerVersion, "1", 1, 1, 1, 1, 1, 1, nil, nil},
		"a long list":     []any{answerVersion, 1, 1, 1, 1, 1, 0, 1, make([]bool, mostListed+1), nil},
		"a map":           map[string]int{"version": answerVersion},
	} {
		b, err := msgpack.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decodeAnswer(b); !errors.Is(err, errForeignAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := decodeAnswer(append(sound, 0)); !errors.Is(err, errForeignAnswer) {
		t.Error("a byte too many was taken")
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(encodeAnswer(&contract.Prediction{Covariance: contract.Spread{XX: 1, YY: 1}, Used: []bool{true}, Residual: []float64{1}}, 1e-6))
	f.Add([]byte{0x9a, answerVersion, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, propagation, err := decodeAnswer(b)
		if err != nil {
			return
		}
		again, same, err := decodeAnswer(encodeAnswer(&p, propagation))
		if err != nil || same != propagation || fmt.Sprint(again) != fmt.Sprint(p) { // as text, because NaN differs from itself
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
	})
}
