package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/tracing"
	"foxhunt/worker"
)

// traceOptions are the flags of the commands that can be followed by OpenTelemetry.
type traceOptions struct {
	endpoint string
	sample   float64
}

func (o *traceOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.endpoint, "traces", "", "OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318 (default: no tracing)")
	flags.Float64Var(&o.sample, "trace-sample", 1, "share of the traces beginning here that are recorded, 0 to 1")
}

// start begins tracing, if a collector is named, of all that a connection with these options will publish. The function ends it.
func (o *traceOptions) start(ctx context.Context, nats *jetstream.Options, command string, log *slog.Logger) (*tracing.Tracing, func(), error) {
	t, err := tracing.Start(ctx, tracing.Options{
		Endpoint: o.endpoint, Sample: o.sample, Service: "foxhunt-" + command, Instance: hostName(), Log: log,
	})
	if err != nil || t == nil {
		return nil, func() {}, err
	}
	nats.Trace = func(ctx context.Context, subject string, header map[string][]string) func(error) {
		ctx, span := t.Publish(ctx, subject)
		t.Inject(ctx, header)
		return func(err error) { span.End(outcome(err)) }
	}
	return t, func() {
		finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = t.Close(finish) // what the collector did not take was told
	}, nil
}

// startWorker is start, of a worker's captures, too.
func (o *traceOptions) startWorker(ctx context.Context, nats *jetstream.Options, worker *workerOptions, command string, log *slog.Logger) (*tracing.Tracing, func(), error) {
	t, end, err := o.start(ctx, nats, command, log)
	if t != nil {
		worker.Tracer = captureTracer{t}
	}
	return t, end, err
}

// captureTracer fits the tracing room to the worker.
type captureTracer struct{ *tracing.Tracing }

func (t captureTracer) Receive(ctx context.Context, m worker.Message) (context.Context, worker.Trace) {
	return t.Tracing.Receive(ctx, m.Subject, m.Header, m.NumDelivered)
}

// outcome is the code and the sentence of a publishing's error, "" of none.
func outcome(err error) (code, sentence string) {
	var e *jetstream.Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &e):
		return e.Code, e.Error()
	}
	return "error", err.Error()
}
