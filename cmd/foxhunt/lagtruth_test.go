package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/metrics"
)

// account is what a ledger knows of one subject: what was begun may have happened, what is done has.
type account struct {
	publishing, published, acking, acked atomic.Int64
	ended                                sync.Map // ids of captures that a worker was done with
}

// bounds are the least and the most captures that were in the stream between two moments.
type bounds struct{ published, acked int64 }

// ledger is the truth about the captures of a test: it hears of each when it is published and when it is acknowledged.
type ledger struct {
	subjects []string
	accounts map[string]*account
}

func newLedger(subjects int) *ledger {
	l := &ledger{accounts: map[string]*account{}}
	for i := range subjects {
		subject := captureSubject("truth", fmt.Sprintf("s%02d", i))
		l.subjects = append(l.subjects, subject)
		l.accounts[subject] = &account{}
	}
	return l
}

// total is the number of captures in the stream, as far as is known at this moment.
func (l *ledger) total() (n int64) {
	for _, a := range l.accounts {
		n += a.published.Load() - a.acked.Load()
	}
	return n
}

func (l *ledger) certain() map[string]bounds {
	now := map[string]bounds{}
	for subject, a := range l.accounts {
		now[subject] = bounds{a.published.Load(), a.acked.Load()}
	}
	return now
}

// publish stores rate captures a second, one subject in five as often as the rest together, until n are stored.
func (l *ledger) publish(t *testing.T, conn *jetstream.Conn, n int, rate float64) {
	random := rand.New(rand.NewPCG(1, 2))
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	p := conn.NewPublisher(0)
	defer p.Wait()
	for range n {
		subject := l.subjects[random.IntN(len(l.subjects))]
		if random.IntN(2) == 0 {
			subject = l.subjects[random.IntN(len(l.subjects)/5)]
		}
		a := l.accounts[subject]
		a.publishing.Add(1)
		err := p.Publish(t.Context(), subject, messages.NewCaptureID(), make([]byte, 2000), func(_ jetstream.Stored, err error) {
			if err != nil {
				t.Errorf("publish: %v", err)
			}
			a.published.Add(1)
		})
		if err != nil {
			t.Error(err)
		}
		<-ticker.C
	}
}

// work takes captures off the stream as a worker with four lanes does, until ctx ends.
func (l *ledger) work(ctx context.Context, t *testing.T, conn *jetstream.Conn) {
	source, err := conn.NewSource(ctx, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 4})
	if err != nil {
		t.Error(err)
		return
	}
	defer source.Close()
	var lanes sync.WaitGroup
	for range 4 {
		lanes.Go(func() {
			for {
				d, err := source.Next(ctx)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("Next: %v", err)
					}
					return
				}
				began := time.Now()
				time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // the work
				a := l.accounts[d.Subject]
				a.acking.Add(1) // before another worker, which may have one that was taken out of turn, too, can acknowledge it
				_, again := a.ended.LoadOrStore(d.Header["Nats-Msg-Id"][0], true)
				if again {
					a.acking.Add(-1)
				}
				if err := d.Ack(context.WithoutCancel(ctx)); err != nil {
					t.Errorf("Ack: %v", err)
				}
				if !again {
					a.acked.Add(1)
				}
				source.Observe(time.Since(began))
			}
		})
	}
	lanes.Wait()
}

// lagReader polls as the exporter does and reads what Prometheus would.
type lagReader struct {
	exporter *exporter
	registry *prometheus.Registry
}

func newLagReader(t *testing.T, conn *jetstream.Conn) *lagReader {
	r := &lagReader{registry: prometheus.NewRegistry()}
	r.exporter = &exporter{conn: conn, topology: jetstream.DefaultTopology(), collector: metrics.NewLag(r.registry, 1000), options: quickExporter, log: quietLog()}
	r.exporter.collector.Lead()
	return r
}

