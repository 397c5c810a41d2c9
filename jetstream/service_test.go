package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// startService runs a worker's service until the test ends.
func startService(t *testing.T, s *jetstreamtest.Server, worker string, endpoints ...jetstream.Endpoint) *jetstream.Service {
	t.Helper()
	service, err := s.Connect(t).StartService(worker, map[string]string{"pool": "workers"}, endpoints...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Stop)
	return service
}

// answering is an endpoint that says its worker's name.
func answering(endpoint, worker string) jetstream.Endpoint {
	return jetstream.Endpoint{Name: endpoint, Serve: func(context.Context, []byte) (any, error) {
		return map[string]string{"i am": worker}, nil
	}}
}

func asking(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestEveryWorkerAnswers: one answer of each, or of the one that is asked.
func TestEveryWorkerAnswers(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	for _, worker := range []string{"b.example", "a", "c"} {
		startService(t, s, worker, answering("model.info", worker))
	}
	c := s.Connect(t)
	answers, err := c.AskWorkers(asking(t), "model.info", "")
	if err != nil || len(answers) != 3 {
		t.Fatalf("answers %+v, %v; want one of each of three workers", answers, err)
	}
	for i, worker := range []string{"a", "b.example", "c"} {
		var body map[string]string
		if err := json.Unmarshal(answers[i].Body, &body); err != nil || answers[i].Worker != worker || body["i am"] != worker {
			t.Errorf("answer %d is %s's, %s; want %s's", i, answers[i].Worker, answers[i].Body, worker)
		}
	}
	one, err := c.AskWorkers(asking(t), "model.info", "b.example")
	if err != nil || len(one) != 1 || one[0].Worker != "b.example" {
		t.Errorf("b.example alone: %+v, %v", one, err)
	}
	none, err := c.AskWorkers(asking(t), "model.info", "nobody")
	if err != nil || len(none) != 0 {
		t.Errorf("nobody: %+v, %v", none, err)
	}
}

// TestMicroFindsWorkers has the tools of NATS's micro services find a worker, its questions, and how often they were asked.
func TestMicroFindsWorkers(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	startService(t, s, "a", answering("model.info", "a"))
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var info micro.Info
	request(t, nc, "$SRV.INFO.foxhunt", "", &info)
	if info.Metadata["worker"] != "a" || info.Metadata["pool"] != "workers" || len(info.Endpoints) != 1 || info.Endpoints[0].Subject != "foxhunt.model.info" {
		t.Errorf("info %+v", info)
	}
	var body map[string]string
	request(t, nc, "foxhunt.model.info", `{"worker": "a", "of a later version": {}}`, &body)
	if body["i am"] != "a" {
		t.Errorf("asked by hand: %v", body)
	}
	var stats micro.Stats
	request(t, nc, "$SRV.STATS.foxhunt", "", &stats)
	if len(stats.Endpoints) != 1 || stats.Endpoints[0].NumRequests != 1 {
		t.Errorf("stats %+v", stats)
	}
	for _, question := range []string{"no JSON", strings.Repeat(" ", 100_000)} {
		m, err := nc.Request("foxhunt.model.info", []byte(question), 10*time.Second)
		if err != nil || m.Header.Get(micro.ErrorCodeHeader) != "400" {
			t.Errorf("a question of %d bytes: %+v, %v", len(question), m, err)
		}
	}
}

func request(t *testing.T, nc *nats.Conn, subject, body string, into any) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), 10*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		t.Fatalf("%s: %v in %s", subject, err, m.Data)
	}
}

// TestAnswersThatAreNone are a worker's error, its silence, and a body that is no JSON.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	asked := make(chan struct{})
	startService(t, s, "fails", jetstream.Endpoint{Name: "health", Serve: func(context.Context, []byte) (any, error) {
		return nil, &jetstream.Error{Code: "bad_model", Reason: "it is none"}
	}})
	startService(t, s, "hangs", jetstream.Endpoint{Name: "health", Serve: func(ctx context.Context, _ []byte) (any, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	startService(t, s, "mad", jetstream.Endpoint{Name: "health", Serve: func(context.Context, []byte) (any, error) {
		return nil, errors.New("no code")
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		<-asked
		time.AfterFunc(time.Second, cancel) // gives up
	}()
	if answers, err := s.Connect(t).AskWorkers(ctx, "health", ""); err == nil {
		t.Errorf("a call that was given up: %+v", answers)
	}
	answers, err := s.Connect(t).AskWorkers(asking(t), "health", "fails")
	if err != nil || len(answers) != 1 || answers[0].Code != "bad_model" || !strings.Contains(answers[0].Reason, "it is none") {
		t.Errorf("the one that fails: %+v, %v", answers, err)
	}
	if answers, err := s.Connect(t).AskWorkers(asking(t), "health", "mad"); err != nil || len(answers) != 1 || answers[0].Code != "500" {
		t.Errorf("the one whose error has no code: %+v, %v", answers, err)
	}
}

// TestASilentWorkerIsTold: it was there when it was asked.
func TestASilentWorkerIsTold(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	startService(t, s, "hangs", jetstream.Endpoint{Name: "health", Serve: func(ctx context.Context, _ []byte) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	startService(t, s, "well", answering("health", "well"))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answers, err := s.Connect(t).AskWorkers(ctx, "health", "")
	if err != nil || len(answers) != 2 || answers[0].Code != jetstream.CodeSilent || answers[1].Body == nil {
		t.Errorf("%+v, %v; want one silent, one well", answers, err)
	}
}

// TestNoWorkerIsThere: the answer comes at once, as the server knows that nobody listens.
func TestNoWorkerIsThere(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	answers, err := s.Connect(t).AskWorkers(asking(t), "health", "")
	if err != nil || len(answers) != 0 {
		t.Errorf("%+v, %v", answers, err)
	}
}
