package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/loadtest"
	"foxhunt/messages"
	"foxhunt/station"
)

type loadtestOptions struct {
	loadtest.Options
	nats       natsOptions
	topology   topologyOptions
	via        string
	url        string
	tokenFile  string
	caFile     string
	certFile   string
	keyFile    string
	network    string
	arrivals   string
	shape      loadtest.Shape
	format     string
	recordings []string
	stations   string
	findMax    bool
	json       string
	html       string
}

// errMissed ends the process with code 1 after the report has said why.
var errMissed = errors.New("the service levels were not met")

func newLoadtest() *cobra.Command {
	var o loadtestOptions
	cmd := &cobra.Command{
		Use:   "loadtest",
		Short: "Send captures to a running deployment, and measure what comes of them",
		Long: `Send captures to a running deployment, and measure what comes of them.

Users each send a capture, wait for its fix and send the next; with --rate requests are sent when they are due,
whatever became of those before. It ends with code 1 when a service level is missed, and with 2 when it cannot say, as this
process did not keep its own pace.

Captures of several receivers go to captures.<network>.load, which the workers must take for a bundle:
foxhunt worker --bundles loadtest.load`,
		Example: `  foxhunt loadtest --nats nats://127.0.0.1:4222 --users 50 --requests 10 --repeat 0.8
  foxhunt loadtest --via http --url http://127.0.0.1:8080 --users 100 --requests 10 --json report.json --html report.html
  foxhunt loadtest --nats nats://127.0.0.1:4222 --find-max --rate 50 --duration 10s --repeat 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *loadtestOptions) register(flags *pflag.FlagSet) {
	o.Options = loadtest.DefaultOptions()
	o.nats.register(flags)
	o.topology.registerNames(flags)
	flags.StringVar(&o.via, "via", "nats", "nats, or http: through a gateway")
	flags.StringVar(&o.url, "url", "http://127.0.0.1:8080", "the gateway's address, for --via http")
	flags.StringVar(&o.tokenFile, "token-file", "", "file with the gateway's bearer token")
	flags.StringVar(&o.caFile, "http-ca", "", "PEM file of the authorities that may sign the gateway's certificate")
	flags.StringVar(&o.certFile, "http-cert", "", "PEM file of the client's certificate for the gateway")
	flags.StringVar(&o.keyFile, "http-key", "", "PEM file of that certificate's key")
	flags.StringVar(&o.network, "network", "loadtest", "network of the captures")
	flags.IntVar(&o.Users, "users", o.Users, "users that ask at once; with --rate: of whom each makes --requests")
	flags.IntVar(&o.Requests, "requests", o.Requests, "requests of each user; 0: until --duration is over")
	flags.DurationVar(&o.Duration, "duration", 0, "send nothing new after so long (default: until all requests are done)")
	flags.DurationVar(&o.Ramp, "ramp", 0, "time over which the users begin, or the rate grows")
	flags.Float64Var(&o.Rate, "rate", 0, "requests a second, sent when they are due (default: each user waits for its answer)")
	flags.StringVar(&o.arrivals, "arrivals", "constant", "gaps between requests of --rate: constant or poisson")
	flags.Float64Var(&o.Repeat, "repeat", o.Repeat, "share of requests that are exact repeats of earlier ones")
	flags.DurationVar(&o.Timeout, "timeout", o.Timeout, "time after which a request has failed")
	flags.Uint64Var(&o.Seed, "seed", 0, "the same seed gives the same captures, which a cache may know (default: another each time)")
	flags.IntVar(&o.shape.Receivers, "receivers", 3, "receivers of a simulated capture")
	flags.IntVar(&o.shape.Samples, "samples", 4480, "samples of each receiver")
	flags.StringVar(&o.format, "format", "ci16_le", "samples' format: cu8, ci8, ci16_le or cf32_le")
	flags.StringSliceVar(&o.recordings, "recordings", nil, "make the captures of these recordings instead, bundled as publish --bundle does")
	flags.StringVar(&o.stations, "stations", "stations.yaml", "YAML list of id, lat, lon, alt, for --recordings")
	flags.DurationVar(&o.SLA.P95, "sla-p95", o.SLA.P95, "most that the 95th percentile of latency may be; 0: not asked")
	flags.DurationVar(&o.SLA.P99, "sla-p99", o.SLA.P99, "the same of the 99th")
	flags.DurationVar(&o.SLA.HitP95, "sla-hit-p95", o.SLA.HitP95, "the same of the 95th of cache hits")
	flags.Float64Var(&o.SLA.HitRate, "sla-hits", o.SLA.HitRate, "least share of cache hits, 0 to 1, asked for where as many requests were repeats; 0: not asked")
	flags.Float64Var(&o.SLA.Success, "sla-success", o.SLA.Success, "least share of requests that get a fix, 0 to 1; 0: not asked")
	flags.BoolVar(&o.findMax, "find-max", false, "search the highest rate that keeps the service levels, from --rate up, with runs of --duration")
	flags.StringVar(&o.json, "json", "", "write the report to this file, too")
	flags.StringVar(&o.html, "html", "", "write the report with plots to this file, too")
}

// settle refuses what makes no sense before anything is opened.
func (o *loadtestOptions) settle() error {
	o.shape.Format = messages.SampleFormat(o.format)
	o.Poisson = o.arrivals == "poisson"
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	switch {
	case o.via != "nats" && o.via != "http":
		return fmt.Errorf("via is %q; want nats or http", o.via)
	case o.arrivals != "constant" && o.arrivals != "poisson":
		return fmt.Errorf("arrivals is %q; want constant or poisson", o.arrivals)
	case o.shape.Format.BytesPerSample() == 0:
		return fmt.Errorf("format is %q; want cu8, ci8, ci16_le or cf32_le", o.format)
	case o.html != "" && o.findMax:
		return errors.New("a search for the highest rate has no single report to draw; leave out --html")
	}
	return o.Validate()
}

func (o *loadtestOptions) run(ctx context.Context, out, log io.Writer) error {
	if err := o.settle(); err != nil {
		return err
	}
	base, err := o.captures(log)
	if err != nil {
		return err
	}
	target, end, err := o.target(ctx, base[0], log)
	if err != nil {
		return err
	}
	defer end()
	if o.findMax {
		return o.search(ctx, target, base, out)
	}
	report, err := loadtest.Run(ctx, target, base, o.Options, func(p loadtest.Progress) {
		fmt.Fprintf(log, "%5.0f s  %d answered, %d failed, %d cache hits, p95 %.1f ms\n",
			p.Elapsed.Seconds(), p.Answered, p.Failed, p.Hits, float64(p.P95.Microseconds())/1000)
	})
	if err != nil {
		return err
	}
	if err := report.WriteText(out); err != nil {
		return err
	}
	if err := writeJSONFile(o.json, report); err != nil {
		return err
	}
	if err := o.writeHTML(report); err != nil {
		return err
	}
	return verdict(report)
}

// verdict chooses the exit code: 1 for a service level that was missed, 2 for a run that does not say.
func verdict(report *loadtest.Report) error {
	switch {
	case report.Invalid != "":
		return &exitError{2, errors.New(report.Invalid)}
	case report.Met:
		return nil
	case report.AnyMissed():
		return errMissed
	}
	return &exitError{2, errors.New("a service level was not met, and the generator's own lateness may be why")}
}

// captures are what is sent, simulated or recorded.
func (o *loadtestOptions) captures(log io.Writer) ([]*messages.Capture, error) {
	if len(o.recordings) == 0 {
		return loadtest.Simulate(o.shape, o.Seed, time.Now())
	}
	stations, err := station.LoadStations(o.stations)
	if err != nil {
		return nil, err
	}
	recordings, err := openRecordings(o.recordings, station.Options{}, log)
	if err != nil {
		return nil, err
	}
	capture, err := station.Bundle(recordings, stations, station.CaptureOptions{})
	if err != nil {
		return nil, err
	}
	return []*messages.Capture{capture}, nil
}

// target connects to the deployment.
func (o *loadtestOptions) target(ctx context.Context, first *messages.Capture, log io.Writer) (loadtest.Target, func(), error) {
	if o.via == "http" {
		var token []byte
		if o.tokenFile != "" {
			var err error
			if token, err = os.ReadFile(o.tokenFile); err != nil {
				return nil, nil, fmt.Errorf("token-file: %w", err)
			}
		}
		security, err := o.security()
		if err != nil {
			return nil, nil, err
		}
		target, err := loadtest.NewHTTP(o.url, o.network, strings.TrimSpace(string(token)), security, o.Users)
		if err != nil {
			return nil, nil, err
		}
		return target, target.Close, nil
	}
	t, err := o.topology.topology()
	if err != nil {
		return nil, nil, err
	}
	o.nats.Log = slog.New(slog.NewTextHandler(log, nil))
	conn, err := o.nats.connectSoon(ctx, "loadtest")
	if err != nil {
		return nil, nil, err
	}
	source := "load"
	if len(first.Receivers) == 1 {
		source = first.Receivers[0].Station
	}
	target, err := loadtest.NewNATS(ctx, conn, t, o.network, source)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return target, func() { target.Close(); conn.Close() }, nil
}

// security is how the gateway is verified, and this client to it; nil: as the system does it.
func (o *loadtestOptions) security() (*tls.Config, error) {
	if o.caFile == "" && o.certFile == "" && o.keyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return nil, fmt.Errorf("http-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("http-ca %s holds no certificate", o.caFile)
		}
	}
	if o.certFile != "" || o.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, fmt.Errorf("http-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// search prints each step, and what was found.
func (o *loadtestOptions) search(ctx context.Context, target loadtest.Target, base []*messages.Capture, out io.Writer) error {
	best, steps, err := loadtest.FindMax(ctx, target, base, o.Options, func(s loadtest.Step) {
		switch {
		case s.Unknown:
			fmt.Fprintf(out, "%8.1f requests/s  unknown: %s\n", s.Rate, s.Why)
		case s.Kept:
			fmt.Fprintf(out, "%8.1f requests/s  p95 %8.1f ms  kept\n", s.Rate, s.Report.All.P95)
		default:
			fmt.Fprintf(out, "%8.1f requests/s  p95 %8.1f ms  missed: %s\n", s.Rate, s.Report.All.P95, s.Why)
		}
	})
	if err != nil {
		return fmt.Errorf("the search ended at %.1f requests a second: %w", best, err)
	}
	if err := writeJSONFile(o.json, map[string]any{"highest_rate": best, "steps": steps}); err != nil {
		return err
	}
	last := steps[len(steps)-1]
	switch {
	case best == 0 && last.Unknown:
		return &exitError{2, errors.New(last.Why)}
	case best == 0:
		return errMissed
	case last.Unknown:
		fmt.Fprintf(out, "The service levels are kept at %.1f requests a second at least; beyond that this machine cannot tell.\n", best)
		return nil
	}
	fmt.Fprintf(out, "The service levels are kept up to %.1f requests a second.\n", best)
	return nil
}

func writeJSONFile(path string, value any) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func (o *loadtestOptions) writeHTML(report *loadtest.Report) error {
	if o.html == "" {
		return nil
	}
	var page strings.Builder
	if err := report.WriteHTML(&page); err != nil {
		return err
	}
	return os.WriteFile(o.html, []byte(page.String()), 0o644)
}
