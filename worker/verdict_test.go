package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

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

func TestPredictionSurvivesTheCache(t *testing.T) {
	for _, p := range []contract.Prediction{
		{X: 1, Y: -2, Covariance: contract.Spread{XX: 3, YY: 4, XY: -2}, Confidence: 0.5},
		{Covariance: contract.Spread{XX: 1, YY: 1}, Confidence: math.NaN()},
		{Covariance: contract.Spread{XX: 1, YY: 1}, Confidence: 1, Used: []bool{true, false, true}, Residual: []float64{1e-6, -3, 0}},
	} {
		got, err := decodePrediction(encodePrediction(&p))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(p) { // as text, because NaN differs from itself
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
		if _, err := decodePrediction(encodePrediction(&p)); err == nil {
			t.Errorf("%s: taken from the cache", name)
		}
	}
}

func FuzzDecodePrediction(f *testing.F) {
	f.Add(encodePrediction(&contract.Prediction{Used: []bool{true}, Residual: []float64{1}}))
	f.Add([]byte{1, 255, 255})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePrediction(b)
		if err == nil && len(encodePrediction(&p)) != len(b) {
			t.Errorf("%d bytes decode to a prediction of %d", len(b), len(encodePrediction(&p)))
		}
	})
}
