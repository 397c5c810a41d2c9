package cutter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/receiver"
)

const (
	rate   = 12001.0843 // Hz, the true one
	second = int64(time.Second)
	begin  = 1_597_301_540*second + 216_333_777 // 2020-08-13T06:52:20.2Z
)

var (
	info = receiver.Info{Format: messages.CI16, SampleRate: 12000, Frequency: 77500}
	here = messages.Receiver{Station: "A", Latitude: 45, Longitude: 7, Altitude: 300, Gain: 3}
)

// feed is a receiver of which every sample holds its number, taken at begin + number / rate.
type feed struct {
	next      int64
	frequency float64
	value     func(n int64) uint32 // of a sample; nil: its number
}

func newFeed() *feed { return &feed{frequency: 77500} }

// block is the next samples; skip are lost before them.
func (f *feed) block(samples, skip int64) receiver.Block {
	f.next += skip
	b := receiver.Block{Start: truth(f.next), Rate: rate, Sigma: 110, Frequency: f.frequency, NewRun: skip > 0 || f.next == 0, Lost: int(skip)}
	for range samples {
		value := uint32(f.next)
		if f.value != nil {
			value = f.value(f.next)
		}
		b.IQ = binary.LittleEndian.AppendUint32(b.IQ, value)
		f.next++
	}
	return b
}

// truth is when sample n was taken, ns since the Unix epoch.
func truth(n int64) int64 { return begin + int64(math.Round(float64(n)*1e9/rate)) }

