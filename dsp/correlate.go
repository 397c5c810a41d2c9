package dsp

import (
	"math"
	"slices"
)

// A pair whose lag is more than this share of a frame is cut again, so that the frames of both hold the same
// emission. A capture of one frame has no others to average over what they do not share.
const (
	recutShare      = 1.0 / 32
	recutShareWhole = 1.0 / 256
)

// Correlation holds the correlations of all P pairs of a capture, pair (0,1) first, then (0,2), ...
// A lag is positive when the signal reaches the second receiver of the pair later. Correlate grows the slices
// once and reuses them.
type Correlation struct {
	Pairs            int
	CrossCorrelation []float32 // [P, C, L] 0..1, channels in the configuration's order
	Lag              []float32 // [P, L] s
	LagWindow        []float32 // [P] s, W: the lags that make sense are within +-W
	Bandwidth        []float32 // [P] Hz, B
	TimeBandwidth    []float32 // [P] N, independent samples
	FullPeak         []float32 // [P, 2]: value and lag (s) of the peak over every lag that is not ambiguous
}

// Correlator correlates the receivers of a Grid pair by pair. Analyse comes first, then Correlate. It keeps its
// plans and buffers and serves one goroutine at a time.
//
// The correlation of receivers a and b over the occupied bins f of all frames is
//
//	rho(tau) = |sum conj(X_a) X_b exp(j 2 pi f tau)| / sqrt(sum |X_a|^2 sum |X_b|^2) / r(tau)
//
// with r the share of a frame's power that two frames have in common when one is late by tau; the phase
// transform is the mean of conj(X_a) X_b / |X_a X_b|.
type Correlator struct {
	cfg     CorrelationConfig
	plans   map[int]*FFT
	kernel  *sincKernel
	hann    overlapTable
	tukey   overlapTable
	finder  bandFinder
	grid    *Grid
	ready   bool // the grid has been analysed
	framing framing
	band    Band
	runs    [][2]int // occupied bins
	bins    int      // number of them

	taper      taper
	recutTaper taper
	scale      []float32      // [R] what brings a receiver's largest sample to 1
	spectrum   []frameSpectra // [R] all frames, bins ascending in frequency, lines limited
	power      [][]float32    // [R][size]
	energy     []float64      // [R] over the occupied bins of all frames
	recut      [2]frameSpectra
	lags       correlogram
	phatLags   correlogram
	cross      frameSpectra
}

// frameSpectra are one or several frames' split-complex spectra, one after the other.
type frameSpectra struct{ re, im []float32 }

func (s *frameSpectra) grow(n int) {
	grow(&s.re, n)
	grow(&s.im, n)
}

// NewCorrelator returns a Correlator, or an *Error with code bad_config.
func NewCorrelator(cfg CorrelationConfig) (*Correlator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Channels = slices.Clone(cfg.Channels)
	kernel := newSincKernel(lagHalf, lagTransition)
	return &Correlator{
		cfg:      cfg,
		plans:    map[int]*FFT{},
		kernel:   kernel,
		hann:     newOverlapTable(hannShape),
		tukey:    newOverlapTable(tukeyShape),
		lags:     correlogram{kernel: kernel},
		phatLags: correlogram{kernel: kernel},
	}, nil
}

// Analyse cuts the grid into frames, transforms them and finds the occupied band. maxReach is the largest of the
// reaches that Correlate will be given (s): frames are chosen long against it. The grid must stay as it is until
// Correlate has returned.
//
// Errors: bad_shape (fewer than two receivers), bad_config (a reach that is negative or not a number, or half of
// frame_length shorter than it), bad_samples (NaN or an infinity), too_short (fewer samples than frame_length
// or 32).
func (c *Correlator) Analyse(g *Grid, maxReach float64) (Band, error) {
	if err := c.prepare(g, maxReach); err != nil {
		return Band{}, err
	}
	for i := range g.Re {
		c.transform(i)
		if !(sumFloat32(c.power[i]) <= math.MaxFloat64) {
			return Band{}, refuse("bad_samples", "rx[%d] holds NaN or infinite samples", i)
		}
	}
	c.finder.find(c.power, c.framing.averages(c.overlap()), c.framing.padRatio(), g.SampleRate/float64(c.framing.size))
	for i := range g.Re {
		c.spectrum[i].limit(c.finder.lines[i], c.framing)
	}
	c.chooseBand()
	df := g.SampleRate / float64(c.framing.size)
	middle := float64(c.framing.size / 2)
	flatness := 0.0
	for i := 1; i < len(g.Re); i++ {
		flatness = max(flatness, c.finder.flatness(0, i))
	}
	c.band = Band{
		Low:           (float64(c.runs[0][0]) - middle) * df,
		High:          (float64(c.runs[len(c.runs)-1][1]) - middle) * df,
		Bandwidth:     c.finder.spread() * df,
		TimeBandwidth: c.timeBandwidth(c.framing) * flatness,
	}
	c.ready = true
	return c.band, nil
}

