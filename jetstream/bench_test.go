package jetstream_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// BenchmarkPath sends captures all the way: publish, pull, publish a fix of 1 KB, acknowledge. Publisher, server and
// worker share the machine.
func BenchmarkPath(b *testing.B) {
	for _, v := range []struct {
		name                string
		size                int
		tcp, sync, fixAsync bool
	}{
		{"27KB/in-process", 27_000, false, false, false},
		{"27KB/tcp", 27_000, true, false, false},
		{"27KB/tcp/sync-always", 27_000, true, true, false},
		{"27KB/tcp/sync-always/fixes-async", 27_000, true, true, true},
		{"1.15MB/tcp", 1_150_000, true, false, false},
		{"8MB/tcp", 8 << 20, true, false, false},
	} {
		b.Run(v.name, func(b *testing.B) {
			server := jetstreamtest.StartWith(b, jetstream.EmbeddedOptions{SyncAlways: v.sync})
			topo := jetstream.DefaultTopology()
			if v.fixAsync {
				topo.Fixes.PersistMode = js.AsyncPersistMode
			}
			conn := func() *jetstream.Conn {
				if v.tcp {
					return connect(b, jetstream.Options{URL: server.ClientURL()})
				}
				return connect(b, jetstream.Options{Embedded: server.Embedded})
			}
			c := conn()
			if _, err := c.Ensure(b.Context(), topo); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(v.size))
			runPath(b, c, conn(), topo, v.size)
		})
	}
}

func runPath(b *testing.B, station, worker *jetstream.Conn, topo jetstream.Topology, size int) {
	const lanes = 16
	source, err := worker.NewSource(b.Context(), topo, jetstream.SourceOptions{Concurrency: lanes})
	if err != nil {
		b.Fatal(err)
	}
	defer source.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(b.N))
	body := make([]byte, 1000)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range lanes {
		wg.Go(func() {
			for {
				d, err := source.Next(ctx)
				if err != nil {
					return
				}
				began := time.Now()
				if _, err := worker.PublishFix(ctx, "fixes.net.a", fmt.Sprint(d.StreamSequence), "application/json", body); err != nil {
					b.Error(err)
				}
				if err := d.Ack(ctx); err != nil {
					b.Error(err)
				}
				source.Observe(time.Since(began))
				if left.Add(-1) == 0 {
					cancel()
				}
			}
		})
	}
	p := station.NewPublisher(0)
	data := make([]byte, size)
	for i := range b.N {
		p.Publish(ctx, fmt.Sprintf("captures.net.s%d", i%7), fmt.Sprintf("%p-%d", b, i), data, func(_ jetstream.Stored, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	p.Wait()
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captures/s")
}
