package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newDeadShow() *cobra.Command {
	var stream deadStream
	var asJSON bool
	var file string
	cmd := &cobra.Command{
		Use:   "show NUMBER",
		Short: "Show one dead letter, and what can be read of its capture",
		Long: `Show one dead letter, and what can be read of its capture.

--out writes the capture's bytes as they were published to a file.`,
		Example: "  foxhunt dead show 12 --out capture.msgpack",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sequence, err := deadNumber(args[0])
			if err != nil {
				return err
			}
			if err := stream.open(cmd); err != nil {
				return err
			}
			defer stream.conn.Close()
			return stream.show(cmd, sequence, asJSON, file)
		},
	}
	stream.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&file, "out", "", "file for the capture's bytes")
	return cmd
}

func (s *deadStream) show(cmd *cobra.Command, sequence uint64, asJSON bool, file string) error {
	d, err := s.conn.DeadLetter(cmd.Context(), s.topology, sequence)
	if err != nil {
		return err
	}
	v := newDeadValue(d)
	v.Capture = newCaptureValue(d.Letter.Body)
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), v)
	} else {
		err = v.print(cmd.OutOrStdout())
	}
	if err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, d.Letter.Body, 0o644)
}

// print shows the letter to people. Everything in it may be a stranger's.
func (v *deadValue) print(out io.Writer) error {
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, a ...any) { fmt.Fprintf(lines, "%s\t%s\n", name, fmt.Sprintf(format, a...)) }
	line("dead letter", "%d, stored %s", v.Number, v.Stored)
	line("reason", "%s", brief(v.Reason, 64))
	line("sentence", "%s", brief(v.Sentence, 600))
	line("subject", "%s", brief(v.Subject, 600))
	line("died", "%s, at delivery %d, with worker %s, model version %s", v.Time, v.Deliveries, orNone(v.Worker), orNone(v.Model))
	if r := v.Replayed; r != nil {
		line("replayed", "%d times, last from dead letter %d (%s); died first %s", r.Count, r.Of, brief(r.Reason, 64), orNone(r.FirstDeath))
	}
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		line("header", "%s: %s", brief(name, 80), brief(strings.Join(v.Headers[name], ", "), 200))
	}
	if v.LeftOut > 0 {
		line("headers", "%d more were not kept", v.LeftOut)
	}
	c := v.Capture
	line("capture", "%d bytes, id %s, %.6f MHz, %d receivers", v.Bytes, orNone(c.ID), float64(c.Frequency)/1e6, len(c.Receivers))
	if c.Event != "" || c.Session != "" {
		line("of", "event %s, session %s", orNone(c.Event), orNone(c.Session))
	}
	if c.Fault != "" {
		line("reads", "%s", brief(c.Fault, 600))
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	return c.printReceivers(out)
}

func (c *captureValue) printReceivers(out io.Writer) error {
	if len(c.Receivers) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSTATION\tSTART\tSECONDS\tRATE (Hz)\tFORMAT\tBYTES\tLATITUDE\tLONGITUDE\tALTITUDE (m)\tSIGMA (ns)\tGAIN (dB)")
	for _, r := range c.Receivers {
		fmt.Fprintf(table, "%s\t%s\t%.6g\t%.10g\t%s\t%d\t%.8g\t%.8g\t%.6g\t%.6g\t%.6g\n", brief(r.Station, 64), r.Start, float64(r.Seconds), float64(r.Rate),
			brief(r.Format, 16), r.Bytes, float64(r.Latitude), float64(r.Longitude), float64(r.Altitude), float64(r.Sigma), float64(r.Gain))
	}
	return table.Flush()
}

// orNone stands in for a text that is not there.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return brief(s, 256)
}
