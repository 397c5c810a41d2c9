package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/features"
	"foxhunt/jetstream"
	"foxhunt/worker"
)

// natsOptions are the flags of every command that connects.
type natsOptions struct {
	jetstream.Options
}

func (o *natsOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.URL, "nats", "nats://127.0.0.1:4222", "NATS server, or several with commas")
	o.registerCredentials(flags)
}

func (o *natsOptions) registerCredentials(flags *pflag.FlagSet) {
	flags.StringVar(&o.CredentialsFile, "nats-creds", "", "credentials file (.creds) of the NATS user")
	flags.StringVar(&o.NKeyFile, "nats-nkey", "", "file with the NATS user's nkey seed")
	flags.StringVar(&o.CAFile, "nats-ca", "", "PEM file of the authorities that may sign the server's certificate")
	flags.StringVar(&o.CertFile, "nats-cert", "", "PEM file of the client's certificate")
	flags.StringVar(&o.KeyFile, "nats-key", "", "PEM file of the client certificate's key")
	flags.StringVar(&o.InboxPrefix, "nats-inbox", "", "prefix of reply subjects, for users that may subscribe to no other")
}

// connect waits for NATS until ctx ends: for commands that stay.
func (o *natsOptions) connect(ctx context.Context, name string) (*jetstream.Conn, error) {
	o.Name = "foxhunt " + name
	return jetstream.Connect(ctx, o.Options)
}

// connectTime is how long a command that does one thing and ends waits for NATS.
const connectTime = 10 * time.Second

// connectSoon gives up after connectTime: for commands that do one thing and end.
func (o *natsOptions) connectSoon(ctx context.Context, name string) (*jetstream.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return o.connect(ctx, name)
}

// workerOptions are the flags of the commands that run a worker.
type workerOptions struct {
	worker.Options
	models        modelOptions
	redis         redisOptions
	cacheBytes    int64
	cacheTTL      time.Duration
	fixFormat     string
	propagation   time.Duration
	perNetwork    map[string]string
	prefetchBytes int
	topology      topologyOptions
	meeting       meetingOptions
	traces        traceOptions
	reloadToken   string // asked of those who ask for a reload over HTTP; "": only this machine may
}

// register adds the flags; bundles are the default of --bundles.
func (o *workerOptions) register(flags *pflag.FlagSet, bundles ...string) {
	o.Options = worker.DefaultOptions()
	o.models.register(flags)
	o.redis.register(flags, "Redis for the shared cache, such as redis://127.0.0.1:6379 (default: none)")
	o.redis.registerLimits(flags)
	flags.Int64Var(&o.cacheBytes, "cache-bytes", 64<<20, "memory for the in-process cache; 0 turns it off")
	flags.DurationVar(&o.cacheTTL, "cache-ttl", time.Hour, "how long a cached fix is valid")
	flags.StringVar(&o.Name, "name", hostName(), "this worker's name in dead letters and logs")
	flags.IntVar(&o.Lanes, "lanes", o.Lanes, "captures in hand at once")
	flags.IntVar(&o.BatchSize, "batch", o.BatchSize, "captures that may share a run of the model")
	flags.DurationVar(&o.BatchDelay, "batch-delay", o.BatchDelay, "how long a capture waits for others to share its run")
	flags.IntVar(&o.prefetchBytes, "prefetch-bytes", 64<<20, "bytes of captures fetched and not yet settled")
	flags.StringSliceVar(&o.Bundles, "bundles", bundles, "sources that may speak for several stations, such as dcf.dcf77 or demo.*; any other only for itself")
	flags.Float64Var(&o.Confidence, "confidence", o.Confidence, "share of truths that the published ellipses hold")
	flags.BoolVar(&o.GeoJSON, "geojson", false, "put the ellipse's polygon into each fix")
	flags.StringVar(&o.fixFormat, "fix-format", "json", "format of the fixes: json or msgpack")
	flags.DurationVar(&o.propagation, "propagation-error", 0, "standard deviation of an arrival time by the path (default: by band)")
	flags.StringToStringVar(&o.perNetwork, "network-propagation-error", nil, "the same for single networks, such as dcf=20us,city=1us")
	flags.DurationVar(&o.Grace, "grace", o.Grace, "how long a stop waits for the captures in hand")
	o.meeting.register(flags)
	o.topology.register(flags)
	o.traces.register(flags)
}

// settle turns the flags into the worker's options, and refuses what makes no sense before anything is opened.
func (o *workerOptions) settle() error {
	if o.fixFormat != "json" && o.fixFormat != "msgpack" {
		return fmt.Errorf("fix-format is %q; want json or msgpack", o.fixFormat)
	}
	o.FixFormat = "application/" + o.fixFormat
	o.Budget = features.Budget{Default: o.propagation.Seconds(), Networks: make(map[string]float64)}
	for network, text := range o.perNetwork {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("network-propagation-error of %s: %w", network, err)
		}
		o.Budget.Networks[network] = d.Seconds()
	}
	if _, err := o.topology.topology(); err != nil {
		return err
	}
	if err := o.models.settle(); err != nil {
		return err
	}
	if err := o.meeting.settle(); err != nil {
		return err
	}
	if most := o.topology.maxAckPending; most < o.Lanes {
		return fmt.Errorf("max-ack-pending is %d, fewer than this worker's %d lanes alone", most, o.Lanes)
	}
	return o.Validate()
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		name = "worker"
	}
	return name + "-" + strconv.Itoa(os.Getpid())
}

// logOptions choose the form of the log, which goes to standard error.
type logOptions struct {
	level  string
	format string
}

func (o *logOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.level, "log-level", "info", "least level of the log: debug, info, warn or error")
	flags.StringVar(&o.format, "log-format", "text", "form of the log: text or json")
}

func (o *logOptions) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(o.level))); err != nil {
		return nil, fmt.Errorf("log-level is %q; want debug, info, warn or error", o.level)
	}
	handler := &slog.HandlerOptions{Level: level}
	switch o.format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, handler)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, handler)), nil
	}
	return nil, fmt.Errorf("log-format is %q; want text or json", o.format)
}
