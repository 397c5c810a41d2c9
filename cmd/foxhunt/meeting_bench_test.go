package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
	"foxhunt/model/modeltest"
)

// BenchmarkMeeting sends emissions that three stations hear through the whole system in one process, as captures that meet
// and as bundles: publisher, NATS over TCP with JetStream on disk (not synced), worker, default model, and a reader of the
// fixes. Nothing comes from a cache. It reports captures per second with the queue full, the processor time of all of it per
// emission, and the latency from publishing the last capture of an emission to reading its fix, at emissionRate.
//
//	go test -run '^$' -bench Meeting -benchtime 1000x -cpu 2 ./cmd/foxhunt
func BenchmarkMeeting(b *testing.B) {
	for name, alone := range map[string]bool{"bundled": false, "met": true} {
		b.Run(name, func(b *testing.B) { benchmarkMeeting(b, alone) })
	}
}

// emissionRate, in emissions a second, is what two cores do without haste.
const emissionRate = 60

func benchmarkMeeting(b *testing.B, alone bool) {
	server := jetstreamtest.StartWith(b, jetstream.EmbeddedOptions{})
	var options workerOptions
	options.register(pflag.NewFlagSet("worker", pflag.ContinueOnError), "*.*")
	options.models.model, options.models.folder, options.cacheBytes = "grid", b.TempDir(), 0
	options.meeting.rules.Stations = []string{"a", "b", "c"}
	process := openProcess(b, benchConn(b, server), modeltest.Runtime(b), &options)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- process.run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		process.close()
	}()
	e := &emissions{traffic: newTraffic(b, server), alone: alone}
	e.send(b, 50, 0) // until every part is warm
	b.ResetTimer()
	began, used := time.Now(), processorTime(b)
	e.send(b, b.N, 0)
	took := time.Since(began).Seconds()
	b.StopTimer()
	b.ReportMetric(float64(e.captures(b.N))/took, "captures/s")
	b.ReportMetric((processorTime(b)-used).Seconds()*1e3/float64(b.N), "processor-ms/emission")
	b.ReportMetric(0, "ns/op")
	latencies := e.send(b, min(b.N, 10*emissionRate), emissionRate)
	b.ReportMetric(float64(latencies[len(latencies)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(latencies[len(latencies)*95/100])/1e6, "p95-ms")
}

// processorTime is what this process has used of the processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// emissions are traffic of which each capture is published alone, or as a bundle.
type emissions struct {
	*traffic
	alone bool
	sent  int
}

func (e *emissions) captures(emissions int) int {
	if e.alone {
		return emissions * len(e.capture.Receivers)
	}
	return emissions
}

// send publishes n emissions at a rate (0: as fast as they are stored) and returns the sorted times from when each was due,
// or from when its last capture was published, to when its fix was read.
func (e *emissions) send(b *testing.B, n int, rate float64) []time.Duration {
	due, first := make(chan time.Time, n), e.sent+1
	go func() {
		began := time.Now()
		for i := range n {
			if rate > 0 {
				time.Sleep(time.Until(began.Add(time.Duration(float64(i) / rate * 1e9))))
			}
			e.sent++
			e.capture.Event = fmt.Sprint(e.sent)
			data := e.next(b)
			if e.alone {
				e.publishAlone(b)
			} else {
				e.publish(b, "abc", e.capture.ID, data)
			}
			due <- time.Now()
		}
	}()
	return e.collectEvents(b, first, n, due)
}

func (e *emissions) publish(b *testing.B, source, id string, data []byte) {
	err := e.publisher.Publish(b.Context(), "captures.bench."+source, id, data, func(_ jetstream.Stored, err error) {
		if err != nil {
			b.Error(err)
		}
	})
	if err != nil {
		b.Error(err)
	}
}

func (e *emissions) publishAlone(b *testing.B) {
	for _, r := range e.capture.Receivers {
		c := e.capture
		c.ID, c.Receivers = messages.NewCaptureID(), []messages.Receiver{r}
		data, err := c.Encode(nil)
		if err != nil {
			b.Error(err)
			return
		}
		e.publish(b, r.Station, c.ID, data)
	}
}

func (e *emissions) collectEvents(b *testing.B, first, n int, due <-chan time.Time) (latencies []time.Duration) {
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	read := map[string]time.Time{}
	for len(read) < n {
		message, err := e.fixes.Next(ctx)
		if err != nil {
			b.Fatalf("%d of %d fixes came: %v", len(read), n, err)
		}
		var fix messages.Fix
		if err := json.Unmarshal(message.Body, &fix); err != nil {
			b.Fatal(err)
		}
		if e.alone && len(fix.Receivers) != len(e.capture.Receivers) {
			b.Fatalf("a fix of %d receivers", len(fix.Receivers))
		}
		read[fix.Event] = time.Now()
	}
	for i := range n {
		latencies = append(latencies, max(0, read[fmt.Sprint(first+i)].Sub(<-due)))
	}
	slices.Sort(latencies)
	return latencies
}
