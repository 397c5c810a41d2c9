package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// captureOptions are the flags of foxhunt capture.
type captureOptions struct {
	nats    natsOptions
	streams topologyOptions
	network string
	request messages.Request
	length  time.Duration
	at      string
	timeout time.Duration
	wait    time.Duration
	asJSON  bool
}

func newCapture() *cobra.Command {
	o := &captureOptions{request: messages.Request{Version: messages.RequestVersion}}
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Ask all stations of a network for one capture each, at the same time",
		Long: `Ask all stations of a network for one capture each of the same emission, and show which of them will make it.

Stations hear it that run with --on-request; those whose receiver can be tuned are tuned to the frequency for it and back.
Each answers at once, accepting or saying why not: not_tunable, rate_too_low, too_long, too_late, too_early,
busy, and no_samples where its receiver gives none at this moment, which may be asked again. What is shown is the stations'
word, which nothing proves; their captures are theirs alone.

With --wait the fix made of the captures is waited for and shown as foxhunt watch does. The exit code is 1 if no station
accepts, and 75 if none listens or the fix did not come in time.`,
		Example: "  foxhunt capture --network dcf --freq 77500 --length 2s --wait 30s\n" +
			"  foxhunt capture --network dcf --freq 145.5e6 --at 2026-08-13T06:52:25Z --min-rate 200e3 --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	o.nats.register(flags)
	o.streams.registerPrefix(flags)
	flags.StringVar(&o.network, "network", "", "network whose stations are asked")
	flags.Float64Var(&o.request.Frequency, "freq", 0, "frequency in Hz")
	flags.DurationVar(&o.length, "length", time.Second, "length of the capture")
	flags.StringVar(&o.at, "at", "+2s", "when it begins: a time such as 2026-08-13T06:52:25Z, or from now on, such as +5s; -3s asks for what stations still keep")
	flags.Float64Var(&o.request.MinRate, "min-rate", 0, "least sample rate in Hz; stations with less are not wanted")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Second, "how long stations have to answer")
	flags.DurationVar(&o.wait, "wait", 0, "wait for the fix, so long after the capture's end; 0: do not")
	flags.BoolVar(&o.asJSON, "json", false, "one JSON value with the request, the answers and the fix")
	return cmd
}

// eventSource is the source of the fixes that workers make of captures of several stations.
const eventSource = "event"

// captureResult is what came of a request.
type captureResult struct {
	Request *messages.Request  `json:"request"`
	Answers []*messages.Answer `json:"answers"`
	Fix     *messages.Fix      `json:"fix"`
}

func (o *captureOptions) run(ctx context.Context, out, log io.Writer) error {
	subject, err := messages.RequestSubject(o.network)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	topology, err := o.streams.topology()
	if err != nil {
		return err
	}
	if o.timeout <= 0 {
		return fmt.Errorf("timeout is %v; want more than 0", o.timeout)
	}
	if err := o.settle(time.Now()); err != nil {
		return err
	}
	o.nats.Log = slog.New(slog.NewTextHandler(log, nil))
	conn, err := o.nats.connectSoon(ctx, "capture")
	if err != nil {
		return err
	}
	defer conn.Close()
	var fixes *jetstream.Fixes
	if o.wait > 0 { // before stations are asked, so that no fix is missed
		if fixes, err = o.hearFixes(ctx, conn, topology); err != nil {
			return err
		}
		defer fixes.Stop()
	}
	if err := o.settle(time.Now()); err != nil {
		return err
	}
	result := captureResult{Request: &o.request}
	if result.Answers, err = o.ask(ctx, conn, subject); err != nil {
		return err
	}
	if !o.asJSON {
		if err := printAnswers(out, &result); err != nil {
			return err
		}
	}
	failed := accepted(o.network, result.Answers)
	if failed == nil && fixes != nil {
		result.Fix, failed = o.awaitFix(ctx, fixes)
	}
	return cmp.Or(o.show(out, &result), failed)
}

