package compare

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(out io.Writer) error {
	fmt.Fprintf(out, "%s to %s", r.From.Format(time.DateTime), r.To.Format(time.DateTime))
	if r.Experiment != "" {
		fmt.Fprintf(out, ", experiment %s", strconv.Quote(r.Experiment))
	}
	fmt.Fprintln(out, ", times of workers, UTC")
	r.writeArms(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nMEASURE\t%s\t%s\tDIFFERENCE\t95 %% INTERVAL\tVERDICT\n", strings.ToUpper(r.A.Name), strings.ToUpper(r.B.Name))
	for i := range r.Measures {
		c := &r.Measures[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.valueText(c.A.Value), c.valueText(c.B.Value), c.changeText(c.Change), c.intervalText(), c.verdictText(r.Unit))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	r.writeCalibration(out)
	if len(r.Warnings) > 0 {
		fmt.Fprintln(out)
	}
	for _, w := range r.Warnings {
		if _, err := fmt.Fprintf(out, "note: %s\n", w.Sentence); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) writeArms(out io.Writer) {
	for _, arm := range []*Arm{&r.A, &r.B} {
		fmt.Fprintf(out, "%s: %s: %d fixes, %d of them from the cache, %d failures%s\n", arm.Name, modelText(arm.Model), arm.Fixes, arm.Cached,
			total(arm.Failures), byName(arm.Failures))
	}
	what := "compared"
	if r.Paired {
		what = "compared, the same of both"
	}
	fmt.Fprintf(out, "%s: %d and %d captures", what, r.A.Sampled, r.B.Sampled)
	if r.Unit == "sessions" {
		fmt.Fprintf(out, " of %d and %d sessions", r.A.Sessions, r.B.Sessions)
	}
	if r.A.Truths+r.B.Truths > 0 {
		fmt.Fprintf(out, ", %d and %d with a known truth", r.A.Truths, r.B.Truths)
	}
	fmt.Fprintf(out, "; %d dead letters, of neither arm%s\n", total(r.DeadLetters), byName(r.DeadLetters))
	if s := r.Split; s != nil && s.Asked > 0 {
		fmt.Fprintf(out, "split: %.1f %% of %d %s went to the %s; %.1f %% were asked for\n", s.Seen, s.Sessions, r.Unit, r.B.Name, s.Asked)
	}
}

// byName is " (2 bad_rate, 1 panic)", the most frequent first, and nothing for none.
func byName(counts map[string]int) string {
	if len(counts) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int { return counts[b] - counts[a] })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], quoted(name))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// quoted is a stranger's text, quoted where it might act on a terminal.
func quoted(s string) string {
	if q := fmt.Sprintf("%.40q", s); q != `"`+s+`"` {
		return q
	}
	return s
}

// writeCalibration says whether each arm's ellipses hold what they state.
func (r *Report) writeCalibration(out io.Writer) {
	for _, stated := range []struct {
		name  string
		share float64
	}{{"inside_68", 68}, {"inside_95", 95}} {
		for i := range r.Measures {
			if c := &r.Measures[i]; c.Name == stated.name {
				fmt.Fprintf(out, "%.0f %% ellipses: the %s's %s; the %s's %s\n", stated.share, r.A.Name, c.A.calibration(stated.share), r.B.Name, c.B.calibration(stated.share))
			}
		}
	}
	if r.A.ErrorRMS != nil && r.B.ErrorRMS != nil {
		fmt.Fprintf(out, "error, root of the mean square, which a few far ones make: %s and %s m\n", threeDigits(*r.A.ErrorRMS), threeDigits(*r.B.ErrorRMS))
	}
}

// calibration holds a share of truths inside against the share stated.
func (f *Figure) calibration(stated float64) string {
	switch {
	case f.Value == nil || f.Low == nil || f.High == nil:
		return "are too few to tell"
	case *f.High < stated:
		return fmt.Sprintf("hold %.1f to %.1f %%: they are too small", *f.Low, *f.High)
	case *f.Low > stated:
		return fmt.Sprintf("hold %.1f to %.1f %%: they are larger than they need be", *f.Low, *f.High)
	}
	return fmt.Sprintf("hold %.1f to %.1f %%, as stated", *f.Low, *f.High)
}

func (c *Comparison) valueText(x *float64) string {
	if x == nil {
		return "-"
	}
	return strings.TrimSpace(threeDigits(*x) + " " + c.Unit)
}

// threeDigits writes a figure as precisely as anybody wants to read it.
func threeDigits(x float64) string {
	if math.Abs(x) >= 1e7 {
		return strconv.FormatFloat(x, 'e', 2, 64)
	}
	if x == 0 {
		return "0"
	}
	places := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	return strconv.FormatFloat(x, 'f', min(places, 4), 64)
}

func (c *Comparison) changeText(x *float64) string {
	if x == nil {
		return "-"
	}
	return c.changeNumber(*x) + c.unitAfter()
}

func (c *Comparison) unitAfter() string {
	if c.ChangeUnit == "" {
		return ""
	}
	return " " + c.ChangeUnit
}

func (c *Comparison) changeNumber(x float64) string {
	if c.ChangeUnit == "%" {
		return fmt.Sprintf("%+.1f", x)
	}
	return fmt.Sprintf("%+.2f", x)
}

func (c *Comparison) intervalText() string {
	if c.P == nil {
		return "-"
	}
	end := func(x *float64) string {
		if x == nil {
			return "?"
		}
		return c.changeNumber(*x)
	}
	return end(c.Low) + " to " + end(c.High) + c.unitAfter()
}

func (c *Comparison) verdictText(unit string) string {
	switch c.Verdict {
	case Better, Worse, Different:
		if *c.PHolm < 1e-4 {
			return c.Verdict + ", p < 0.0001"
		}
		return fmt.Sprintf("%s, p = %.2g", c.Verdict, *c.PHolm)
	case Same:
		return fmt.Sprintf("no difference of %g%s or more", c.Worth, c.unitAfter())
	case NotJudged:
		return "not judged"
	}
	about := "about"
	if c.AtLeast {
		about = "at least"
	}
	return fmt.Sprintf("not enough to tell %g%s: %s %d %s an arm", c.Worth, c.unitAfter(), about, c.Needed, unit)
}
