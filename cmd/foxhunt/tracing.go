package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/tracing"
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