// chooseBand takes the bins that are certainly occupied. Where none are, those that are likely to be or all that
// pass the receivers, whichever correlates with the greater significance.
func (c *Correlator) chooseBand() {
	if c.finder.markCertain() {
		c.useMarked()
		return
	}
	likely := 0.0
	if c.finder.markLikely() {
		c.useMarked()
		likely = c.significance()
	}
	c.finder.markAll()
	c.useMarked()
	if likely > 0 && likely > c.significance() {
		c.finder.markLikely()
		c.useMarked()
	}
}

// useMarked takes the finder's marked cells for the occupied band.
func (c *Correlator) useMarked() {
	c.runs = c.finder.runs(c.runs[:0], c.framing.size)
	c.bins = 0
	for _, run := range c.runs {
		c.bins += run[1] - run[0]
	}
	for i := range c.grid.Re {
		c.energy[i] = 0
		for _, run := range c.runs {
			c.energy[i] += sumFloat32(c.power[i][run[0]:run[1]])
		}
	}
}

// significance is the log likelihood ratio of the pairs' highest correlations against none, the sum of
// -N ln(1 - rho^2).
func (c *Correlator) significance() float64 {
	sum := 0.0
	for a := range c.grid.Re {
		for b := a + 1; b < len(c.grid.Re); b++ {
			norm := math.Sqrt(c.energy[a] * c.energy[b])
			rho, _ := c.correlogram(ChannelCorrelation, &c.spectrum[a], &c.spectrum[b], c.framing, norm, 0).peak(math.Inf(-1), math.Inf(1))
			n := c.timeBandwidth(c.framing) * c.finder.flatness(a, b)
			sum -= n * math.Log1p(-min(rho*rho, 1-1e-9))
		}
	}
	return sum
}

// prepare checks the grid, chooses the frames and sizes the buffers.
func (c *Correlator) prepare(g *Grid, maxReach float64) error {
	r, n := len(g.Re), g.Samples()
	c.ready = false
	if r < 2 || len(g.Im) != r || len(g.Offset) != r {
		return refuse("bad_shape", "a grid of %d receivers; want at least 2", r)
	}
	for i := range g.Re {
		if len(g.Re[i]) != n || len(g.Im[i]) != n {
			return refuse("bad_shape", "rx[%d] has %d real and %d imaginary parts; rx[0] has %d", i, len(g.Re[i]), len(g.Im[i]), n)
		}
	}
	if n < minGrid {
		return refuse("too_short", "%d common samples; want at least %d", n, minGrid)
	}
	if !(maxReach >= 0) {
		return refuse("bad_config", "a reach of %g s; want 0 or more", maxReach)
	}
	// A window longer than the capture asks for no longer frames than the capture has.
	reach := min(maxReach*g.SampleRate, float64(n)/4)
	f, err := newFraming(n, g.SampleRate, reach, c.cfg.FrameLength)
	if err != nil {
		return err
	}
	if reach > f.maxLag() {
		return refuse("bad_config", "frame_length %d tells lags up to %.3g ms at %g Hz; the receivers' distance and clocks "+
			"allow %.3g ms", f.length, 1e3*f.maxLag()/g.SampleRate, g.SampleRate, 1e3*maxReach)
	}
	c.grid, c.framing = g, f
	for len(c.spectrum) < r {
		c.spectrum = append(c.spectrum, frameSpectra{})
	}
	c.power = c.power[:cap(c.power)] // also those of more receivers, seen before
	for len(c.power) < r {
		c.power = append(c.power, nil)
	}
	c.power = c.power[:r]
	grow(&c.energy, r)
	grow(&c.scale, r)
	return nil
}

