package nats_test

import (
	"context"
	"testing"

	"foxhunt/jetstream"
)

// testQuestions has an operator ask a worker, which answers wherever the question wants it, and nowhere else.
func (s *site) testQuestions(t *testing.T) {
	worker := s.connect(t, "worker.nk", "_INBOX_worker")
	service, err := worker.StartService("w1", nil, jetstream.Endpoint{Name: "model.info", Serve: func(context.Context, []byte) (any, error) {
		return "well", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Stop()
	operator := s.connect(t, "operator.nk", "")
	for range 2 { // the right to answer is a new one each time
		answers, err := operator.AskWorkers(within(t), "model.info", "")
		if err != nil || len(answers) != 1 || answers[0].Worker != "w1" || string(answers[0].Body) != `"well"` {
			t.Errorf("answers %+v, %v", answers, err)
		}
	}
}
