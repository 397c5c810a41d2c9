package jetstream_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// BenchmarkSweep is one look of a reaper at 10,000 captures that wait, of which none was given up.
func BenchmarkSweep(b *testing.B) {
	_, c := start(b)
	publish(b, c, "captures.net.a", 10_000, 1000)
	r := jetstream.NewTestReaper(c, jetstream.DefaultTopology(), "w1", 0, func(string) { b.Error("something was buried") })
	for b.Loop() {
		if err := r.Look(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeadLetters lists dead letters with bodies of 27 KB by a reason that none has, and deletes them.
func BenchmarkDeadLetters(b *testing.B) {
	const n = 2000
	_, c := start(b)
	topo := jetstream.DefaultTopology()
	j := jetStream(b, c.Server())
	letter := &messages.DeadLetter{Subject: "captures.net.a", Reason: "bad_rate", Sentence: "rx[1].rate is 0", Worker: "w", Time: time.Now(), Body: make([]byte, 27_000)}
	body, headers := letter.Encode()
	fill := func() {
		for range n {
			if _, err := j.PublishMsgAsync(&nats.Msg{Subject: "dead.captures.net.a", Header: headers, Data: body}); err != nil {
				b.Fatal(err)
			}
		}
		<-j.PublishAsyncComplete()
	}
	each := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/letter") }
	fill()
	for _, f := range []struct {
		name   string
		filter jetstream.DeadFilter
	}{{"List", jetstream.DeadFilter{Reason: "none"}}, {"ListStation", jetstream.DeadFilter{Station: "none"}}} {
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				if got := list(b, c, f.filter); len(got) != 0 {
					b.Fatalf("%d were listed", len(got))
				}
			}
			each(b)
		})
	}
	b.Run("Purge", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill()
			b.StartTimer()
			if err := c.PurgeDead(b.Context(), topo, jetstream.DeadFilter{}, func(jetstream.Dead) {}); err != nil {
				b.Fatal(err)
			}
		}
		each(b)
	})
}
