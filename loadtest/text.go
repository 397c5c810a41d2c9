package loadtest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// WriteText writes the report for people.
func (r *Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if r.Invalid != "" {
		fmt.Fprintf(out, "INVALID: %s.\nNothing is said about the deployment.\n", r.Invalid)
		return nil
	}
	fmt.Fprintf(out, "%d requests in %.1f s: %d fixes (%.2f %%), %.1f a second; %d repeats, %d cache hits (%.2f %%)\n",
		r.Requests, r.Duration, r.Successes, 100*r.SuccessRate, r.Throughput, r.Repeats, r.Hits, 100*r.HitRate)
	for _, model := range slices.Sorted(maps.Keys(r.Models)) {
		fmt.Fprintf(out, "%d fixes by %s\n", r.Models[model], printable(model))
	}
	if r.Overrun != "" {
		fmt.Fprintf(out, "ENDED EARLY: %s\n", r.Overrun)
	}
	for _, code := range slices.Sorted(maps.Keys(r.Failures)) {
		fmt.Fprintf(out, "%d failed with %s, such as %s\n", r.Failures[code], printable(code), printable(r.Reasons[code]))
	}
	fmt.Fprintln(w, "\nlatency, ms\tcount\tmin\tmean\tmedian\tp90\tp95\tp99\tmax\tdeviation\t")
	for _, row := range []struct {
		name string
		l    Latency
	}{{"all", r.All}, {"cache hits", r.Hit}, {"cache misses", r.Missed}} {
		l := row.l
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", row.name, l.Count, l.Min, l.Mean, l.Median, l.P90, l.P95, l.P99, l.Max, l.Deviation)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nledger: %d sent = %d answered + %d refused + %d late + %d unanswered (still waiting, at most: %s); answered twice: %s\n",
		r.Ledger.Sent, r.Ledger.Answered, r.Ledger.Refused, r.Ledger.Late, r.Ledger.Unanswered, orUnknown(r.Ledger.Waiting), orUnknown(r.Ledger.Doubled))
	fmt.Fprintf(out, "lag: %s captures before, %s after; the generator's own timers: p99 %.1f ms late\n\n",
		orUnknown(r.LagBefore), orUnknown(r.LagAfter), r.GeneratorLate)
	return r.writeLevels(out)
}

func (r *Report) writeLevels(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE LEVEL\tOWED\tMEASURED\t")
	for _, l := range r.SLA {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.Want, l.Got, strings.ToUpper(l.Verdict()))
	}
	return w.Flush()
}

// Verdict is the level's outcome in words.
func (l Level) Verdict() string {
	switch {
	case l.Met:
		return "met"
	case l.NotJudged:
		return "not judged: the generator itself was late"
	}
	return "missed"
}

// printable takes out what would act on the terminal: the words are those of whoever answered.
func printable(words string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, words)
}

func orUnknown(n *int) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}
