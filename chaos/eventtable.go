package chaos

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// EventRow is how one scenario of captures that meet ended.
type EventRow struct {
	Scenario   string
	Tally      EventTally
	Deliveries int // of captures to workers, those by which a capture waits included
	Took       time.Duration
	Note       string
}

// AddEvents adds a row of captures that meet.
func (t *Table) AddEvents(r EventRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, r)
}

func printEventRows(w io.Writer, rows []EventRow) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "scenario\tpublished\tcopies\tevents\tfixed\tpartial\tin fixes\tlate\trepeated\ttoo few\tother dead\tovertaken\tmissing\tconflicting\tboth\ttorn\tunfair\t"+
		"published again\tdeliveries\twithin\tseconds\t")
	for _, r := range rows {
		y := &r.Tally
		other := 0
		for _, n := range y.Deaths {
			other += n
		}
		other -= y.Deaths[codeLate] + y.Deaths[codeRepeated] + y.Deaths[codeTooFew]
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f %%\t%.1f\t%s\n", r.Scenario, y.Published, y.Copies, y.Events,
			y.Fixed, y.Partial, y.Members, y.Deaths[codeLate], y.Deaths[codeRepeated], y.Deaths[codeTooFew], other, y.Overtaken, len(y.Missing), len(y.Conflicting),
			len(y.Both), len(y.Torn), len(y.Unfair), y.Again, r.Deliveries, 100*float64(y.Within)/float64(max(y.Fixed, 1)), r.Took.Seconds(), r.Note)
	}
	out.Flush()
}
