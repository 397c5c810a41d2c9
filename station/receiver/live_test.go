package receiver

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

var liveOptions = Options{Format: messages.CI16, SampleRate: 250e3, Frequency: 98.1e6, Latency: 10 * time.Millisecond, Sigma: 20 * time.Millisecond}

// numbered is samples [from, to) that hold their own number.
func numbered(from, to int64) []byte {
	var iq []byte
	for n := from; n < to; n++ {
		iq = binary.LittleEndian.AppendUint32(iq, uint32(n))
	}
	return iq
}

// played is what came of a live source: the numbers of the samples, with a time each, run by run.
type played struct {
	blocks []Block
	first  []int64 // number of each block's first sample
	bytes  []byte
}

// play feeds a live source with samples as a path delivers them; those of lost are not sent. Chunks are torn at random places.
func play(t *testing.T, l *live, p path, length time.Duration, lost func(n int64) bool) (got played) {
	t.Helper()
	base := time.Now()
	random := rand.New(rand.NewPCG(7, 1))
	var sent int64
	var rest []byte
	p.arrivals(length, func(n int64, since time.Duration) {
		if lost == nil || !lost(n) {
			rest = append(rest, numbered(sent, n)...)
		}
		sent = n
		torn := len(rest)
		if random.IntN(3) == 0 {
			torn -= random.IntN(min(5, len(rest)+1))
		}
		if err := l.add(rest[:torn], base.Add(since)); err != nil {
			t.Fatal(err)
		}
		rest = append([]byte(nil), rest[torn:]...)
		if b, ok := l.block(); ok {
			b.Start, b.IQ = b.Start-base.UnixNano(), bytes.Clone(b.IQ)
			got.blocks = append(got.blocks, b)
			got.bytes = append(got.bytes, b.IQ...)
			got.first = append(got.first, int64(binary.LittleEndian.Uint32(b.IQ)))
		}
	})
	return got
}

func TestLiveTimesEverySample(t *testing.T) {
	l := newLive(liveOptions)
	p := path{rate: 250e3, error: 40e-6, chunk: 8000, delay: exponential(4, 2*time.Millisecond)}
	got := play(t, l, p, 30*time.Second, nil)
	if len(got.blocks) < 100 || !got.blocks[0].NewRun || got.blocks[0].Lost != 0 {
		t.Fatalf("%d blocks, the first %+v", len(got.blocks), got.blocks[0].NewRun)
	}
	if want := numbered(0, int64(len(got.bytes)/4)); !bytes.Equal(got.bytes, want) {
		t.Error("the samples are not those that were sent")
	}
	n := int64(0)
	for i, b := range got.blocks {
		truth := float64(n)*1e9/(p.rate*(1+p.error)) - float64(liveOptions.Latency)
		if off := float64(b.Start) - truth; math.Abs(off) > b.Sigma || b.Sigma < float64(liveOptions.Sigma) || b.Sigma > 1.5*float64(liveOptions.Sigma) {
			t.Fatalf("block %d, sample %d, numbered %d, at %d, is off by %g ns, and says %g", i, n, got.first[i], b.Start, off, b.Sigma)
		}
		if i > 0 && b.NewRun || b.Frequency != 98.1e6 {
			t.Fatalf("block %d is %+v", i, b)
		}
		n += int64(len(b.IQ) / 4)
	}
}

// A delay that is caught up with loses nothing.
func TestLiveStall(t *testing.T) {
	l := newLive(liveOptions)
	p := path{rate: 250e3, chunk: 8000, delay: func(taken time.Duration) time.Duration {
		return max(0, 12500*time.Millisecond-taken) * time.Duration(min(1, taken/(10*time.Second))) // from 10 s to 12.5 s
	}}
	got := play(t, l, p, 20*time.Second, nil)
	if want := numbered(0, int64(len(got.bytes)/4)); !bytes.Equal(got.bytes, want) || len(got.bytes) < 4*19*250e3 {
		t.Errorf("%d bytes came, not all that were sent", len(got.bytes))
	}
	for _, b := range got.blocks[1:] {
		if b.NewRun || b.Lost > 0 {
			t.Fatal("a stall was taken for a gap")
		}
	}
}

