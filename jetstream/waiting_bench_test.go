package jetstream_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
// captures come again, how many never did, and what the waiting ones take: the server's memory, and the consumer's state on disk.
//
//	go test ./jetstream -run '^$' -bench Waiting -benchtime 1x
func BenchmarkWaiting(b *testing.B) {
	for _, waiting := range []int{0, 30_000, 100_000} {
		for _, pace := range []int{50, 200, 1000} { // captures/s
			for _, way := range []string{"delay", "timer"} {
				b.Run(fmt.Sprintf("%d/%d-a-second/%s", waiting, pace, way), func(b *testing.B) {
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
	memory   float64 // bytes that the waiting captures take
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
	before := heap()
	for got := 0; got < waiting; {
		batch, err := w.consumer.Fetch(min(1000, waiting-got), js.FetchMaxWait(10*time.Second))
		if err != nil {
			b.Fatal(err)
		}
		for range batch.Messages() {
			got++
		}
	}
	w.memory = float64(heap()) - float64(before)
	return w
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// flow has captures come at a pace, and each come again once.
func (w *waitBench) flow(b *testing.B, pace int, way string) {
	messages, err := w.consumer.Messages(js.PullMaxMessages(500))
	if err != nil {
		b.Fatal(err)
	}
	end := time.AfterFunc(benchFlow+3*benchWait, messages.Stop)
	defer end.Stop()
	before, began := cpu(), time.Now()
	published := make(chan int, 1)
	go func() { published <- w.publish(b, began, pace) }()
	first := map[uint64]time.Time{}
	var late []time.Duration
	for {
		msg, err := messages.Next()
		if errors.Is(err, js.ErrMsgIteratorClosed) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			b.Fatal(err)
		}
		if at, again := first[meta.Sequence.Stream]; again {
			late = append(late, time.Since(at)-benchWait)
			err = msg.Ack()
		} else {
			first[meta.Sequence.Stream] = time.Now()
			err = handBack(msg, way)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	w.report(b, cpu()-before, time.Since(began), <-published, late)
}

// publish publishes captures until benchFlow has passed, and returns how many.
func (w *waitBench) publish(b *testing.B, began time.Time, pace int) (n int) {
	for ; time.Since(began) < benchFlow; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(pace))))
		if err := w.conn.PublishPlain("captures.net.b", make([]byte, 1000)); err != nil {
			b.Error(err)
		}
	}
	return n
}

func handBack(msg js.Msg, way string) error {
	if way == "delay" {
		return msg.NakWithDelay(benchWait)
	}
	time.AfterFunc(benchWait, func() { _ = msg.Nak() }) // one that is lost is told by what never came again
	return nil
}

func (w *waitBench) report(b *testing.B, used, took time.Duration, published int, late []time.Duration) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*used.Seconds()/took.Seconds(), "%cpu")
	b.ReportMetric(float64(published-len(late)), "never")
	if slices.Sort(late); len(late) > 0 {
		b.ReportMetric(late[len(late)/2].Seconds()*1000, "ms-late-p50")
		b.ReportMetric(late[len(late)*99/100].Seconds()*1000, "ms-late-p99")
	}
	state, err := os.Stat(filepath.Join(w.dir, "jetstream", "$G", "streams", "CAPTURES", "obs", "workers", "o.dat"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(state.Size())/1e6, "MB-state")
	b.ReportMetric(w.memory/1e6, "MB-memory")
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
