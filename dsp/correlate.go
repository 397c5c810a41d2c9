package dsp

import (
	"math"
	"slices"
)

// Correlation holds the correlations of all P pairs of a capture, pair (0,1) first, then (0,2), ...
// A lag is positive when the signal reaches the second receiver of the pair later. Correlate grows the slices
// once and reuses them.
type Correlation struct {
	Pairs            int
	CrossCorrelation []float32 // [P, C, L] 0..1, channels in the configuration's order
	Lag              []float32 // [P, L] s; 5 ms is told to 0.5 ns, so take a step from the first lag to the last
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
	scale      []float32    // [R] what brings a receiver's largest sample to 1
	spectra    frameSpectra // [R, frames, size] bins ascending in frequency, lines limited
	powers     []float32    // [R, size]
	power      [][]float32  // [R] views into powers
	energy     []float64    // [R] over the occupied bins of all frames
	again      []pair       // to be cut again
	recut      [2]frameSpectra
	lags       correlogram
	phatLags   correlogram
	cross      frameSpectra
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
		s := c.spectrum(i)
		s.limit(c.finder.linesOf(i), c.framing)
	}
	c.chooseBand()
	c.describeBand()
	c.ready = true
	return c.band, nil
}

// describeBand sums up the occupied bins; N is the largest of the pairs with receiver 0.
func (c *Correlator) describeBand() {
	df := c.grid.SampleRate / float64(c.framing.size)
	middle := float64(c.framing.size / 2)
	flatness := 0.0
	for i := 1; i < len(c.grid.Re); i++ {
		flatness = max(flatness, c.finder.flatness(0, i))
	}
	c.band = Band{
		Low:           (float64(c.runs[0][0]) - middle) * df,
		High:          (float64(c.runs[len(c.runs)-1][1]) - middle) * df,
		Bandwidth:     c.finder.spread() * df,
		TimeBandwidth: c.timeBandwidth(c.framing) * flatness,
	}
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
// -N ln(1 - rho^2). Of very many pairs of long frames some are enough, the same ones whatever the band.
func (c *Correlator) significance() float64 {
	r := len(c.grid.Re)
	every := 1 + PairCount(r)*lagsSizeOf(c.framing.size)/maxSignificanceWork
	sum := 0.0
	p := 0
	for a := range r {
		for b := a + 1; b < r; b++ {
			if p++; p%every != 0 {
				continue
			}
			rho, _ := c.correlogram(ChannelCorrelation, c.firstCut(a, b)).peak(math.Inf(-1), math.Inf(1))
			n := c.timeBandwidth(c.framing) * c.finder.flatness(a, b)
			sum -= n * math.Log1p(-min(rho*rho, 1-1e-9))
		}
	}
	return sum
}

func checkGrid(g *Grid) error {
	r, n := len(g.Re), g.Samples()
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
	return nil
}

// prepare checks the grid, chooses the frames and sizes the buffers.
func (c *Correlator) prepare(g *Grid, maxReach float64) error {
	c.ready = false
	if err := checkGrid(g); err != nil {
		return err
	}
	r, n := len(g.Re), g.Samples()
	if !(maxReach >= 0) {
		return refuse("bad_config", "a reach of %g s; want 0 or more", maxReach)
	}
	// A window longer than the capture asks for no longer frames than the capture has, and frames by the rule are
	// no longer than can be paid for: lags beyond are not looked at.
	reach := min(maxReach*g.SampleRate, float64(n)/4)
	f, err := newFraming(n, g.SampleRate, reach, c.cfg.FrameLength, PairCount(r))
	if err != nil {
		return err
	}
	if c.cfg.FrameLength != 0 && reach > f.maxLag() {
		return refuse("bad_config", "frame_length %d tells lags up to %.3g ms at %g Hz; the receivers' distance and clocks "+
			"allow %.3g ms", f.length, 1e3*f.maxLag()/g.SampleRate, g.SampleRate, 1e3*maxReach)
	}
	c.grid, c.framing = g, f
	c.spectra.grow(r * f.count * f.size)
	grow(&c.powers, r*f.size)
	grow(&c.power, r)
	for i := range c.power {
		c.power[i] = c.powers[i*f.size : (i+1)*f.size]
	}
	grow(&c.energy, r)
	grow(&c.scale, r)
	c.dropPlans()
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
	c.again = c.again[:0]
	p := 0
	for a := range r {
		for b := a + 1; b < r; b++ {
			c.correlatePair(pair{a: a, b: b, index: p, window: reach[p] + 1/c.band.Bandwidth}, out)
			p++
		}
	}
	c.cutStrongest(out)
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