func newCutter(t *testing.T, o Options) *Cutter {
	t.Helper()
	o.Receiver = here
	c, err := New(info, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check holds a capture of numbered samples against what it must be: all samples of [from, to) and no others, in order, with the
// first one's time to the nanosecond.
func check(t *testing.T, c *messages.Capture, from, to int64) {
	t.Helper()
	rx := &c.Receivers[0]
	first := int64(binary.LittleEndian.Uint32(rx.IQ))
	last := first + int64(rx.Samples()) - 1
	for i := range rx.Samples() {
		if n := int64(binary.LittleEndian.Uint32(rx.IQ[4*i:])); n != first+int64(i) {
			t.Fatalf("%s: sample %d is number %d, want %d", c.Event, i, n, first+int64(i))
		}
	}
	if off := rx.StartTime - truth(first); off < -1 || off > 1 {
		t.Errorf("%s: t0 is off by %d ns", c.Event, off)
	}
	if truth(first) < from-1 || truth(first-1) >= from || truth(last) >= to || truth(last+1) < to-1 {
		t.Errorf("%s: samples %d to %d, from %d to %d; want those from %d to %d", c.Event, first, last, truth(first), truth(last), from, to)
	}
	if rx.Station != "A" || rx.Latitude != 45 || rx.Gain != 3 || rx.SampleRate != rate || rx.ClockSigma != 110 || rx.Format != messages.CI16 || !c.Cache {
		t.Errorf("%s: the receiver is %+v", c.Event, rx.Station)
	}
	c.ID = messages.NewCaptureID()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// Whatever the blocks' lengths and however often samples are lost: each whole tick between two gaps becomes one capture, which has the
// right samples at the right times, and nothing else does.
func TestScheduleIsExact(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		every := []time.Duration{5 * time.Second, time.Second, 300 * time.Millisecond, 1500 * time.Millisecond}[random.IntN(4)]
		length := []time.Duration{every, every / 2, every * 4 / 5, time.Millisecond}[random.IntN(4)]
		c, f := newCutter(t, Options{Schedule: Schedule{every, length}}), newFeed()
		var runs [][2]int64 // first and last number
		var captures []*messages.Capture
		for f.next < 40*12000 {
			skip := int64(0)
			if random.IntN(200) == 0 {
				skip = 1 + random.Int64N(30_000)
			}
			if skip > 0 || f.next == 0 {
				runs = append(runs, [2]int64{f.next + skip, 0})
			}
			captures = append(captures, c.Add(f.block(1+random.Int64N(5000), skip))...)
			runs[len(runs)-1][1] = f.next - 1
		}
		var want []int64 // ticks
		for _, run := range runs {
			from := (truth(run[0])-2)/int64(every)*int64(every) + int64(every)
			for tick := from; truth(run[1]+1) >= tick+int64(length); tick += int64(every) {
				want = append(want, tick)
			}
		}
		if len(captures) != len(want) || c.Captures().Scheduled != uint64(len(want)) {
			t.Fatalf("seed %d: %d captures of %v every %v, want %d", seed, len(captures), length, every, len(want))
		}
		for i, tick := range want {
			check(t, captures[i], tick, tick+int64(length))
			if event := "77500-" + time.Unix(0, tick).UTC().Format("20060102T150405.999999999Z"); captures[i].Event != event || captures[i].Frequency != 77500 {
				t.Errorf("event %s of %g Hz, want %s", captures[i].Event, captures[i].Frequency, event)
			}
		}
	}
}

// A better estimate of time holds for the samples that came before it.
func TestTheLastLineCounts(t *testing.T) {
	c, f := newCutter(t, Options{Schedule: Schedule{5 * time.Second, time.Second}}), newFeed()
	var captures []*messages.Capture
	for len(captures) == 0 {
		b := f.block(600, 0)
		if rest := (begin/5/second+1)*5*second - b.Start; rest > -second/2 { // until half of the capture is there
			b.Start += 3_000_000
			b.Rate = 12000
		}
		captures = c.Add(b)
	}
	from := (begin/5/second + 1) * 5 * second
	check(t, captures[0], from, from+second)
}

// A clock that is set back does not end the schedule, and one that goes on by little repeats nothing.
func TestClockSet(t *testing.T) {
	c, f := newCutter(t, Options{Schedule: Schedule{time.Second, 100 * time.Millisecond}}), newFeed()
	count := func(blocks int, shift int64) (events []string) {
		for i := range blocks {
			b := f.block(1200, 0)
			b.Start += shift + int64(i%2)*2_000_000
			for _, capture := range c.Add(b) {
				events = append(events, capture.Event)
			}
		}
		return events
	}
	for _, shift := range []int64{0, -3600 * second, 3600 * second} {
		events := count(100, shift)
		slices.Sort(events)
		if n := len(slices.Compact(slices.Clone(events))); n != len(events) || n < 9 || n > 13 { // what is still kept has other times, too
			t.Errorf("shifted by %d s: %d captures of %d events in 10 s", shift/second, len(events), n)
		}
	}
}

// Samples of another frequency are none of the old one's capture, even where nothing was lost.
func TestRetune(t *testing.T) {
	c, f := newCutter(t, Options{Schedule: Schedule{5 * time.Second, 5 * time.Second}}), newFeed()
	var captures []*messages.Capture
	for range 20 {
		captures = append(captures, c.Add(f.block(6000, 0))...)
	}
	f.frequency = 60000
	for range 40 {
		captures = append(captures, c.Add(f.block(6000, 0))...)
	}
	var events []string
	for _, capture := range captures {
		events = append(events, capture.Event)
	}
	if want := []string{"77500-20200813T065225Z", "60000-20200813T065235Z", "60000-20200813T065240Z", "60000-20200813T065245Z"}; !slices.Equal(events, want) {
		t.Errorf("events %v, want %v", events, want)
	}
	c.End()
	if made := c.Captures(); made.Missed != 2 { // that of the retune, and the last, of which not all has come
		t.Errorf("%+v", made)
	}
}

// Requests of the future, of what is kept, and of what begins in the one and ends in the other.
func TestRequests(t *testing.T) {
	c, f := newCutter(t, Options{Keep: 5 * time.Second}), newFeed()
	ask := func(from int64, length time.Duration) error {
		return c.Request(Request{Event: fmt.Sprint(from), Frequency: 77500, At: time.Unix(0, from), Length: length})
	}
	add := func(blocks int) (captures []*messages.Capture) {
		for range blocks {
			captures = append(captures, c.Add(f.block(1200, 0))...)
		}
		return captures
	}
	for _, from := range []int64{-second, second} {
		if err := ask(time.Now().UnixNano()+from, time.Second); code(err) != messages.AnswerNoSamples {
			t.Errorf("before the first sample: %v", err)
		}
	}
	add(200)
	now := truth(f.next)
	for _, from := range []int64{now - 3*second, now - 500_000_000, now + 2*second, now} {
		if err := ask(from, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	captures := add(60)
	if len(captures) != 4 || c.Captures().Requested != 4 {
		t.Fatalf("%d captures", len(captures))
	}
	for i, from := range []int64{now - 3*second, now - 500_000_000, now, now + 2*second} {
		check(t, captures[i], from, from+second)
		if captures[i].Event != fmt.Sprint(from) {
			t.Errorf("event %s, want %d", captures[i].Event, from)
		}
	}
	now = truth(f.next)
	if kept := c.Kept(); kept < 5*time.Second {
		t.Errorf("%v are kept", kept)
	}
	for _, c := range []struct {
		from   int64
		length time.Duration
		code   string
	}{
		{now - 3600*second, time.Second, messages.AnswerTooLate},
		{now + 2*3600*second, time.Second, messages.AnswerTooEarly},
		{now, 0, messages.AnswerTooLong},
		{now, -1, messages.AnswerTooLong},
		{now, time.Hour, messages.AnswerTooLong},
	} {
		if err := ask(c.from, c.length); code(err) != c.code {
			t.Errorf("%v from %d s on: %v; want %s", c.length, (c.from-now)/second, err, c.code)
		}
	}
	c.Add(f.block(1200, 50_000))
	if err := ask(now-second, 6*time.Second); code(err) != messages.AnswerTooLate || !strings.Contains(err.Error(), "gap") {
		t.Errorf("across a gap: %v", err)
	}
	for range MaxRequests {
		if err := ask(truth(f.next)+10*second, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(now+10*second, time.Second); code(err) != messages.AnswerBusy {
		t.Errorf("one request too many: %v", err)
	}
	c.End()
	if err := ask(now+10*second, time.Second); code(err) != messages.AnswerNoSamples {
		t.Errorf("after the last sample: %v", err)
	}
}

// What is said of the times of captures to be asked for is what the worst of them would state.
func TestSigma(t *testing.T) {
	f, c := newFeed(), newCutter(t, Options{Keep: 10 * time.Second})
	if got := c.Sigma(); got != 0 {
		t.Errorf("before the first samples: %g", got)
	}
	for _, b := range []struct{ block, want float64 }{{5e6, 5e6}, {110, 110}, {5e6, 5e6}} { // the last block's of a run counts
		block := f.block(1000, 0)
		block.Sigma = b.block
		c.Add(block)
		if got := c.Sigma(); got != b.want {
			t.Errorf("after a block of %g: %g, want %g", b.block, got, b.want)
		}
	}
	c.Add(f.block(1000, 50)) // after a gap
	if got := c.Sigma(); got != 5e6 {
		t.Errorf("what is kept from before a gap states %g; want what its captures will", got)
	}
	c.Add(f.block(c.ring.capacity(), 0))
	if got := c.Sigma(); got != 110 {
		t.Errorf("when it is forgotten: %g", got)
	}
}

// A request for another frequency is met when the receiver has been tuned to it, and missed if it was not.
func TestRequestElsewhere(t *testing.T) {
	c, f := newCutter(t, Options{Keep: time.Second}), newFeed()
	c.Add(f.block(1200, 0))
	now := truth(f.next)
	for i, frequency := range []float64{60000, 60000} {
		if err := c.Request(Request{Event: "e", Frequency: frequency, At: time.Unix(0, now+int64(2*i+1)*second), Length: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	captures := c.Add(f.block(2*12000+600, 0))
	f.frequency = 60000
	captures = append(captures, c.Add(f.block(3*12000, 0))...)
	if len(captures) != 1 || captures[0].Frequency != 60000 || c.Captures().Missed != 1 {
		t.Fatalf("%d captures, %+v", len(captures), c.Captures())
	}
	check(t, captures[0], now+3*second, now+4*second)
}

func code(err error) string {
	var refused *messages.Refusal
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

func TestOptionsRefused(t *testing.T) {
	fast := receiver.Info{Format: messages.CU8, SampleRate: 2.4e6, Frequency: 98e6}
	for _, c := range []struct {
		o     Options
		words string
	}{
		{Options{Schedule: Schedule{10 * time.Second, 2 * time.Second}}, "length: too_long: 2s at 2.4e+06 Hz is 4800000 samples of cu8; a capture holds 8388608 bytes, which is 1.747s"},
		{Options{Schedule: Schedule{time.Second, 1500 * time.Millisecond}}, "they would overlap"},
		{Options{Schedule: Schedule{time.Second, 0}}, "is not a sample"},
		{Options{Schedule: Schedule{-time.Second, time.Second}}, "overlap"},
		{Options{Schedule: Schedule{time.Nanosecond, time.Nanosecond}}, "a capture every 1ns; want one every 10ms at most"},
		{Options{Schedule: Schedule{LeastEvery - 1, time.Millisecond}}, "want one every 10ms at most"},
		{Options{Keep: -1}, "kept"},
		{Options{Trigger: &Trigger{Level: -30}}, "is not a sample"},
		{Options{Trigger: &Trigger{Level: -30, Length: time.Second, Before: time.Second}}, "less than its length"},
		{Options{Trigger: &Trigger{Level: 30, Length: time.Second}}, "30 dBFS"},
		{Options{Trigger: &Trigger{Level: math.NaN(), Length: time.Second}}, "dBFS"},
		{Options{Trigger: &Trigger{Level: 0, AboveFloor: true, Length: time.Second}}, "above the noise floor"},
		{Options{Trigger: &Trigger{Level: -30, Length: time.Second, HoldOff: -1}}, "hold-off"},
	} {
		if _, err := New(fast, c.o); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v; want %q", c.o, err, c.words)
		}
	}
	if _, err := New(receiver.Info{Format: "x"}, Options{}); err == nil {
		t.Error("an unknown format")
	}
	c, err := New(fast, Options{Schedule: Schedule{10 * time.Second, 1747 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if most := len(c.ring.buf); most > 20<<20 {
		t.Errorf("the ring has %d bytes", most)
	}
}

// The longest capture that is accepted fits into a message.
func TestLongestCapture(t *testing.T) {
	c, err := New(info, Options{Receiver: here, Schedule: Schedule{time.Hour, 174 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(info, Options{Schedule: Schedule{time.Hour, 175 * time.Second}}); err == nil {
		t.Error("175 s of 12 kHz fit into a capture")
	}
	f := newFeed()
	f.next = 3600 * 12001
	var captures []*messages.Capture
	for range 2400 {
		captures = append(captures, c.Add(f.block(24000, 0))...)
		if len(captures) > 0 {
			break
		}
	}
	captures[0].ID = messages.NewCaptureID()
	captures[0].Session = strings.Repeat("x", messages.MaxTextBytes)
	if data, err := captures[0].Encode(nil); err != nil || len(data) < messages.MaxCaptureBytes*98/100 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func BenchmarkAdd(b *testing.B) {
	fast := receiver.Info{Format: messages.CU8, SampleRate: 2.4e6, Frequency: 98e6}
	c, err := New(fast, Options{Receiver: here, Schedule: Schedule{10 * time.Second, time.Second}, Trigger: &Trigger{Level: -3, Length: time.Second}, Keep: 10 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	block := receiver.Block{IQ: make([]byte, 64<<10), Start: begin, Rate: 2.4e6, Frequency: 98e6}
	b.SetBytes(int64(len(block.IQ)))
	for b.Loop() {
		c.Add(block)
		block.Start += int64(float64(len(block.IQ)/2) * 1e9 / block.Rate)
	}
}
