package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/serving"
)

// workerQuestion is what the commands that ask workers are told.
type workerQuestion struct {
	nats    natsOptions
	worker  string
	timeout time.Duration
	asJSON  bool
}

func (o *workerQuestion) register(cmd *cobra.Command, timeout time.Duration) {
	o.nats.register(cmd.Flags())
	cmd.Flags().StringVar(&o.worker, "worker", "", "the only worker to ask, by its --name (default: all)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", timeout, "how long to wait for answers")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "as JSON")
}

// ask connects and puts questions to the workers, each of which may take the time-out.
func (o *workerQuestion) ask(ctx context.Context, questions ...string) ([][]jetstream.WorkerAnswer, error) {
	if o.timeout <= 0 {
		return nil, fmt.Errorf("timeout is %v; want more than 0", o.timeout)
	}
	conn, err := o.nats.connectSoon(ctx, "model")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var all [][]jetstream.WorkerAnswer
	for _, question := range questions {
		asking, cancel := context.WithTimeout(ctx, o.timeout)
		answers, err := conn.AskWorkers(asking, question, o.worker)
		cancel()
		if err != nil {
			return nil, err
		}
		if len(answers) == 0 {
			return nil, o.nobody()
		}
		all = append(all, answers)
	}
	return all, nil
}

// nobody is passing: workers may be on their way.
func (o *workerQuestion) nobody() error {
	if o.worker != "" {
		return &exitError{exitPassing, fmt.Errorf("no worker called %s is there; foxhunt model status lists them", printable(o.worker))}
	}
	return &exitError{exitPassing, errors.New("no worker is there: none runs, or this user may not ask them")}
}

func newModelReload() *cobra.Command {
	var o workerQuestion
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have workers look at their models anew, now, and say what came of it",
		Long: `Have workers look at their models anew, now, and say what came of it.

Workers look by themselves every few seconds; a reload does not wait for that, and tries once more what was refused. A
model that is still the same is not loaded again, and no capture waits for one that is. The exit code is 0 when every worker
serves what is wanted, 1 when one does not, and 75 when none answers or one waits for a server that is away.`,
		Example: "  foxhunt model reload --nats nats://127.0.0.1:4222",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answers, err := o.ask(cmd.Context(), questionReload)
			if err != nil {
				return err
			}
			reports := readReloads(answers[0])
			if o.asJSON {
				err = writeJSON(cmd.OutOrStdout(), reports)
			} else {
				err = printReloads(cmd.OutOrStdout(), reports)
			}
			return errors.Join(err, reloadsFailed(reports))
		},
	}
	o.register(cmd, 2*time.Minute)
	return cmd
}

// reloadReport is a worker's answer to a reload, or why there is none.
type reloadReport struct {
	reloadAnswer
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func readReloads(answers []jetstream.WorkerAnswer) (reports []reloadReport) {
	for _, a := range answers {
		r := reloadReport{Code: a.Code, Reason: a.Reason}
		if a.Code == "" && json.Unmarshal(a.Body, &r.reloadAnswer) != nil {
			r.Code, r.Reason = jetstream.CodeServer, "the answer cannot be read"
		}
		r.Worker = a.Worker // whatever it calls itself in the answer
		reports = append(reports, r)
	}
	return reports
}

func printReloads(out io.Writer, reports []reloadReport) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKER\tARM\tMODEL\tSERVES\tOUTCOME")
	for _, r := range reports {
		if r.Code != "" {
			fmt.Fprintf(table, "%s\t-\t-\t-\t%s: %s\n", printable(r.Worker), printable(r.Code), printable(r.Reason))
		}
		if r.Plan != nil {
			fmt.Fprintf(table, "%s\t-\t-\t-\tplan not followed: %s\n", printable(r.Worker), troubleText(r.Plan))
		}
		for _, p := range r.Posts {
			outcome := printable(p.Outcome)
			if p.Trouble != nil {
				outcome += ": " + troubleText(p.Trouble)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable(r.Worker), printable(p.Post), printable(p.Model), servesText(p.Name, p.Version, p.Digest), outcome)
		}
	}
	return table.Flush()
}

func troubleText(t *serving.Trouble) string { return printable(t.Code) + ": " + printable(t.Reason) }

// servesText names a model that serves.
func servesText(name, version, digest string) string {
	if digest == "" {
		return "-"
	}
	return printable(strings.TrimSpace(name+" "+version)) + " " + printable(digest[:min(12, len(digest))])
}

// reloadsFailed says whose models are not as they should be. All of it passing is passing.
func reloadsFailed(reports []reloadReport) error {
	var failed []string
	passing := true
	for i := range reports {
		r := &reports[i]
		if r.Code == "" && !r.Failed() {
			continue
		}
		failed = append(failed, printable(r.Worker))
		passing = passing && (r.Code == "" || r.Code == jetstream.CodeSilent) && !r.refuses()
	}
	if len(failed) == 0 {
		return nil
	}
	err := fmt.Errorf("of %d workers %d do not serve what is wanted: %s", len(reports), len(failed), strings.Join(failed, ", "))
	if passing {
		return &exitError{exitPassing, err}
	}
	return err
}

func (r *reloadReport) refuses() bool {
	for _, p := range r.Posts {
		if p.Outcome == serving.Refused {
			return true
		}
	}
	return r.Plan != nil && !r.Plan.Passing
}
