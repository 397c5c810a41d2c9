package jetstream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// flood is one station that sends 50 times as much as each of ten others, to workers that can serve less than all of it.
type flood struct {
	backlog  int           // captures of the flooding station that wait already
	rate     int           // captures a second of each other station
	duration time.Duration // of sending
	workers  int
	lanes    int           // of each worker
	service  time.Duration // that a capture takes in its lane
	inTurn   bool          // without overtaking
	all      bool          // it serves until all captures of the others are served
	size     int
}

// served says how long captures waited, from their PubAck to a lane.
type served struct {
	sent   int // by the others
	before int // the flooder's that were served before all had been sent

	mu              sync.Mutex
	others, flooder []time.Duration
	overtaken       uint64
}

const flooder = "captures.net.flooder"

func (f flood) capacity() float64 { return float64(f.workers*f.lanes) / f.service.Seconds() }

// run sends, serves for as long as it sends plus a second, or until all of the others are served, and then stops.
func (f flood) run(t testing.TB) *served {
	t.Helper()
	srv := jetstreamtest.Start(t)
	station := srv.Connect(t)
	topo := jetstream.DefaultTopology()
	if f.inTurn {
		topo.Claims.Bucket = "none" // nothing can be claimed
	}
	publish(t, station, flooder, f.backlog, f.size)
	most := f.duration + time.Second
	if f.all {
		most = 5 * patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	result := &served{}
	var lanes, stations sync.WaitGroup
	for range f.workers {
		s := newSource(t, srv.Connect(t), topo, jetstream.SourceOptions{Concurrency: f.lanes})
		s.Observe(f.service)
		for range f.lanes {
			lanes.Go(func() { f.serve(ctx, t, s, result) })
		}
		defer func() { result.overtaken += s.Stats().Overtaken }()
	}
	var sent, flooded atomic.Int64
	for i := range 10 {
		stations.Go(func() { f.send(t, station, fmt.Sprintf("captures.net.st%d", i), f.rate, &sent) })
	}
	stations.Go(func() { f.send(t, station, flooder, 50*f.rate, &flooded) })
	stations.Wait()
	if result.sent = int(sent.Load()); f.all {
		result.before = result.count(true)
		result.awaitOthers(ctx)
		cancel()
	}
	lanes.Wait()
	return result
}

// serve is a lane.
func (f flood) serve(ctx context.Context, t testing.TB, s *jetstream.Source, result *served) {
	for {
		d, err := s.Next(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		time.Sleep(f.service)
		if err := d.Ack(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		s.Observe(time.Since(began))
		result.add(d.Subject, began.Sub(d.Timestamp))
	}
}

func (r *served) add(subject string, waited time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if subject == flooder {
		r.flooder = append(r.flooder, waited)
	} else {
		r.others = append(r.others, waited)
	}
}

// awaitOthers waits until as many captures of the others are served as were sent, or ctx ends.
func (r *served) awaitOthers(ctx context.Context) {
	for r.count(false) < r.sent && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// count is how many are served, of the flooder's or of the others'.
func (r *served) count(flooders bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if flooders {
		return len(r.flooder)
	}
	return len(r.others)
}

// send publishes at a rate, and counts what is stored.
func (f flood) send(t testing.TB, c *jetstream.Conn, subject string, rate int, stored *atomic.Int64) {
	p := c.NewPublisher(0)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for sent := 0; time.Since(began) < f.duration; <-tick.C {
		for ; sent < int(time.Since(began).Seconds()*float64(rate)); sent++ {
			id := fmt.Sprintf("%s/%d/%d", subject, sent, began.UnixNano())
			err := p.Publish(t.Context(), subject, id, make([]byte, f.size), func(_ jetstream.Stored, err error) {
				switch {
				case err == nil:
					stored.Add(1)
				case !strings.Contains(err.Error(), jetstream.CodeStationOverLimit):
					t.Error(err)
				}
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	p.Wait()
}

// quantile of the waiting times; of nothing it is an hour.
func quantile(waits []time.Duration, q float64) time.Duration {
	if len(waits) == 0 {
		return time.Hour
	}
	slices.Sort(waits)
	return waits[int(q*float64(len(waits)-1))]
}

// TestFloodDoesNotStarveTheOthers is BenchmarkFairness in short, without its measure of time: in turn none of the others would be
// served before the whole backlog, so once all are sent all of them must be before half of it.
func TestFloodDoesNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	f := flood{backlog: 4000, rate: 10, duration: 3 * time.Second, workers: 2, lanes: 2, service: 10 * time.Millisecond, size: 1000, all: true}
	got := f.run(t)
	said := fmt.Sprintf("others: %d of %d served, waiting p50 %v p95 %v; flooder: %d served, %d before all were sent; %d taken out of turn",
		len(got.others), got.sent, quantile(got.others, 0.5), quantile(got.others, 0.95), len(got.flooder), got.before, got.overtaken)
	t.Log(said)
	if len(got.others) < got.sent || len(got.flooder)-got.before > f.backlog/2 {
		t.Errorf("the others wait behind the flood: %s", said)
	}
	if len(got.flooder) < len(got.others)/8 {
		t.Errorf("the flooding station starves: %s", said)
	}
}

// lags makes subjects of which so many captures wait.
func lags(counts ...uint64) map[string]uint64 {
	m := map[string]uint64{}
	for i, n := range counts {
		m[fmt.Sprint(i)] = n
	}
	return m
}

func TestOvertakersDidNotCauseTheBacklog(t *testing.T) {
	t.Parallel()
	many := func(n int, each uint64, more ...uint64) map[string]uint64 {
		for range n {
			more = append(more, each)
		}
		return lags(more...)
	}
	for name, c := range map[string]struct {
		lags         map[string]uint64
		light, heavy int
	}{
		"nobody":                       {lags(), 0, 0},
		"one":                          {lags(1000), 0, 1},
		"all alike":                    {many(1000, 10), 0, 1000},
		"one floods":                   {many(10, 3, 10_000), 10, 1},
		"one floods, others have many": {many(100, 60, 10_000), 100, 1},
		"ten flood":                    {many(1000, 3, 900, 1000, 1100, 900, 1000, 1100, 900, 1000, 1100, 900), 1000, 10},
		"two of much the same":         {lags(10_000, 6_000), 0, 2},
	} {
		if light, heavy := jetstream.Overtakers(c.lags); len(light) != c.light || heavy != c.heavy {
			t.Errorf("%s: %d may overtake %d, want %d and %d", name, len(light), heavy, c.light, c.heavy)
		}
	}
}

// BenchmarkFairness prints how long the captures of ten stations wait beside one that sends 50 times as much, and what share
// of the workers that one gets: with overtaking, and with everything served in turn.
//
//	go test ./jetstream/ -run '^$' -bench Fairness -benchtime 1x
func BenchmarkFairness(b *testing.B) {
	overload := flood{rate: 10, duration: 8 * time.Second, workers: 1, lanes: 4, service: 16 * time.Millisecond, size: 27_000}
	backlog := overload
	backlog.backlog = 9_900
	for _, v := range []struct {
		name    string
		flood   flood
		workers int
	}{{"overload", overload, 1}, {"overload", overload, 2}, {"backlog", backlog, 1}, {"backlog", backlog, 2}} {
		for _, inTurn := range []bool{true, false} {
			f := v.flood
			f.workers, f.lanes, f.inTurn = v.workers, f.lanes/v.workers, inTurn
			name := fmt.Sprintf("%s/%d-workers/%s", v.name, v.workers, map[bool]string{true: "in-turn", false: "overtaking"}[inTurn])
			b.Run(name, func(b *testing.B) {
				for range b.N {
					got := f.run(b)
					b.ReportMetric(quantile(got.others, 0.5).Seconds(), "p50-s")
					b.ReportMetric(quantile(got.others, 0.95).Seconds(), "p95-s")
					b.ReportMetric(quantile(got.others, 0.99).Seconds(), "p99-s")
					b.ReportMetric(float64(len(got.others))/(100*f.duration.Seconds()), "others-served")
					b.ReportMetric(float64(len(got.flooder))/float64(len(got.flooder)+len(got.others)), "flooder-share")
					b.ReportMetric(float64(len(got.flooder)+len(got.others))/f.capacity()/(f.duration+time.Second).Seconds(), "use")
					b.ReportMetric(float64(got.overtaken), "overtaken")
				}
			})
		}
	}
}
