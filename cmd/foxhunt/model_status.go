package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
)

func newModelStatus() *cobra.Command {
	var o workerQuestion
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what every worker serves at this moment, and how it does",
		Long: `Show what every worker serves at this moment, and how it does.

The figures are each worker's own, since the model came to serve in its arm there. A - is what is not known, as a success
rate before the first capture. The exit code is 1 when a worker does not serve what is wanted.`,
		Example: "  foxhunt model status --nats nats://127.0.0.1:4222",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answers, err := o.ask(cmd.Context(), questionInfo, questionPerformance)
			if err != nil {
				return err
			}
			workers := readStatus(answers[0], answers[1])
			if o.asJSON {
				err = writeJSON(cmd.OutOrStdout(), workers)
			} else {
				err = printStatus(cmd.OutOrStdout(), workers)
			}
			if err != nil {
				return err
			}
			return statusFailed(workers)
		},
	}
	o.register(cmd, 10*time.Second)
	return cmd
}

// workerStatus is what one worker says of itself.
type workerStatus struct {
	infoAnswer
	Arms   []armAnswer `json:"arms"`
	Code   string      `json:"code,omitempty"` // why it says nothing
	Reason string      `json:"reason,omitempty"`
}

// readStatus puts the two answers of each worker together. Of two workers by one name each has its own row.
func readStatus(infos, performances []jetstream.WorkerAnswer) (workers []workerStatus) {
	for _, a := range infos {
		s := workerStatus{Code: a.Code, Reason: a.Reason}
		if a.Code == "" && json.Unmarshal(a.Body, &s.infoAnswer) != nil {
			s.Code, s.Reason = jetstream.CodeServer, "the answer cannot be read"
		}
		s.Worker = a.Worker
		for i, p := range performances {
			var figures performanceAnswer
			if p.Worker == a.Worker && p.Code == "" && json.Unmarshal(p.Body, &figures) == nil {
				s.Arms = figures.Arms
				performances[i].Code = "taken"
				break
			}
		}
		workers = append(workers, s)
	}
	return workers
}

func printStatus(out io.Writer, workers []workerStatus) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKER\tARM\tMODEL\tSERVES\tFOR\tFIXES\tERRORS\tSUCCESS\tHITS\tP50\tP95\tP99")
	for _, w := range workers {
		if w.Code != "" {
			fmt.Fprintf(table, "%s\t-\t%s: %s\n", printable(w.Worker), printable(w.Code), printable(w.Reason))
		}
		for _, m := range w.Models {
			serves, since := "-", "-"
			if m.Model != nil {
				serves = servesText(m.Model.Name, m.Model.Version, m.Model.Digest)
			}
			if m.Since != nil {
				since = duration(time.Since(*m.Since).Truncate(time.Second).Seconds())
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(w.Worker), printable(m.Arm), printable(m.Wanted), serves, since, w.figures(m))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, w := range workers {
		if w.Trouble != nil {
			fmt.Fprintf(out, "%s does not follow the plan: %s\n", printable(w.Worker), troubleText(w.Trouble))
		}
		for _, m := range w.Models {
			if m.Trouble != nil {
				fmt.Fprintf(out, "%s, %s %s: %s\n", printable(w.Worker), printable(m.Arm), printable(m.Wanted), troubleText(m.Trouble))
			}
		}
	}
	return nil
}

// figures are the columns of what a model has done.
func (w *workerStatus) figures(m modelAnswer) string {
	for _, a := range w.Arms {
		if m.Model == nil || a.Arm != m.Arm || a.Digest != m.Model.Digest {
			continue
		}
		text := fmt.Sprintf("%d\t%d\t%s\t%s", a.Fixes, a.Errors, percentText(a.SuccessRate), percentText(a.HitRate))
		if a.Latency == nil {
			return text + "\t-\t-\t-"
		}
		return text + fmt.Sprintf("\t%.1f ms\t%.1f ms\t%.1f ms", a.Latency.P50, a.Latency.P95, a.Latency.P99)
	}
	return "-\t-\t-\t-\t-\t-\t-"
}

func percentText(share *float64) string {
	if share == nil {
		return "-"
	}
	return strconv.FormatFloat(100**share, 'f', 1, 64) + " %"
}

func statusFailed(workers []workerStatus) error {
	failed := 0
	for _, w := range workers {
		if w.Code != "" || !w.Followed {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("of %d workers %d do not serve what is wanted, or have not said so", len(workers), failed)
}
