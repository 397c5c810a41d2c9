package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// MaxBatch is the most samples of one request.
const MaxBatch = 100

// batchAnswer is the answer to a batch. Predictions are in the order of the samples.
type batchAnswer struct {
	Predictions      []any   `json:"predictions"` // *prediction, or failedSample
	TotalTime        float64 `json:"total_time_ms"`
	SamplesPerSecond float64 `json:"samples_per_second"`
	BatchSize        int     `json:"batch_size"`
}

// failedSample stands where a sample has no fix.
type failedSample struct {
	Error *problem `json:"error"`
}

// predictBatch answers a request for many fixes, all in flight at once, each answered or refused by itself.
func (g *Gateway) predictBatch(w http.ResponseWriter, r *http.Request) {
	if p := g.tryBatch(w, r); p != nil {
		p.write(w)
	}
}

// tryBatch answers a batch, or says why it is not taken at all.
func (g *Gateway) tryBatch(w http.ResponseWriter, r *http.Request) *problem {
	began := time.Now()
	if _, p := parameters(r); p != nil {
		return p
	}
	data, _, release, p := g.body(w, r, typeJSON)
	if p != nil {
		return p
	}
	defer release()
	texts, p := splitBatch(data)
	if p != nil {
		return p
	}
	n := int64(len(texts))
	if p := g.admit(n); p != nil {
		return p
	}
	defer g.captures.Release(n)
	ctx, cancel := context.WithTimeoutCause(r.Context(), g.options.Deadline, errDeadline)
	defer cancel()
	if p := g.ready(ctx); p != nil {
		return p
	}
	writeJSON(w, typeJSON, http.StatusOK, g.answerBatch(ctx, texts, began))
	return nil
}

func (g *Gateway) answerBatch(ctx context.Context, texts [][]byte, began time.Time) batchAnswer {
	answer := batchAnswer{Predictions: make([]any, len(texts)), BatchSize: len(texts)}
	var all sync.WaitGroup
	for i, text := range texts {
		all.Go(func() { answer.Predictions[i] = g.answerSample(ctx, text, i) })
	}
	all.Wait()
	took := time.Since(began)
	answer.TotalTime = float64(took) / float64(time.Millisecond)
	answer.SamplesPerSecond = float64(len(texts)) / took.Seconds()
	return answer
}

// answerSample gives a sample's prediction, or why there is none; pointers are into the whole body.
func (g *Gateway) answerSample(ctx context.Context, text []byte, i int) (answer any) {
	defer func() {
		if reason := recover(); reason != nil {
			answer = failedSample{g.panicked(reason)}
		}
	}()
	sample, f := g.options.Defaults.read(&scanner{text: text}, time.Now())
	var q *question
	if f == nil {
		q, f = g.options.Defaults.question(sample)
	}
	if f != nil {
		return failedSample{f.at(i).in("samples").problem()}
	}
	fix, p := g.locate(ctx, q)
	if p != nil {
		return failedSample{p.inSample(i)}
	}
	return newPrediction(fix)
}

// splitBatch finds the samples' own texts, each a whole JSON value, so that one that is wrong in itself spoils no other.
func splitBatch(data []byte) (texts [][]byte, p *problem) {
	s := &scanner{text: data}
	given := false
	f := s.object(func(name string) *fault {
		switch {
		case name != "samples":
			return faulty(CodeUnknownField, "is no field of a batch").in(name)
		case given:
			return twice().in(name)
		}
		given = true
		return s.array(func(i int) *fault {
			if i >= MaxBatch {
				return faulty(CodeBadBatch, "is one sample too many; want 1 to %d", MaxBatch)
			}
			s.next()
			start := s.pos
			f := s.skip(0)
			texts = append(texts, data[start:s.pos])
			return f
		}).in(name)
	})
	if f == nil {
		f = s.end()
	}
	switch {
	case f != nil:
	case !given:
		f = missing("samples")
	case len(texts) == 0:
		f = faulty(CodeBadBatch, "is empty; want 1 to %d samples", MaxBatch).in("samples")
	}
	if f != nil {
		return nil, f.problem()
	}
	return texts, nil
}