// read takes one reading; metrics of subjects are by subject, the others by name.
func (r *lagReader) read(t *testing.T) (lag, other map[string]float64) {
	t.Helper()
	r.exporter.poll(t.Context())
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	lag, other = map[string]float64{}, map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "foxhunt_subject_lag_captures" {
				lag[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			} else if len(m.GetLabel()) == 0 {
				other[family.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	if other["foxhunt_lag_up"] != 1 {
		t.Fatal("the lag could not be read")
	}
	return lag, other
}

// TestLagIsTheTruth compares the lag in the metrics with a ledger while four workers run: with a backlog that nobody
// touches and when all is done it must be exact for every subject, and while captures come and go each subject's must lie
// between the least and the most that the ledger allows for the time of the reading.
func TestLagIsTheTruth(t *testing.T) {
	h := newHouse(t)
	l := newLedger(50)
	reader := newLagReader(t, h.server.Connect(t))

	l.publish(t, h.conn, 400, 2000)
	l.wantExactly(t, reader, 400)

	ctx, cancel := context.WithCancel(t.Context())
	var workers, station sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range 4 {
		conn := h.server.Connect(t)
		workers.Go(func() { l.work(ctx, t, conn) })
	}
	const n, rate = 1200, 300
	station.Go(func() { l.publish(t, h.conn, n, rate) })
	defer station.Wait()

	var off, flying, moving []float64
	for l.total() > 0 || len(off) < 50 {
		total, inFlight, moved := l.compare(t, reader)
		off, flying, moving = append(off, total), append(flying, inFlight), append(moving, moved)
		if t.Failed() {
			return
		}
	}
	station.Wait()
	l.wantExactly(t, reader, 0)
	t.Logf("%d readings of %d subjects at %d captures/s and 4 workers: total off by %g at the median, %g at most; in flight %g at the median, %g at most; "+
		"published or settled during a reading %g at the median",
		len(off), len(l.subjects), rate, median(off), slices.Max(off), median(flying), slices.Max(flying), median(moving))
}

// compare takes a reading, and holds each subject against what the ledger knew for certain before and after it. It returns
// by how much the total differs from the ledger's, how many captures were in flight, and how many moved meanwhile.
func (l *ledger) compare(t *testing.T, reader *lagReader) (off, inFlight, moved float64) {
	t.Helper()
	before := l.certain()
	lag, other := reader.read(t)
	var sum, truth int64
	for subject, a := range l.accounts {
		published, acked := a.published.Load(), a.acked.Load()
		least, most := before[subject].published-a.acking.Load(), a.publishing.Load()-before[subject].acked
		got := int64(lag[subject])
		if got < least || got > most {
			t.Errorf("%s lags by %d; it was at least %d and at most %d", subject, got, least, most)
		}
		sum += got
		truth += published - acked
		moved += float64(published - before[subject].published + acked - before[subject].acked)
	}
	return float64(max(sum-truth, truth-sum)), other["foxhunt_consumer_in_flight_captures"], moved
}

// wantExactly wants the lag of every subject to be the ledger's when nothing moves any more, and so many captures in all. That
// takes a moment: the server removes a capture after it has confirmed the acknowledgement, of which the ledger hears later still.
func (l *ledger) wantExactly(t *testing.T, reader *lagReader, total int64) {
	t.Helper()
	var wrong []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if wrong = l.differences(t, reader, total); wrong == nil {
			return
		}
	}
	t.Errorf("while nothing moves:\n%s", strings.Join(wrong, "\n"))
}

// differences says what a reading says otherwise than the ledger, of each subject and of so many captures in all.
func (l *ledger) differences(t *testing.T, reader *lagReader, total int64) (wrong []string) {
	t.Helper()
	lag, other := reader.read(t)
	var sum int64
	for subject, a := range l.accounts {
		want := a.published.Load() - a.acked.Load()
		if got, named := lag[subject]; int64(got) != want || !named && a.published.Load() > 0 && total > 0 {
			wrong = append(wrong, fmt.Sprintf("%s lags by %g (named: %v); the truth is %d", subject, got, named, want))
		}
		sum += want
	}
	waiting := other["foxhunt_consumer_pending_captures"] + other["foxhunt_consumer_in_flight_captures"]
	gone := other["foxhunt_stream_arrived_captures_total"] - other["foxhunt_stream_completed_captures_total"]
	if dead := other["foxhunt_consumer_dead_captures"]; sum != total || int64(waiting) != total || int64(gone) != total || dead != 0 {
		wrong = append(wrong, fmt.Sprintf("%d captures by the ledger, %g with the consumer, %g by the stream's counters, %g dead; want %d", sum, waiting, gone, dead, total))
	}
	return wrong
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
