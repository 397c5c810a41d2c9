package dsp

import "math"

const (
	// maxDrift is by how many samples a receiver's rate may drift off the grid over the whole span before
	// it is resampled: a thousandth of a sample, far below what a delay is measured to.
	maxDrift = 1e-3

	// minGrid is the fewest common samples from which anything can be said.
	minGrid = 32

	// maxRateRatio keeps the resampler's kernel within memory.
	maxRateRatio = 1e6
)

// Signal is what one receiver recorded.
type Signal struct {
	Re, Im     []float32
	SampleRate float64 // Hz, the true one
	StartTime  int64   // ns since the Unix epoch of the first sample
}

// Grid holds the samples of several receivers over their common time span at one rate, the lowest of theirs.
//
// Sample k of receiver i was taken at StartTime + Offset[i] + k/SampleRate. A receiver whose own rate is the
// grid's is cut at a whole sample, its slices alias the Signal's, and the remainder (at most half a sample)
// is its Offset; the others are resampled with an Offset of 0. A Grid belongs to its Aligner and is
// overwritten by the next Align.
type Grid struct {
	SampleRate float64     // Hz
	StartTime  int64       // ns since the Unix epoch
	Re, Im     [][]float32 // [R][samples]
	Offset     []float64   // [R] s
}

// Samples returns the number of samples of each receiver.
func (g *Grid) Samples() int {
	if len(g.Re) == 0 {
		return 0
	}
	return len(g.Re[0])
}

// Aligner puts receivers onto one time grid. It keeps its buffers and serves one goroutine at a time.
type Aligner struct {
	resampler *resampler
	grid      Grid
	buffer    []float32 // of those that were resampled
}

// NewAligner returns an Aligner.
func NewAligner() *Aligner { return &Aligner{resampler: newResampler()} }

// Align cuts the receivers to their common time span and brings them to the lowest of their rates. A receiver
// of another rate (by more than a thousandth of a sample over the span) is interpolated with a Kaiser-windowed
// sinc: content within 80 % of the grid's band keeps its amplitude to 2e-4 and its delay to 1e-3 of a sample.
//
// Errors: bad_shape (no receiver, or real and imaginary parts that differ in length), bad_rate, no_overlap
// (a receiver that ends before another begins), too_short (fewer than 32 common samples). Samples are not
// looked at: NaNs pass through.
func (a *Aligner) Align(in []Signal) (*Grid, error) {
	if err := checkSignals(in); err != nil {
		return nil, err
	}
	rate, err := lowestRate(in)
	if err != nil {
		return nil, err
	}
	start, n, err := a.span(in, rate)
	if err != nil {
		return nil, err
	}
	a.fill(in, rate, start, n)
	return &a.grid, nil
}

func checkSignals(in []Signal) error {
	if len(in) == 0 {
		return refuse("bad_shape", "no receivers to align")
	}
	for i, s := range in {
		if len(s.Re) != len(s.Im) {
			return refuse("bad_shape", "rx[%d] has %d real and %d imaginary parts", i, len(s.Re), len(s.Im))
		}
		if !(s.SampleRate >= 1 && s.SampleRate <= 1e12) {
			return refuse("bad_rate", "rx[%d].rate is %g; want 1 Hz to 1 THz", i, s.SampleRate)
		}
	}
	return nil
}

func lowestRate(in []Signal) (float64, error) {
	lowest, highest := 0, 0
	for i := range in {
		if in[i].SampleRate < in[lowest].SampleRate {
			lowest = i
		}
		if in[i].SampleRate > in[highest].SampleRate {
			highest = i
		}
	}
	if in[highest].SampleRate > maxRateRatio*in[lowest].SampleRate {
		return 0, refuse("bad_rate", "rx[%d].rate is %g and rx[%d].rate is %g; want rates within a factor of %g",
			lowest, in[lowest].SampleRate, highest, in[highest].SampleRate, maxRateRatio)
	}
	return in[lowest].SampleRate, nil
}