// Samples that are lost end the run; no block has samples from both sides of the gap, and those that follow have their true time.
func TestLiveLoss(t *testing.T) {
	l := newLive(liveOptions)
	p := path{rate: 250e3, chunk: 8000, delay: exponential(5, time.Millisecond)}
	const gap, back = 2_000_000, 2_025_000 // 0.1 s
	got := play(t, l, p, 20*time.Second, func(n int64) bool { return n > gap && n <= back })
	lost, runs := 0, 0
	for i, b := range got.blocks {
		first, end := got.first[i], got.first[i]+int64(len(b.IQ)/4)
		if first <= gap && end > gap+8000 {
			t.Fatalf("a block has samples %d to %d, over the gap", first, end)
		}
		if !bytes.Equal(b.IQ, numbered(first, end)) {
			t.Fatalf("a block has not the samples %d to %d", first, end)
		}
		truth := float64(first)*1e9/p.rate - float64(liveOptions.Latency)
		if off := float64(b.Start) - truth; math.Abs(off) > float64(5*time.Millisecond) {
			t.Fatalf("sample %d is off by %g ns", first, off)
		}
		if b.NewRun {
			runs++
			lost += b.Lost
		}
	}
	given := len(got.bytes) / 4
	if runs != 2 || math.Abs(float64(lost+given)-20*250e3) > 8*8000 {
		t.Errorf("%d runs, %d samples, %d lost; want 2, and all of %d", runs, given, lost, int(20*250e3))
	}
}

// A loss too short to be seen is in what the blocks say of their times, if what is said of the latency leaves it to that.
func TestLiveSmallLoss(t *testing.T) {
	o := liveOptions
	o.Sigma = 20 * time.Microsecond
	l := newLive(o)
	p := path{rate: 250e3, chunk: 800, delay: exponential(6, time.Millisecond)}
	const gap, back = 8_000_000, 8_001_000 // 4 ms, after 32 s
	got := play(t, l, p, 90*time.Second, func(n int64) bool { return n > gap && n <= back })
	far := 0
	for i, b := range got.blocks {
		truth := float64(got.first[i])*1e9/p.rate - float64(o.Latency)
		if math.Abs(float64(b.Start)-truth) > 3*b.Sigma {
			far++
		}
	}
	if share := float64(far) / float64(len(got.blocks)); share > 0.05 {
		t.Errorf("%.1f %% of the blocks are further off than three times what they say", 100*share)
	}
}

func TestLiveTooFast(t *testing.T) {
	l := newLive(liveOptions)
	base := time.Now()
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = l.add(make([]byte, 100_000), base.Add(time.Duration(i)*time.Millisecond))
	}
	if err == nil || !strings.Contains(err.Error(), "at 250000 Hz came within") || !strings.Contains(err.Error(), "given as a file") {
		t.Errorf("samples at a hundred times the rate: %v", err)
	}
}

