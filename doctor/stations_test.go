package doctor

import (
	"errors"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func TestLetters(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	letter := func(sequence uint64, reason, sentence string) {
		t.Helper()
		_, err := d.conn.PublishDead(soon(t), sequence, &messages.DeadLetter{
			Subject: "captures.net.a", Reason: reason, Sentence: sentence, Deliveries: 1, Worker: "w", Time: time.Now(), Body: []byte("x"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	letter(1, "bad_rate", "rx[0].rate is 0")
	letter(2, "null_island", "rx[0].lat and rx[0].lon are both 0: station north was never told its place")
	letter(3, "bad_rate", "rx[0].rate is 0")
	all := examine(t, d.options())
	all.want(t, "dead_letters", Warning, "3 dead letters in the last hour, 3 in the last day: bad_rate 2, null_island 1")
	all.want(t, "station_position", Warning, "station north was never told its place (dead letter of captures.net.a)")

	// of older ones, which cannot be stored
	old := Letters{Reasons: map[string]int{}}
	now := time.Now()
	for dead, err := range d.conn.DeadLetters(soon(t), d.options().Topology, jetstream.DeadFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		dead.Stored = now.Add(-2 * time.Hour)
		old.count(dead, now)
	}
	wantOf(t, checkLetters(&Facts{Letters: Fact[Letters]{Value: old}}), "dead_letters", Info, "0 dead letters in the last hour, 3 in the last day")
	old.Capped = true
	wantOf(t, checkLetters(&Facts{Letters: Fact[Letters]{Value: old}}), "dead_letters", Info, "at least 3 in the last day")
}

func TestNoFixes(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	examine(t, d.options()).want(t, "fixes", Info, "FIXES holds no fix")
	d.publish(t, "fixes.net.a", []byte("no fix"))
	examine(t, d.options()).want(t, "fixes", Info, "FIXES holds no fix")
}

func TestStationClock(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	at := func(offset time.Duration) func(*messages.Fix) {
		return func(f *messages.Fix) { f.Time = messages.InstantOf(time.Now().Add(offset)) }
	}
	d.publishFix(t, "now", at(-time.Minute))
	d.publishFix(t, "ahead", at(time.Hour))
	d.publishFix(t, "old", at(-48*time.Hour))
	d.publish(t, "captures.net.waiting", capture(t, time.Now().Add(90*time.Second)))
	all := examine(t, d.options())
	all.want(t, "station_clock", Warning, "net/ahead +3.6e+03 s", "net/waiting +90 s")
	wantOf(t, all["station_clock"][1:], "station_clock", Info, "net/old -2 days")
	if len(all["station_clock"]) != 2 {
		t.Errorf("%+v", all["station_clock"])
	}
}

func TestResiduals(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	for i := range 2 * leastFixes {
		d.publishFix(t, "a", func(f *messages.Fix) {
			f.Receivers[1].Used = i%2 == 0 // half of the time, which is no fault yet
			f.Receivers[2].Used, f.Receivers[2].Residual = i == 0, -0.0031-1e-6*float64(i)
		})
	}
	all := examine(t, d.options())
	all.want(t, "station_residual", Warning, "station net/c was left out of 9 of its last 10 fixes", "median residual -3.1")
	if len(all["station_residual"]) != 1 {
		t.Errorf("%+v", all["station_residual"])
	}
	few := deploy(t, good)
	few.publishFix(t, "a", func(f *messages.Fix) { f.Receivers[0].Used = false })
	examine(t, few.options()).want(t, "station_residual", OK, "of 3 stations 0 have fixes enough")
}

func TestPositions(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.publish(t, "captures.net.lost", nowhere(capture(t, time.Now())))
	examine(t, d.options()).want(t, "station_position", Warning, "station a was never told its place waiting on captures.net.lost")
}

// Nothing can be stored an hour ago, so silence is judged alone.
func TestSilent(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := &Facts{}
	f.Fixes.Value = Fixes{Read: now, Last: map[string]time.Time{"fixes.net.a": now.Add(-time.Minute), "fixes.net.b": now.Add(-3 * time.Hour)}}
	wantOf(t, checkSilent(f), "station_silent", Info, "1 of 2 sources are silent: net.b for 3h0m0s")
	d := deploy(t, good)
	d.publishFix(t, "a", func(*messages.Fix) {})
	examine(t, d.options()).want(t, "station_silent", OK, "all 1 sources")
}

func TestWorkerClock(t *testing.T) {
	t.Parallel()
	for offset, want := range map[time.Duration]Severity{2 * time.Minute: Warning, -2 * time.Minute: Warning, -2 * time.Second: OK} {
		d := deploy(t, good)
		d.publishFix(t, "a", func(f *messages.Fix) { f.Timestamp = messages.InstantOf(time.Now().Add(offset)) })
		examine(t, d.options()).want(t, "worker_clock", want)
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{0: "+0 µs", -2e-5: "-20 µs", 0.25: "+250 ms", -30: "-30 s", 864000: "+10 days"} {
		if got := seconds(s); got != want {
			t.Errorf("%g is %q, want %q", s, got, want)
		}
	}
	if median(nil) != 0 || median([]float64{3, 1, 2}) != 2 {
		t.Error("the median is wrong")
	}
	if got := some([]string{"1", "2", "3", "4", "5", "6", "7", "8"}); got != "1, 2, 3, 4, 5, 6 and 2 more" {
		t.Error(got)
	}
}

// Whatever cannot be seen is unknown by at least one rule, and an error by none.
func TestUnseen(t *testing.T) {
	lost := errors.New("lost")
	f := &Facts{Hello: Fact[Hello]{Value: Hello{Host: "127.0.0.1", AuthRequired: true, MaxPayload: 9 << 20, Version: "2.15.2"}}}
	unseen(f, lost)
	f.Account.Err, f.Varz.Err, f.Redis.Err, f.Runtime.Err = nil, lost, notAsked("lost"), notAsked("lost")
	f.Account.Value = &js.AccountInfo{}
	m := &f.Machine
	m.Files.Err, m.Disk.Err, m.Processors.Err, m.Clock.Err = lost, lost, lost, lost
	all := findings{}
	for _, finding := range Check(f) {
		all[finding.Code] = append(all[finding.Code], finding)
		if finding.Bad() {
			t.Errorf("%+v", finding)
		}
	}
	for _, code := range []string{"nats_sync", "nats_store", "stream_missing", "workers", "dead_letters", "fixes", "redis", "onnx_runtime",
		"files_limit", "disk", "processors", "clock_sync"} {
		all.want(t, code, Unknown, "lost")
	}
}