// shifted says whether a receiver's rate is so near the grid's that a whole-sample cut will do.
func shifted(s *Signal, rate float64) bool {
	return (s.SampleRate/rate-1)*float64(len(s.Re)) < maxDrift
}

// span finds the common time span: its start (ns since the epoch, on a whole ns) and its length in samples of
// the grid. Times are compared as integers and as seconds after the earliest start, because a float64 holds
// today's nanoseconds since 1970 only to 256 ns.
func (a *Aligner) span(in []Signal, rate float64) (start int64, n int, err error) {
	origin := in[0].StartTime
	for _, s := range in[1:] {
		origin = min(origin, s.StartTime)
	}
	begin, end := 0.0, math.Inf(1)
	beginner, ender := 0, 0
	for i := range in {
		s := &in[i]
		// Unsigned, so that times at the two ends of the range cannot overflow.
		t0 := float64(uint64(s.StartTime)-uint64(origin)) * 1e-9
		margin := 0.0
		if !shifted(s, rate) {
			margin = float64(a.resampler.margin(s.SampleRate / rate))
		}
		if b := t0 + margin/s.SampleRate; b > begin {
			begin, beginner = b, i
		}
		if e := t0 + (float64(len(s.Re)-1)-margin)/s.SampleRate; e < end {
			end, ender = e, i
		}
	}
	if end < begin && ender != beginner {
		return 0, 0, refuse("no_overlap", "rx[%d] ends %.6g s after the earliest start, before rx[%d] begins at %.6g s",
			ender, end, beginner, begin)
	}
	beginNS := math.Ceil(begin * 1e9)
	start = int64(uint64(origin) + uint64(beginNS))
	samples := math.Floor((end-beginNS*1e-9)*rate+maxDrift) + 1
	for i := range in { // rounding may leave one sample less
		s := &in[i]
		first, length, ratio := samplesUntil(s, start), float64(len(s.Re)), s.SampleRate/rate
		if shifted(s, rate) {
			samples = min(samples, length-math.Round(first))
		} else { // a thousandth of the grid's sample is many of a receiver that is thousands of times as fast
			samples = min(samples, math.Floor((length-float64(a.resampler.margin(ratio))-first-maxDrift)/ratio)+1)
		}
	}
	if samples < minGrid {
		return 0, 0, refuse("too_short", "rx[%d] begins at %.6g s and rx[%d] ends at %.6g s after the earliest start: "+
			"%d common samples at %g Hz; want at least %d", beginner, begin, ender, end, max(0, int(samples)), rate, minGrid)
	}
	return start, int(samples), nil
}

// samplesUntil is the place of a time among a signal's samples.
func samplesUntil(s *Signal, start int64) float64 {
	return float64(uint64(start)-uint64(s.StartTime)) * 1e-9 * s.SampleRate
}

func (a *Aligner) fill(in []Signal, rate float64, start int64, n int) {
	g := &a.grid
	g.SampleRate, g.StartTime = rate, start
	grow(&g.Re, len(in))
	grow(&g.Im, len(in))
	grow(&g.Offset, len(in))
	resampled := 0
	for i := range in {
		if !shifted(&in[i], rate) {
			resampled++
		}
	}
	free := grow(&a.buffer, 2*resampled*n)
	for i := range in {
		s := &in[i]
		first := samplesUntil(s, start)
		if shifted(s, rate) {
			cut := int(math.Round(first))
			g.Re[i], g.Im[i] = s.Re[cut:cut+n], s.Im[cut:cut+n]
			// Taken at the middle of the span, so that what little drift there is halves.
			middle := float64(n) / 2
			g.Offset[i] = (float64(cut)-first)/s.SampleRate + middle*(1/s.SampleRate-1/rate)
			continue
		}
		g.Offset[i] = 0
		g.Re[i], g.Im[i], free = free[:n:n], free[n:2*n:2*n], free[2*n:]
		a.resampler.resample(g.Re[i], g.Im[i], s.Re, s.Im, first, s.SampleRate/rate)
	}
}