// settle makes the request: once to see whether it can be made, and again when everything is ready for it.
func (o *captureOptions) settle(now time.Time) error {
	at, err := time.Parse(time.RFC3339Nano, o.at)
	if err != nil {
		offset, err := time.ParseDuration(o.at)
		if err != nil {
			return fmt.Errorf("at is %q; want a time such as 2026-08-13T06:52:25Z, or +5s", o.at)
		}
		at = now.Add(offset)
	}
	o.request.Event, o.request.At, o.request.Length = messages.NewCaptureID(), messages.InstantOf(at), o.length.Seconds()
	_, err = o.request.Encode()
	return err
}

// mostAnswers bounds the answers that are gathered: anybody who hears the request may send as many as they like.
const mostAnswers = 1000

// ask gathers the stations' answers, sorted by station. Of several by one name only the first counts.
func (o *captureOptions) ask(ctx context.Context, conn *jetstream.Conn, subject string) (answers []*messages.Answer, err error) {
	question, err := o.request.Encode()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	seen := map[string]bool{}
	err = conn.AskStations(ctx, subject, question, func(msg []byte) (enough bool) {
		answer, err := messages.DecodeAnswer(msg)
		if err != nil {
			o.nats.Log.Warn("something that is no answer came", "error", err)
			return false
		}
		if !seen[answer.Station] {
			seen[answer.Station] = true
			answers = append(answers, answer)
		}
		return len(answers) == mostAnswers
	})
	slices.SortFunc(answers, func(a, b *messages.Answer) int { return cmp.Compare(a.Station, b.Station) })
	return answers, err
}

func accepted(network string, answers []*messages.Answer) error {
	if len(answers) == 0 {
		return &exitError{exitPassing, fmt.Errorf("no station of network %s has answered: none runs with --on-request, or none may be asked by this user", network)}
	}
	if !slices.ContainsFunc(answers, func(a *messages.Answer) bool { return a.Accepted }) {
		return fmt.Errorf("none of the %d stations that answered makes the capture", len(answers))
	}
	return nil
}

func (o *captureOptions) hearFixes(ctx context.Context, conn *jetstream.Conn, topology jetstream.Topology) (*jetstream.Fixes, error) {
	filter, err := messages.FixSubject(messages.CapturePrefix + "." + o.network + "." + eventSource)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return conn.Fixes(ctx, topology, filter)
}

// awaitFix waits for the fix of the request's event.
func (o *captureOptions) awaitFix(ctx context.Context, fixes *jetstream.Fixes) (*messages.Fix, error) {
	end := o.request.At.Time().Add(o.length)
	late := max(time.Until(end), 0) + o.wait
	ctx, cancel := context.WithTimeout(ctx, late)
	defer cancel()
	for {
		message, err := fixes.Next(ctx)
		if err != nil {
			return nil, &exitError{exitPassing, fmt.Errorf("no fix of event %s came within %v of the capture's end; foxhunt dead ls says whether it could not be located", o.request.Event, o.wait)}
		}
		if fix, err := messages.DecodeFix(message.ContentType, message.Body); err == nil && fix.Event == o.request.Event {
			return fix, nil
		}
	}
}

// show writes what is left to be shown.
func (o *captureOptions) show(out io.Writer, result *captureResult) (err error) {
	switch {
	case o.asJSON:
		return writeJSON(out, result)
	case result.Fix != nil:
		_, err = fmt.Fprintln(out, fixLine(result.Fix))
	}
	return err
}

func printAnswers(out io.Writer, result *captureResult) error {
	q := result.Request
	fmt.Fprintf(out, "event %s: %.9g Hz at %s for %v\n", q.Event, q.Frequency, q.At, q.Duration())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATION\tANSWER\tRATE\tCLOCK\tREASON")
	for _, a := range result.Answers {
		if a.Accepted {
			fmt.Fprintf(table, "%s\taccepted\t%.6g Hz\t±%s\t\n", a.Station, a.SampleRate, clockText(a.ClockSigma))
		} else {
			fmt.Fprintf(table, "%s\t%s\t-\t-\t%s\n", a.Station, a.Code, printable(a.Reason))
		}
	}
	return table.Flush()
}

// clockText is a standard deviation in nanoseconds, as precisely as anybody wants it.
func clockText(sigma float64) string {
	d := time.Duration(sigma)
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(time.Microsecond).String()
	}
	return d.String()
}