func (c *Correlator) overlap() *overlapTable {
	if c.framing.whole {
		return &c.tukey
	}
	return &c.hann
}

func (c *Correlator) timeBandwidth(f framing) float64 {
	return f.effectiveSamples(c.overlap()) * float64(c.bins) / float64(f.size)
}

func (c *Correlator) plan(size int) *FFT {
	p := c.plans[size]
	if p == nil {
		var err error
		if p, err = NewFFT(size); err != nil {
			panic(err) // framing keeps sizes within what FFT takes
		}
		c.plans[size] = p
	}
	return p
}

// transform fills receiver i's spectra and its summed power.
func (c *Correlator) transform(i int) {
	g := c.grid
	c.scale[i] = unitScale(g.Re[i], g.Im[i])
	c.frames(&c.spectrum[i], g.Re[i], g.Im[i], c.taper.of(c.framing), c.scale[i], c.framing)
	power := grow(&c.power[i], c.framing.size)
	clear(power)
	for k := range c.framing.count {
		re, im := c.spectrum[i].frame(k, c.framing.size)
		for j := range power {
			power[j] += re[j]*re[j] + im[j]*im[j]
		}
	}
}

func (s *frameSpectra) frame(k, size int) (re, im []float32) {
	return s.re[k*size : (k+1)*size], s.im[k*size : (k+1)*size]
}

// frames transforms the frames of one receiver's samples.
func (c *Correlator) frames(dst *frameSpectra, inRe, inIm, window []float32, scale float32, f framing) {
	dst.grow(f.count * f.size)
	plan := c.plan(f.size)
	for k := range f.count {
		re, im := dst.frame(k, f.size)
		from := f.start(k)
		a, b := inRe[from:from+f.length], inIm[from:from+f.length]
		for j, w := range window {
			w *= scale
			re[j], im[j] = w*a[j], w*b[j]
		}
		clear(re[f.length:])
		clear(im[f.length:])
		plan.Forward(re, im)
	}
}

// limit applies the gains that limit lines.
func (s *frameSpectra) limit(lines []line, f framing) {
	for k := range f.count {
		re, im := s.frame(k, f.size)
		for _, l := range lines {
			re[l.bin] *= l.gain
			im[l.bin] *= l.gain
		}
	}
}

// occupied returns the energy of the occupied bins of all frames.
func (c *Correlator) occupied(s *frameSpectra, f framing) float64 {
	energy := 0.0
	for k := range f.count {
		re, im := s.frame(k, f.size)
		for _, run := range c.runs {
			for j := run[0]; j < run[1]; j++ {
				energy += float64(re[j]*re[j] + im[j]*im[j])
			}
		}
	}
	return energy
}

// Correlate fills out for every pair of the grid that Analyse was given; reach[p] (s) is how far a pair's lag
// can be from 0 by the receivers' distance and clocks. The lag window is W = reach + 1/B.
//
// Errors: bad_shape when reach does not hold one value a pair or Analyse has not succeeded, bad_config when a
// reach is negative or not a number.
func (c *Correlator) Correlate(reach []float64, out *Correlation) error {
	if !c.ready {
		return refuse("bad_shape", "nothing analysed to correlate")
	}
	r := len(c.grid.Re)
	pairs := PairCount(r)
	if len(reach) != pairs {
		return refuse("bad_shape", "%d reaches for the %d pairs of %d receivers", len(reach), pairs, r)
	}
	for p, v := range reach {
		if !(v >= 0) {
			return refuse("bad_config", "reach[%d] is %g s; want 0 or more", p, v)
		}
	}
	out.size(pairs, len(c.cfg.Channels), c.cfg.Lags)
	p := 0
	for a := range r {
		for b := a + 1; b < r; b++ {
			c.pair(a, b, p, reach[p]+1/c.band.Bandwidth, out)
			p++
		}
	}
	return nil
}

