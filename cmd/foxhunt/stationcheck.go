package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"foxhunt/features"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station/clock"
	"foxhunt/station/fitness"
	"foxhunt/station/receiver"
)

// stationCheck is what foxhunt station --check looks at.
type stationCheck struct {
	receiver receiver.Receiver
	length   time.Duration // of the samples that are watched; 0: ten seconds
	clock    *stationClock
	conn     *jetstream.Conn
	connErr  error  // why there is no connection; nil without one: NATS is not asked for
	network  string // with a connection
	station  string
	requests bool // --on-request
	asJSON   bool
}

// check is foxhunt station --check. It leaves the spool alone, in which a station may be at work.
func (o *stationOptions) check(ctx context.Context, args []string, in io.Reader, out io.Writer, log *slog.Logger) (err error) {
	c := &stationCheck{network: o.network, requests: o.cut.onRequest, asJSON: o.asJSON}
	if c.clock, err = newStationClock(o.clock); err != nil {
		return err
	}
	received, who, err := o.open(args, in, log)
	if err != nil {
		return err
	}
	defer received.Close() // what it says does not matter to the check
	c.receiver, c.station = received, who.ID
	if o.source.given("nats") {
		o.nats.Log = log
		if c.conn, c.connErr = o.nats.connectSoon(ctx, "station "+who.ID); c.connErr == nil {
			defer c.conn.Close()
		}
	}
	return c.run(ctx, out)
}

// run watches, judges, and shows what it found. The error says that the station is not fit.
func (c *stationCheck) run(ctx context.Context, out io.Writer) error {
	if c.length == 0 {
		c.length = 10 * time.Second
	}
	samples, report, err := c.look(ctx)
	if err != nil {
		return err
	}
	if findings := c.nats(ctx); findings != nil {
		report.Add(findings...)
	}
	if c.asJSON {
		err = writeJSON(out, report)
	} else {
		err = printFitness(out, samples, report)
	}
	if err == nil && !report.Fit {
		err = errors.New("this station is not fit for time differences")
	}
	return err
}

// look watches the samples, and the clock meanwhile.
func (c *stationCheck) look(ctx context.Context) (samples fitness.Samples, report fitness.Report, err error) {
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); c.clock.system.Run(running) }()
	defer func() { stop(); <-ended }()
	samples, err = fitness.Watch(ctx, c.receiver, c.length)
	if err != nil {
		return samples, report, err
	}
	facts := fitness.Facts{Samples: samples, Clock: clock.Stated(c.clock.stated)}
	if c.clock.stated < 0 {
		facts.Clock, facts.ClockErr = c.clock.system.Read()
	}
	path := features.Budget{}.For(c.network, samples.Frequency, samples.Bandwidth).Propagation
	facts.Path = time.Duration(path * float64(time.Second))
	return samples, fitness.Judge(facts), nil
}

// nats asks whether captures would be stored, and requests heard; nil where NATS is not asked for.
func (c *stationCheck) nats(ctx context.Context) []fitness.Finding {
	if c.connErr != nil {
		return []fitness.Finding{{Code: "nats", Verdict: fitness.Unfit, Text: printable(c.connErr.Error()), Mend: "give --nats, and the key or the credentials that its operator made for this station"}}
	}
	if c.conn == nil {
		return nil
	}
	findings := []fitness.Finding{c.stored(ctx)}
	if c.requests {
		findings = append(findings, c.hears(ctx))
	}
	return findings
}

func (c *stationCheck) stored(ctx context.Context) fitness.Finding {
	subject, err := messages.CaptureSubject(c.network, c.station)
	if err == nil {
		err = c.conn.Probe(ctx, subject)
	}
	if err != nil {
		return fitness.Finding{Code: "nats", Verdict: fitness.Unfit, Text: printable(err.Error()), Mend: "the server's operator gives the right to publish on captures.<network>.<station> and to hear PubAcks: deploy/nats"}
	}
	return fitness.Finding{Code: "nats", Verdict: fitness.OK, Text: "captures on " + subject + " would be stored, and their PubAcks come"}
}

func (c *stationCheck) hears(ctx context.Context) fitness.Finding {
	subject, err := messages.RequestSubject(c.network)
	if err == nil {
		var heard *jetstream.Questions
		if heard, err = c.conn.HearQuestions(ctx, subject, func([]byte) []byte { return nil }); err == nil {
			heard.Stop()
		}
	}
	if err != nil {
		return fitness.Finding{Code: "requests", Verdict: fitness.Warning, Text: printable(err.Error()), Mend: "the server's operator gives the right to hear requests.<network>; without it there are no captures on request"}
	}
	return fitness.Finding{Code: "requests", Verdict: fitness.OK, Text: "those on " + subject + " are heard"}
}

// printFitness shows findings as a table, and below it what is to be done.
func printFitness(out io.Writer, s fitness.Samples, r fitness.Report) error {
	fmt.Fprintf(out, "%v of %s samples from %s\n", s.Duration.Round(time.Second/10), s.Format, s.Kind)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tVERDICT\tSEEN")
	for _, f := range r.Findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", strings.ReplaceAll(f.Code, "_", " "), f.Verdict, f.Text)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Mend != "" {
			fmt.Fprintf(out, "%s: %s\n", strings.ReplaceAll(f.Code, "_", " "), f.Mend)
		}
	}
	if r.Fit {
		_, err := fmt.Fprintf(out, "Fit for time differences. Expect ellipses of some %s and more: see fix above.\n", fitness.Distance(r.Ellipse))
		return err
	}
	_, err := fmt.Fprintln(out, "Not fit for time differences.")
	return err
}