// Samples whose time stays unknown do not fill the memory.
func TestLiveHoldsLittle(t *testing.T) {
	l := newLive(liveOptions)
	base := time.Now()
	at := time.Duration(0)
	for i := range 2000 {
		at += 32 * time.Millisecond
		if i == 100 {
			at += 2900 * time.Millisecond // then all at once
		}
		if i > 100 && i < 1000 {
			at -= 31 * time.Millisecond
		}
		if err := l.add(make([]byte, 32000), base.Add(at)); err != nil {
			return // too fast is an end, too
		}
		if len(l.held) > l.bytes(mostHeld)+32000 {
			t.Fatalf("%d bytes are held", len(l.held))
		}
		l.block()
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		words  string
	}{
		{func(o *Options) { o.Format = "cu9" }, "cu9"},
		{func(o *Options) { o.SampleRate = 10 }, "1 kHz"},
		{func(o *Options) { o.SampleRate = math.NaN() }, "1 kHz"},
		{func(o *Options) { o.Frequency = 0 }, "frequency"},
		{func(o *Options) { o.Latency = -1 }, "latency"},
		{func(o *Options) { o.Sigma = time.Hour }, "standard deviation"},
	} {
		o := liveOptions
		c.change(&o)
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// stalled is a way on which everything waits from 30 s on for so long, and then comes at once, in order.
func stalled(stall time.Duration, seed uint64) func(time.Duration) time.Duration {
	usual := exponential(seed, 500*time.Microsecond)
	return func(taken time.Duration) time.Duration {
		if from := 30 * time.Second; taken > from && taken < from+stall {
			return from + stall - taken + time.Duration(taken-from)/500 // 4 s within 8 ms
		}
		return usual(taken)
	}
}

// A stall of seconds after which all comes at once, as rtl_tcp keeps what it cannot send, is no recording and no loss: the sample clock
// is known as well as before, and what is given up is only what there is no memory for.
func TestLiveBacklog(t *testing.T) {
	for _, stall := range []time.Duration{3500 * time.Millisecond, 5 * time.Second, 20 * time.Second, time.Minute} {
		o := liveOptions
		o.Sigma = 0
		l := newLive(o)
		p := path{rate: 250e3, error: 30e-6, chunk: 8000, delay: stalled(stall, 8)}
		got := play(t, l, p, 60*time.Second+stall, nil)
		runs, lost := 0, 0
		for i, b := range got.blocks {
			truth := float64(got.first[i])*1e9/(p.rate*(1+p.error)) - float64(o.Latency)
			if off := float64(b.Start) - truth; got.first[i] > 5*250e3 && (math.Abs(off) > float64(time.Millisecond) || b.Sigma > float64(time.Millisecond)) {
				t.Fatalf("%v: sample %d is off by %g ns, and says %g", stall, got.first[i], off, b.Sigma)
			}
			if b.NewRun {
				runs++
				lost += b.Lost
			}
		}
		all := int((60*time.Second + stall).Seconds() * p.rate * (1 + p.error))
		if given := len(got.bytes) / 4; all-given-lost > 16000 || all < given+lost {
			t.Errorf("%v: %d samples given and %d lost of %d", stall, given, lost, all)
		}
		if runs > 2 || lost > int(stall.Seconds()*p.rate) || stall < mostHeld && lost > 0 {
			t.Errorf("%v: %d runs, and %d samples lost", stall, runs, lost)
		}
	}
}

// A stall that loses samples, and is followed by a backlog: once all that waited has come, what is missing is known.
func TestLiveBacklogWithLoss(t *testing.T) {
	l := newLive(liveOptions)
	p := path{rate: 250e3, chunk: 8000, delay: stalled(10*time.Second, 9)}
	const gap, back = 31 * 250_000, 36 * 250_000 // 5 s
	got := play(t, l, p, time.Minute, func(n int64) bool { return n > gap && n <= back })
	runs := 0
	for i, b := range got.blocks {
		first, end := got.first[i], got.first[i]+int64(len(b.IQ)/4)
		if first <= gap && end > gap+8000 {
			t.Fatalf("a block has samples %d to %d, over the gap", first, end)
		}
		truth := float64(first)*1e9/p.rate - float64(liveOptions.Latency)
		if off := float64(b.Start) - truth; math.Abs(off) > float64(5*time.Millisecond) {
			t.Fatalf("sample %d is off by %g ns", first, off)
		}
		if b.NewRun {
			runs++
		}
	}
	if last := got.blocks[len(got.blocks)-1]; runs != 2 || time.Duration(last.Start) < 59*time.Second {
		t.Errorf("%d runs, and the last block is of %v", runs, time.Duration(last.Start))
	}
}