func (o *Correlation) size(pairs, channels, lags int) {
	o.Pairs = pairs
	grow(&o.CrossCorrelation, pairs*channels*lags)
	grow(&o.Lag, pairs*lags)
	grow(&o.LagWindow, pairs)
	grow(&o.Bandwidth, pairs)
	grow(&o.TimeBandwidth, pairs)
	grow(&o.FullPeak, 2*pairs)
}

// pair fills what out says of pair p, of receivers a and b, whose lag window is w.
func (c *Correlator) pair(a, b, p int, w float64, out *Correlation) {
	origin := c.grid.Offset[b] - c.grid.Offset[a]
	f := c.framing
	sa, sb := &c.spectrum[a], &c.spectrum[b]
	peaks := c.correlogram(c.cfg.Channels[0], sa, sb, f, math.Sqrt(c.energy[a]*c.energy[b]), origin)
	fullValue, fullLag := peaks.peak(math.Inf(-1), math.Inf(1))
	value, lag := peaks.peak(-w, w)
	norm := math.Sqrt(c.energy[a] * c.energy[b])
	inside := math.Abs(fullLag-lag) < peaks.step

	shift := int(math.Round((lag - origin) * c.grid.SampleRate))
	if g, ok := c.recutFraming(shift); ok {
		f = g
		norm = c.cutAgain(a, b, shift, f)
		sa, sb = &c.recut[0], &c.recut[1]
		origin += float64(shift) / c.grid.SampleRate
		peaks = c.correlogram(c.cfg.Channels[0], sa, sb, f, norm, origin)
		value, lag = peaks.peak(max(-w, lag-1/c.band.Bandwidth), min(w, lag+1/c.band.Bandwidth))
	}
	if inside {
		fullValue, fullLag = value, lag
	}
	out.LagWindow[p], out.Bandwidth[p] = float32(w), float32(c.band.Bandwidth)
	out.TimeBandwidth[p] = float32(c.timeBandwidth(f) * c.finder.flatness(a, b))
	out.FullPeak[2*p], out.FullPeak[2*p+1] = float32(fullValue), float32(fullLag)

	lags := out.Lag[p*c.cfg.Lags : (p+1)*c.cfg.Lags]
	c.layLags(lags, lag, w)
	for k, channel := range c.cfg.Channels {
		if k > 0 {
			peaks = c.correlogram(channel, sa, sb, f, norm, origin)
		}
		at := (p*len(c.cfg.Channels) + k) * c.cfg.Lags
		for j, l := range lags {
			out.CrossCorrelation[at+j] = float32(peaks.at(float64(l)))
		}
	}
}

// layLags lays the lags about the peak or over the window.
func (c *Correlator) layLags(lags []float32, peak, w float64) {
	middle := float64(len(lags)-1) / 2
	step := w / middle
	if c.cfg.Around == AroundPeak {
		step = 1 / (c.cfg.StepsPerBandwidth * c.band.Bandwidth)
	} else {
		peak = 0
	}
	for j := range lags {
		lags[j] = float32(peak + (float64(j)-middle)*step)
	}
}

// recutFraming returns the frames of what two receivers have in common when the second is late by shift
// samples, and whether they are worth cutting.
func (c *Correlator) recutFraming(shift int) (framing, bool) {
	f := c.framing
	if shift < 0 {
		shift = -shift
	}
	left := f.samples - shift
	if !f.whole {
		return hannFraming(left, f.length), float64(shift) > recutShare*float64(f.length) && left >= f.length
	}
	if float64(shift) <= recutShareWhole*float64(f.length) || left < minGrid {
		return f, false
	}
	size := f.size
	f = wholeFraming(left)
	f.size = size
	return f, true
}

