package receiver

import (
	"fmt"
	"math"
	"time"

	"foxhunt/messages"
)

// What is believed of a live source's fixed delay where its owner has not measured it.
const (
	DefaultLatency = 10 * time.Millisecond // from the antenna to this program, at the least
	DefaultSigma   = 20 * time.Millisecond // standard deviation of that
)

const (
	settled    = time.Second     // a line is believed after so long
	lostAfter  = 3 * time.Second // of arrivals that are late and get no earlier: samples were lost
	mostHeld   = 6 * time.Second // of samples whose time is not known yet: more than rtl_tcp's fall behind until it is left, see silence
	mostAhead  = 2 * time.Second // of samples that came before they can have been taken
	aheadShare = 0.01
)

// Options are what every live source needs to be told.
type Options struct {
	Format     messages.SampleFormat
	SampleRate float64       // Hz, nominal
	Frequency  float64       // Hz
	Latency    time.Duration // the constant delay that is taken off all times
	Sigma      time.Duration // standard deviation of Latency
}

func (o Options) validate() error {
	switch {
	case o.Format.BytesPerSample() == 0:
		return fmt.Errorf("the sample format is %.32q; want cu8, ci8, ci16_le or cf32_le", string(o.Format))
	case !(o.SampleRate >= messages.MinSampleRate && o.SampleRate <= messages.MaxSampleRate):
		return fmt.Errorf("the sample rate is %g Hz; want 1 kHz to 100 MHz", o.SampleRate)
	case !(o.Frequency > 0 && o.Frequency <= messages.MaxFrequency):
		return fmt.Errorf("the frequency is %g Hz; want more than 0 and at most 300 GHz", o.Frequency)
	case o.Latency < 0 || o.Latency > time.Minute:
		return fmt.Errorf("the latency is %v; want 0 to 1m", o.Latency)
	case o.Sigma < 0 || float64(o.Sigma) > messages.MaxClockSigma:
		return fmt.Errorf("the standard deviation of the latency is %v; want 0 to 1s", o.Sigma)
	}
	return nil
}

// live makes blocks of bytes as they arrive. Samples are held until an arrival on time shows that none were lost before it:
// a loss makes all later arrivals late, a delay only some. So a block's time is never that of samples on the other side of a
// gap. After a stall what waited on the way comes all at once, ever less late, which is no loss either.
type live struct {
	o    Options
	size int // bytes a sample
	line *timeline

	base   time.Time // the monotonic clock is counted from here
	began  time.Time // the first arrival of this source, or of this connection to it
	before int64     // samples that came since then, up to this run

	first  time.Time // of this run, in which the samples are counted: its first arrival
	came   int64     // samples of this run that came
	given  int64     // of those: before the first held
	held   []byte    // what no block has yet, and perhaps a part of a sample
	sure   int       // bytes of held that may be given out
	out    []byte    // what the last block has
	newRun bool      // the next block does not follow the last
	lost   int

	least time.Duration // how late the arrivals are, while they are
	since time.Time     // when they first were that
}

func newLive(o Options) *live {
	l := &live{o: o, size: o.Format.BytesPerSample(), line: newTimeline(o.SampleRate)}
	l.restart(0)
	return l
}

// add takes bytes that arrived at a time. The error says that they come faster than any receiver takes samples.
func (l *live) add(chunk []byte, at time.Time) error {
	if l.base.IsZero() {
		l.base = at
	}
	if l.began.IsZero() {
		l.began = at
	}
	if l.first.IsZero() {
		l.first = at
	}
	l.held = append(l.held, chunk...)
	came := l.given + int64(len(l.held)/l.size)
	if came == l.came {
		return nil // a part of a sample
	}
	l.came = came
	if err := l.tooFast(at); err != nil {
		return err
	}
	onTime := l.line.onTime()
	if late := l.line.arrived(l.came, at.Sub(l.base), at.UnixNano()); late > onTime {
		l.late(late, onTime, at)
		return nil
	}
	l.least = math.MaxInt64
	if at.Sub(l.first) >= settled {
		l.sure = len(l.held) / l.size * l.size
	}
	return nil
}

// late finds out whether samples were lost, or wait on the way.
func (l *live) late(late, onTime time.Duration, at time.Time) {
	switch {
	case late < l.least-onTime: // what waited is coming
		l.least, l.since = late, at
	case at.Sub(l.since) >= lostAfter:
		l.lose(min(late, l.least))
	}
	if len(l.held) > l.bytes(mostHeld) {
		l.lost += l.skip()
	}
}

// skip gives up the samples that are held, and returns how many; the sample clock goes on.
func (l *live) skip() (samples int) {
	samples = len(l.held) / l.size
	l.held = append(l.held[:0], l.held[samples*l.size:]...)
	l.given += int64(samples)
	l.sure, l.newRun = 0, true
	return samples
}

func (l *live) bytes(d time.Duration) int { return int(d.Seconds()*l.o.SampleRate) * l.size }

// tooFast is an error if samples come before they can have been taken. It counts all since the source began, and not only a run's:
// after a stall a run may begin in the middle of what waited.
func (l *live) tooFast(at time.Time) error {
	elapsed := at.Sub(l.began)
	length := time.Duration(float64(l.before+l.came) * 1e9 / l.o.SampleRate)
	if length-elapsed < mostAhead+time.Duration(aheadShare*float64(elapsed)) {
		return nil
	}
	return fmt.Errorf("%v of samples at %g Hz came within %v: either the rate is wrong, or this is a recording, which wants "+
		"to be given as a file", length.Round(time.Millisecond), l.o.SampleRate, elapsed.Round(time.Millisecond))
}

// lose ends the run: samples that lasted late are missing somewhere among those held, whose time is therefore not known.
func (l *live) lose(late time.Duration) { l.restart(int(late.Seconds() * l.o.SampleRate)) }

// restart begins a new run, with what of a sample has come already. lost is what is missing before it, beside those held.
func (l *live) restart(lost int) {
	l.lost += l.skip() + lost
	l.line.restart()
	l.first, l.least = time.Time{}, math.MaxInt64
	l.before += l.came
	l.came, l.given = 0, 0
}

// reconnect begins a new run with a new connection, which begins with a whole sample.
func (l *live) reconnect(lost int) {
	l.restart(lost)
	l.held = l.held[:0]
	l.began, l.before = time.Time{}, 0
}

// block gives out what is sure; ok is false where nothing is.
func (l *live) block() (b Block, ok bool) {
	if l.sure == 0 {
		return b, false
	}
	l.out = append(l.out[:0], l.held[:l.sure]...)
	l.held = append(l.held[:0], l.held[l.sure:]...)
	b = Block{
		IQ: l.out, Start: l.line.time(l.given) - int64(l.o.Latency), Sigma: math.Hypot(float64(l.o.Sigma), l.line.scatter),
		Rate: l.line.rate(), Frequency: l.o.Frequency, NewRun: l.newRun, Lost: l.lost,
	}
	l.given += int64(l.sure / l.size)
	l.sure, l.newRun, l.lost = 0, false, 0
	return b, true
}
