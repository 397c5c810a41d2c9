package dsp

import "math"

const (
	// A frame is at least this many times the largest lag, so that two frames cut at the same time hold
	// mostly the same emission. Where the capture is too short for that, it is one frame by itself.
	lagsPerFrame = 8

	// Frames by the rule are no longer than the longest of these three (rounded up to a power of two):
	// longer ones resolve nothing more and only cost.
	longFrame        = 8192  // samples
	longFrameSeconds = 0.064 // clocks that are off by up to 32 ms are then found
	longFrameLags    = 16

	// Frames shorter than this resolve too little of the spectrum: the capture is then one frame, too.
	shortFrame = 1024 // samples

	// What many receivers may cost, in points of transforms (2^26 are about two seconds of a processor): those of
	// all pairs to lags, those of pairs that are cut again, and those that compare two bands.
	maxWork             = 1 << 26
	maxRecutWork        = 1 << 25
	maxSignificanceWork = 1 << 24

	// The single frame of a short capture rises and falls over this fraction of it and is padded with zeros to
	// at least 1.75 times its length, so that lags up to 3/4 of it do not wrap.
	taperFraction = 0.25
	padding       = 1.75
)

// framing is how a grid's samples are cut into frames.
type framing struct {
	samples int // of the grid
	length  int // samples of a frame
	size    int // points of its transform, an even number; more than length where zeros are added
	count   int
	whole   bool // one tapered frame rather than periodic Hann ones
}

// start returns the first sample of frame k. Frames are spread evenly from the first to the last sample, half
// a frame apart or a little less.
func (f framing) start(k int) int {
	if f.count == 1 {
		return (f.samples - f.length) / 2
	}
	return k * (f.samples - f.length) / (f.count - 1)
}

// padRatio is how much finer than the frame's own resolution the bins lie.
func (f framing) padRatio() float64 { return float64(f.size) / float64(f.length) }

// maxLag is the largest lag, in samples, that is told from its aliases.
func (f framing) maxLag() float64 {
	if f.whole {
		return 0.75 * float64(f.length)
	}
	return 0.5 * float64(f.length)
}

// newFraming applies the rule for frames ("long rather than many"), or cuts frames of a given length
// when that is not 0. The largest lag expected is reach samples. Where one frame of the whole capture would be too
// long to transform for every pair, frames are as long as the reach needs, or as that bound lets them be.
func newFraming(samples int, rate, reach float64, frameLength, pairs int) (framing, error) {
	if frameLength != 0 {
		if samples < frameLength {
			return framing{}, refuse("too_short", "%d common samples; frame_length is %d", samples, frameLength)
		}
		return hannFraming(samples, frameLength), nil
	}
	most := largestFrame(pairs)
	longest := max(longFrame, longFrameSeconds*rate, longFrameLags*reach)
	length := powerOfTwoUpTo(min(samples/2, int(min(longest, float64(most)))*2-1))
	if float64(length) >= lagsPerFrame*reach && length >= shortFrame {
		return hannFraming(samples, length), nil
	}
	if f := wholeFraming(samples); f.size <= most {
		return f, nil
	}
	for float64(length) < 2*reach && 2*length <= min(samples, most) {
		length *= 2
	}
	return hannFraming(samples, length), nil
}

// largestFrame is the largest transform of a frame, such that those of all pairs to lags, each twice as long,
// stay within maxWork.
func largestFrame(pairs int) int {
	return powerOfTwoUpTo(max(shortFrame, min(maxFrameLength, maxWork/(2*pairs))))
}

func hannFraming(samples, length int) framing {
	f := framing{samples: samples, length: length, size: length, count: 1}
	if rest := samples - length; rest > 0 {
		hop := length / 2
		f.count = 1 + (rest+hop-1)/hop
	}
	return f
}

func wholeFraming(samples int) framing {
	size := 1
	for float64(size) < padding*float64(samples) {
		size *= 2
	}
	return framing{samples: samples, length: samples, size: size, count: 1, whole: true}
}

// powerOfTwoUpTo returns the largest power of two that is at most n, n >= 1.
func powerOfTwoUpTo(n int) int {
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// taper is a frame's window with alternating sign, which puts frequency 0 of an FFT in the middle. It is made
// anew only when the frame changes.
type taper struct {
	window []float32
	whole  bool
}

func (t *taper) of(f framing) []float32 {
	if len(t.window) == f.length && t.whole == f.whole {
		return t.window
	}
	t.whole = f.whole
	w := grow(&t.window, f.length)
	shape := hannShape
	if f.whole {
		shape = tukeyShape
	}
	for j := range w {
		w[j] = float32(shape(float64(j) / float64(f.length)))
		if j%2 == 1 {
			w[j] = -w[j]
		}
	}
	return w
}

func hannShape(u float64) float64 {
	s := math.Sin(math.Pi * u)
	return s * s
}

// tukeyShape is flat with a raised cosine over taperFraction/2 at either end.
func tukeyShape(u float64) float64 {
	edge := min(u, 1-u) / (taperFraction / 2)
	if edge >= 1 {
		return 1
	}
	return hannShape(edge / 2)
}

// overlapTable holds integrals of a window's shape w(u) against itself shifted by x, for x = 0 .. 1.
type overlapTable struct {
	first  []float64 // int w(u) w(u+x) du / int w^2: what a lag of x frames leaves of a correlation
	second []float64 // int w^2(u) w^2(u+x) du / (int w^2)^2
}

const overlapSteps = 512

func newOverlapTable(shape func(u float64) float64) overlapTable {
	w := make([]float64, overlapSteps)
	power := 0.0
	for j := range w {
		w[j] = shape((float64(j) + 0.5) / overlapSteps)
		power += w[j] * w[j]
	}
	t := overlapTable{first: make([]float64, overlapSteps+2), second: make([]float64, overlapSteps+2)}
	for shift := range overlapSteps {
		for j := range overlapSteps - shift {
			p := w[j] * w[j+shift]
			t.first[shift] += p / power
			t.second[shift] += p * p / (power * power) * overlapSteps
		}
	}
	return t
}

func interpolateTable(table []float64, x float64) float64 {
	x = math.Abs(x) * overlapSteps
	if !(x < overlapSteps) {
		return 0
	}
	i := int(x)
	return table[i] + (x-float64(i))*(table[i+1]-table[i])
}

// averages is the number of independent spectra that the frames' averaged power stands for.
func (f framing) averages(t *overlapTable) float64 {
	n := float64(f.count)
	hop := f.hop()
	sum := n
	for j := 1.0; j < n && j*hop < 1; j++ {
		shared := interpolateTable(t.first, j*hop)
		sum += 2 * (n - j) * shared * shared
	}
	return n * n / sum
}

// hop is the distance of frames in frames.
func (f framing) hop() float64 {
	return float64(f.samples-f.length) / max(1, float64(f.count-1)) / float64(f.length)
}

// effectiveSamples is the number of independent samples that remain of the frames' windowing:
// (sum W)^2 / sum W^2, with W(t) the sum of the squared windows that cover sample t. It is at once the number
// that sets the noise of a correlation and the one that sets the error of a delay.
func (f framing) effectiveSamples(t *overlapTable) float64 {
	n := float64(f.count)
	hop := f.hop()
	sum := n * t.second[0]
	for j := 1.0; j < n && j*hop < 1; j++ {
		sum += 2 * (n - j) * interpolateTable(t.second, j*hop)
	}
	return n * n / sum * float64(f.length)
}