// cutAgain fills recut with frames of receivers a and b shifted against each other, and returns
// the square root of the product of their energies.
func (c *Correlator) cutAgain(a, b, shift int, f framing) float64 {
	w := c.recutTaper.of(f)
	g := c.grid
	fromA, fromB := max(0, -shift), max(0, shift)
	product := 1.0
	for k, cut := range [2]struct{ i, from int }{{a, fromA}, {b, fromB}} {
		re, im := g.Re[cut.i][cut.from:cut.from+f.samples], g.Im[cut.i][cut.from:cut.from+f.samples]
		c.frames(&c.recut[k], re, im, w, c.scale[cut.i], f)
		c.recut[k].limit(c.finder.lines[cut.i], f)
		product *= c.occupied(&c.recut[k], f)
	}
	return math.Sqrt(product)
}

// correlogram transforms the cross-spectrum of one channel to lags. It is overwritten by the next of the same
// channel.
func (c *Correlator) correlogram(channel string, a, b *frameSpectra, f framing, norm, origin float64) *correlogram {
	first, last := c.runs[0][0], c.runs[len(c.runs)-1][1]
	size := 2
	for size < 2*(last-first) {
		size *= 2
	}
	c.cross.grow(last - first)
	clear(c.cross.re)
	clear(c.cross.im)
	l := &c.lags
	if channel == ChannelPHAT {
		l = &c.phatLags
		c.sumPhases(a, b, f)
		l.scale, l.overlap = 1/float64(f.count*c.bins), nil
	} else {
		c.sumProducts(a, b, f)
		l.scale, l.overlap = 0, c.overlap().first
		if norm > 0 {
			l.scale = 1 / norm
		}
	}
	grow(&l.re, size)
	grow(&l.im, size)
	clear(l.re)
	clear(l.im)
	// The band's middle goes to index 0, which changes no magnitude and leaves the correlogram smooth.
	half := (last - first) / 2
	copy(l.re, c.cross.re[half:])
	copy(l.im, c.cross.im[half:])
	copy(l.re[size-half:], c.cross.re[:half])
	copy(l.im[size-half:], c.cross.im[:half])
	c.plan(size).Forward(l.im, l.re) // parts swapped: the inverse, unscaled
	rate := c.grid.SampleRate
	l.step = float64(f.size) / rate / float64(size)
	l.origin = origin
	l.maxLag = f.maxLag() / rate
	l.frame = float64(f.length) / rate
	return l
}

// sumProducts adds conj(a) b over all frames and occupied bins into cross.
func (c *Correlator) sumProducts(a, b *frameSpectra, f framing) {
	base := c.runs[0][0]
	for k := range f.count {
		aRe, aIm := a.frame(k, f.size)
		bRe, bIm := b.frame(k, f.size)
		for _, run := range c.runs {
			low, high := run[0], run[1]
			re, im := c.cross.re[low-base:high-base], c.cross.im[low-base:high-base]
			ar, ai, br, bi := aRe[low:high], aIm[low:high], bRe[low:high], bIm[low:high]
			for j := range re {
				re[j] += ar[j]*br[j] + ai[j]*bi[j]
				im[j] += ar[j]*bi[j] - ai[j]*br[j]
			}
		}
	}
}

// sumPhases adds the phases of conj(a) b, as numbers of magnitude 1, into cross.
func (c *Correlator) sumPhases(a, b *frameSpectra, f framing) {
	base := c.runs[0][0]
	for k := range f.count {
		aRe, aIm := a.frame(k, f.size)
		bRe, bIm := b.frame(k, f.size)
		for _, run := range c.runs {
			for j := run[0]; j < run[1]; j++ {
				re := aRe[j]*bRe[j] + aIm[j]*bIm[j]
				im := aRe[j]*bIm[j] - aIm[j]*bRe[j]
				if power := re*re + im*im; power > 0 {
					m := 1 / float32(math.Sqrt(float64(power)))
					c.cross.re[j-base] += re * m
					c.cross.im[j-base] += im * m
				}
			}
		}
	}
}

// unitScale returns what brings the largest part of a receiver's samples to 1, so that squares neither
// overflow nor vanish; 0 for silence.
func unitScale(re, im []float32) float32 {
	top := float32(0)
	for j := range re {
		top = max(top, abs32(re[j]), abs32(im[j]))
	}
	if top == 0 {
		return 0
	}
	return 1 / max(top, 1e-30)
}

func abs32(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
}

func sumFloat32(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}
