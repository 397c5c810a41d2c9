package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// BenchmarkWaiting measures what captures cost that wait for companions: so many are with workers that never settle them,
// beside them captures come at a pace and are each handed back once, to come again 2 s later, by a Nak with that delay, or by one
// without after a timer of the worker's. It tells the share of a processor that client and server take together, how late
// captures come again, and the consumer's state on disk.
//
//	go test ./jetstream -run '^$' -bench Waiting -benchtime 1x
func BenchmarkWaiting(b *testing.B) {
	for _, waiting := range []int{0, 30_000, 100_000} {
		for _, pace := range []int{50, 200, 1000} {
			for _, way := range []string{"delay", "timer"} {
				b.Run(fmt.Sprintf("%d/%dps/%s", waiting, pace, way), func(b *testing.B) {
					for range b.N {
						w := newWaitBench(b, waiting)
						w.flow(b, pace, way)
					}
				})
			}
		}
	}
}

type waitBench struct {
	conn     *jetstream.Conn
	consumer js.Consumer
	dir      string
}

const (
	benchWait = 2 * time.Second
	benchFlow = 8 * time.Second
)

// newWaitBench has waiting captures delivered and not settled.
func newWaitBench(b *testing.B, waiting int) *waitBench {
	w := &waitBench{dir: b.TempDir()}
	s := jetstreamtest.StartWith(b, jetstream.EmbeddedOptions{StoreDir: w.dir})
	w.conn = connect(b, jetstream.Options{URL: s.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Captures.MaxMsgsPerSubject, topo.Workers.MaxAckPending, topo.Workers.AckWait = 1_000_000, 200_000, 10*time.Minute
	if _, err := w.conn.Ensure(b.Context(), topo); err != nil {
		b.Fatal(err)
	}
	publish(b, w.conn, "captures.net.a", waiting, 1000)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	api, err := js.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	if w.consumer, err = api.Consumer(b.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers); err != nil {
		b.Fatal(err)
	}
	for got := 0; got < waiting; {
		batch, err := w.consumer.Fetch(min(1000, waiting-got), js.FetchMaxWait(10*time.Second))
		if err != nil {
			b.Fatal(err)
		}
		for range batch.Messages() {
			got++
		}
	}
	return w
}

func (w *waitBench) flow(b *testing.B, pace int, way string) {
	ctx, cancel := context.WithTimeout(b.Context(), benchFlow+benchWait+time.Second)
	defer cancel()
	messages, err := w.consumer.Messages(js.PullMaxMessages(500))
	if err != nil {
		b.Fatal(err)
	}
	go func() { <-ctx.Done(); messages.Stop() }()
	before, began := cpu(), time.Now()
	go func() {
		for i := 0; time.Since(began) < benchFlow; i++ {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(pace))))
			w.conn.PublishPlain("captures.net.b", make([]byte, 1000))
		}
	}()
	first := map[uint64]time.Time{}
	var late []time.Duration
	for {
		msg, err := messages.Next()
		if err != nil {
			break
		}
		meta, _ := msg.Metadata()
		if meta.NumDelivered > 1 {
			late = append(late, time.Since(first[meta.Sequence.Stream])-benchWait)
			msg.Ack()
			continue
		}
		first[meta.Sequence.Stream] = time.Now()
		if way == "delay" {
			msg.NakWithDelay(benchWait)
		} else {
			time.AfterFunc(benchWait, func() { msg.Nak() })
		}
	}
	b.ReportMetric(100*(cpu()-before).Seconds()/time.Since(began).Seconds(), "%cpu")
	slices.Sort(late)
	if len(late) > 0 {
		b.ReportMetric(late[len(late)/2].Seconds()*1000, "p50-late-ms")
		b.ReportMetric(late[len(late)*99/100].Seconds()*1000, "p99-late-ms")
	}
	b.ReportMetric(float64(len(first)-len(late)), "never")
	state, err := os.Stat(filepath.Join(w.dir, "jetstream", "$G", "streams", "CAPTURES", "obs", "workers", "o.dat"))
	if err == nil {
		b.ReportMetric(float64(state.Size())/1e6, "state-MB")
	}
	b.ReportMetric(0, "ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var _ = json.Marshal
var _ sync.Mutex
