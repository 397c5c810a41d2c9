package chaos

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// Row is how one scenario ended.
type Row struct {
	Scenario   string
	Tally      Tally
	Deliveries int // of captures to workers, the first of each included
	Took       time.Duration
	Note       string // what was done to the house
}

// Table collects the rows of all scenarios. It is safe for concurrent use.
type Table struct {
	mu     sync.Mutex
	rows   []Row
	events []EventRow
	notes  []string // measurements beside the ledger
}

// Add adds a row.
func (t *Table) Add(r Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

// Measured adds a line below the table.
func (t *Table) Measured(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// Print writes the table for people; nothing if it is empty.
func (t *Table) Print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) > 0 {
		printRows(w, t.rows)
	}
	if len(t.events) > 0 {
		printEventRows(w, t.events)
	}
	for _, note := range t.notes {
		fmt.Fprintln(w, note)
	}
}

func printRows(w io.Writer, rows []Row) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "scenario\tpublished\trefused\tfixed\tdead\tmissing\tconflicting\tboth\tunfair\tpublished again\tdoubled\tredelivered\tseconds\t")
	for _, r := range rows {
		y := &r.Tally
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\n", r.Scenario, y.Published, y.Refused, y.Fixed, y.Dead,
			len(y.Missing), len(y.Conflicting), len(y.Both), len(y.Unfair), y.Again, y.Doubled, r.redelivered(), r.Took.Seconds(), r.Note)
	}
	out.Flush()
}

// redelivered is the deliveries beyond the first of each capture that was published.
func (r *Row) redelivered() int {
	return max(r.Deliveries-r.Tally.Fixed-r.Tally.Dead-len(r.Tally.Missing)+len(r.Tally.Both), 0)
}
