package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/doctor"
	"foxhunt/model"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	nats     natsOptions
	topology topologyOptions
	look     doctor.Options
	redis    redisOptions
	model    string
	timeout  time.Duration
	failOn   string
	ignore   []string
	json     bool
	verbose  bool
}

func newDoctor() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at a live deployment and say what is not as it should be, why that matters, and what mends it",
		Long: `Look at a live deployment and say what is not as it should be, why that matters, and what mends it.

It looks at the NATS server, foxhunt's streams and consumers, how captures flow for a few seconds, the last
fixes and dead letters, Redis, ONNX Runtime and this machine, and changes nothing. What it could not see it
says, too (unknown), with what would show it. docs/doctor.md lists every code.

It exits with 0 when nothing is worse than info or unknown, 1 when there are warnings or errors (--fail-on
error: errors), other than of the codes in --ignore, and 2 when it could not look at all: the server was not
reached, or a flag makes no sense.`,
		Example: "  foxhunt doctor --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222 --redis redis://127.0.0.1:6379\n" +
			"  foxhunt doctor --fail-on error --ignore nats_tls,processors",
		Args: func(cmd *cobra.Command, args []string) error { return notLooked(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return notLooked(err) })
	flags := cmd.Flags()
	o.nats.register(flags)
	o.topology.registerNames(flags)
	o.topology.registerLimits(flags)
	o.topology.registerProfile(flags)
	flags.StringSliceVar(&o.look.Monitors, "nats-monitor", nil, "monitoring port of the NATS server, or of each with commas, such as http://127.0.0.1:8222")
	o.redis.register(flags, "Redis of the workers, such as redis://127.0.0.1:6379")
	flags.StringVar(&o.look.Runtime, "onnxruntime", "", "ONNX Runtime's shared library (default: what make brought into .cache)")
	flags.StringVar(&o.model, "model", "grid", "model of the workers: grid (built in), or an ONNX file")
	flags.StringVar(&o.look.DataDir, "data-dir", "", "folder of JetStream's files, where it is on this machine")
	flags.DurationVar(&o.look.Look, "look", 5*time.Second, "how long to watch captures flow")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "end of all looking; what was not seen by then is unknown")
	flags.StringVar(&o.failOn, "fail-on", string(doctor.Warning), "the least that makes the exit code 1: error or warning")
	flags.StringSliceVar(&o.ignore, "ignore", nil, "codes that are shown and do not make the exit code 1, such as nats_tls,processors")
	flags.BoolVar(&o.json, "json", false, "one JSON document with all findings")
	flags.BoolVar(&o.verbose, "verbose", false, "show what is as it should be, too")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, out io.Writer) (err error) {
	if o.look.Look <= 0 || o.look.Look >= o.timeout {
		return notLooked(fmt.Errorf("look is %v and timeout %v; want more than 0, and look the shorter", o.look.Look, o.timeout))
	}
	if err := o.checkFailOn(); err != nil {
		return notLooked(err)
	}
	if o.look.Topology, err = o.topology.topology(); err != nil {
		return notLooked(err)
	}
	if o.redis.given() {
		redis, err := o.redis.options()
		if err != nil {
			return notLooked(err)
		}
		o.look.Redis = &redis
	}
	o.nats.Name = "foxhunt doctor"
	o.look.NATS = o.nats.Options
	o.look.Load = func(r *model.Runtime) (*model.Model, error) { return loadModel(r, o.model) }
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, errTimeout)
	defer cancel()
	facts := doctor.Gather(ctx, o.look)
	report := newReport(doctor.Check(facts))
	if o.json {
		err = json.NewEncoder(out).Encode(report)
	} else {
		err = report.print(out, o.verbose)
	}
	switch {
	case err != nil:
		return notLooked(err)
	case !facts.Reached():
		return notLooked(errors.New("the NATS server was not reached"))
	case report.fails(o.failOn, o.ignore):
		return errors.New(report.summary())
	}
	return nil
}

// checkFailOn refuses what would make a check that never fails, or fails for what was to be ignored.
func (o *doctorOptions) checkFailOn() error {
	if o.failOn != string(doctor.Error) && o.failOn != string(doctor.Warning) {
		return fmt.Errorf("fail-on is %q; want error or warning", o.failOn)
	}
	for _, code := range o.ignore {
		if !slices.ContainsFunc(doctor.Rules(), func(r doctor.Rule) bool { return r.Code == code }) {
			return fmt.Errorf("ignore has %q, which is no code; docs/doctor.md lists them", code)
		}
	}
	return nil
}

// notLooked gives an error doctor's exit code for what says nothing about the deployment.
func notLooked(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: 2, err: err}
}

// report is what doctor prints.
type report struct {
	Time     time.Time               `json:"time"`
	Count    map[doctor.Severity]int `json:"count"`
	Findings []doctor.Finding        `json:"findings"` // the worst first
}

func newReport(findings []doctor.Finding) *report {
	r := &report{Time: time.Now().UTC(), Count: map[doctor.Severity]int{}, Findings: findings}
	for _, s := range []doctor.Severity{doctor.Error, doctor.Warning, doctor.Unknown, doctor.Info, doctor.OK} {
		r.Count[s] = 0
	}
	for _, f := range findings {
		r.Count[f.Severity]++
	}
	return r
}

// fails says whether anything but of the ignored codes is at least as bad as failOn, which is warning or error.
func (r *report) fails(failOn string, ignore []string) bool {
	return slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
		return f.Bad() && (f.Severity == doctor.Error || failOn == string(doctor.Warning)) && !slices.Contains(ignore, f.Code)
	})
}

func (r *report) summary() string {
	return fmt.Sprintf("%d errors, %d warnings, %d unknown, %d info, %d ok",
		r.Count[doctor.Error], r.Count[doctor.Warning], r.Count[doctor.Unknown], r.Count[doctor.Info], r.Count[doctor.OK])
}

// print writes a finding a line, the worst first, and under it why it matters and what mends it.
func (r *report) print(out io.Writer, verbose bool) error {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Severity == doctor.OK && !verbose {
			continue
		}
		fmt.Fprintf(&b, "%-8s %s: %s\n", strings.ToUpper(string(f.Severity)), f.Code, f.Seen)
		if f.Severity == doctor.OK {
			continue
		}
		fmt.Fprintf(&b, "         why:  %s\n", f.Why)
		if f.Mend != "" {
			fmt.Fprintf(&b, "         mend: %s\n", f.Mend)
		}
	}
	fmt.Fprintln(&b, r.summary())
	_, err := io.WriteString(out, b.String())
	return err
}
