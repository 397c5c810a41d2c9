package jetstream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/meeting"
)

// BenchmarkMeet has captures of three stations arrive at three workers of 16 lanes each, all at once: with an event, or without,
// in slots of one frequency, whose writes exclude each other. An op is a capture.
//
//	go test ./jetstream -run '^$' -bench Meet -benchtime 1200x
func BenchmarkMeet(b *testing.B) {
	for _, way := range []string{"events", "slots"} {
		b.Run(way, func(b *testing.B) { benchmarkMeet(b, way == "slots") })
	}
}

func benchmarkMeet(b *testing.B, slots bool) {
	_, c, _ := startMeetings(b)
	rules := meeting.DefaultRules()
	rules.Stations = []string{"A", "B", "C"}
	var next atomic.Int64
	var lanes sync.WaitGroup
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for range 3 {
		m, err := c.Meetings(b.Context(), jetstream.DefaultTopology())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(m.Close)
		table := meeting.NewTable(m, meeting.Networks{Default: rules})
		for range 16 {
			lanes.Go(func() {
				for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
					began := time.Now()
					if err := meetOne(b.Context(), table, i, slots); err != nil {
						b.Errorf("capture %d: %v", i, err)
					}
					took[i] = time.Since(began)
				}
			})
		}
	}
	lanes.Wait()
	slices.Sort(took)
	b.ReportMetric(took[b.N/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[b.N*95/100].Seconds()*1e3, "p95-ms")
	b.ReportMetric(took[b.N-1].Seconds()*1e3, "max-ms")
}

// meetOne has the capture arrive, and ends its event if it was the last.
func meetOne(ctx context.Context, table *meeting.Table, i int, slots bool) error {
	event := i / 3
	start := int64(event) * int64(10*time.Second)
	a := meeting.Arrival{Network: "net", Frequency: 145e6, Deliveries: 1, Attempts: 12, Least: 3, Most: 32, Capture: meeting.Member{
		Place: meeting.Place{Sequence: uint64(i + 1), Stored: time.Now().UnixNano()}, Station: string(rune('A' + i%3)),
		ID: fmt.Sprintf("capture-%026d", i), Start: 1e18 + start, End: 1e18 + start + 1e9, Size: 1000,
	}}
	if !slots {
		a.Event = fmt.Sprint(event)
	}
	o, err := table.Arrive(ctx, a)
	if err != nil || o.Action != meeting.Work {
		return err
	}
	return o.Event.Finish(ctx, a.Capture.Place)
}
