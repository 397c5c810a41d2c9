package grid

import (
	"math"
	"math/rand/v2"

	"foxhunt/dsp"
)

// scene is a random network, an emitter and what the receivers' correlations look like. The
// signals are made in the frequency domain, bin by bin, so that peaks, side lobes and the peaks
// of noise are real ones.
type scene struct {
	features  Features
	emitter   [2]float64
	bound     float64 // sqrt of the trace of the Cramér-Rao bound, m
	spread    float64 // a
	displaced int     // the receiver whose clock is off by milliseconds, or -1
}

// fault is what may be wrong with a scene.
type fault int

const (
	clean fault = iota
	offByMilliseconds
	displacedPair
	strongEcho
	outsideNetwork
)

const (
	paddedBins = 1 << 14
	binsLimit  = paddedBins / 8 // lags are 1/(8B) apart
)

func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Exp(r.Float64()*math.Log(high/low))
}

// randomScene draws a scene with the given number of receivers.
func randomScene(r *rand.Rand, receivers int, wrong fault) *scene {
	span := logUniform(r, 1e3, 500e3)
	bandwidth := logUniform(r, 3e3, 200e3)
	duration := min(logUniform(r, 5e-3, 1), binsLimit/bandwidth)
	budget := logUniform(r, 0.1e-6, 20e-6)
	s := &scene{displaced: -1}
	var centre [2]float64
	for range receivers {
		p := [3]float64{(r.Float64() - 0.5) * span, (r.Float64() - 0.5) * span, 0}
		s.features.ReceiverPosition = append(s.features.ReceiverPosition, p)
		s.features.ReceiverSigma = append(s.features.ReceiverSigma, budget)
		centre[0] += p[0] / float64(receivers)
		centre[1] += p[1] / float64(receivers)
	}
	for i := range s.features.ReceiverPosition {
		p := &s.features.ReceiverPosition[i]
		p[0], p[1] = p[0]-centre[0], p[1]-centre[1]
		p[2] = surfaceHeight(p[0], p[1])
		s.spread = max(s.spread, math.Hypot(p[0], p[1]))
	}
	s.placeEmitter(r, wrong)
	n := int(duration * bandwidth)
	snr := make([]float64, receivers)
	delay := make([]float64, receivers)
	echo := make([]float64, receivers)
	for i, p := range s.features.ReceiverPosition {
		snr[i] = math.Pow(10, (r.Float64()*35-5)/10)
		d, _ := groundDistance(s.emitter[0]-p[0], s.emitter[1]-p[1], surfaceHeight(s.emitter[0], s.emitter[1])-p[2])
		delay[i] = d/lightSpeed + budget*r.NormFloat64()
	}
	s.bound = s.cramerRao(snr, float64(n), bandwidth)
	switch wrong {
	case offByMilliseconds:
		s.displaced = r.IntN(receivers)
		offset := min((1+9*r.Float64())*1e-3, duration/3)
		if r.IntN(2) == 0 {
			offset = -offset
		}
		delay[s.displaced] += offset
	case strongEcho:
		echo[r.IntN(receivers)] = logUniform(r, 1, 30) / bandwidth
	}
	s.correlate(r, snr, delay, echo, n, bandwidth)
	if wrong == displacedPair {
		p := r.IntN(len(s.features.Lag))
		shift := (r.Float64()*2 - 1) * s.features.LagWindow[p]
		for l := range s.features.Lag[p] {
			s.features.Lag[p][l] += shift
		}
		s.features.FullPeak[p][1] += shift
	}
	return s
}

// placeEmitter puts the emitter at up to 1.5 times the way from the centroid to the edge, or, where
// it is outside, at 2 to 10 a.
func (s *scene) placeEmitter(r *rand.Rand, wrong fault) {
	if wrong == outsideNetwork {
		sin, cos := math.Sincos(2 * math.Pi * r.Float64())
		d := logUniform(r, 2*s.spread, min(10*s.spread, 1000e3))
		s.emitter = [2]float64{d * cos, d * sin}
		return
	}
	i, j := r.IntN(len(s.features.ReceiverPosition)), r.IntN(len(s.features.ReceiverPosition))
	p, q := s.features.ReceiverPosition[i], s.features.ReceiverPosition[j]
	t, reach := r.Float64(), 1.5*math.Sqrt(r.Float64())
	s.emitter = [2]float64{reach * (t*p[0] + (1-t)*q[0]), reach * (t*p[1] + (1-t)*q[1])}
}

// cramerRao is the bound for the position with the receivers' true signal-to-noise ratios.
func (s *scene) cramerRao(snr []float64, n, bandwidth float64) float64 {
	total, kappa := 0.0, math.Pow(2*math.Pi*bandwidth, 2)/12
	for _, x := range snr {
		total += x
	}
	var w, wx, wy, xx, yy, xy float64
	for i, p := range s.features.ReceiverPosition {
		dx, dy := s.emitter[0]-p[0], s.emitter[1]-p[1]
		d := math.Hypot(dx, dy) + 1
		gx, gy := dx/d, dy/d
		v := (1+total)/(2*n*kappa*snr[i]*total) + s.features.ReceiverSigma[i]*s.features.ReceiverSigma[i]
		u := 1 / (v * lightSpeed * lightSpeed)
		w, wx, wy = w+u, wx+u*gx, wy+u*gy
		xx, yy, xy = xx+u*gx*gx, yy+u*gy*gy, xy+u*gx*gy
	}
	xx, yy, xy = xx-wx*wx/w, yy-wy*wy/w, xy-wx*wy/w
	return math.Sqrt((xx + yy) / max(xx*yy-xy*xy, 1e-300))
}

// correlate fills the features of every pair.
func (s *scene) correlate(r *rand.Rand, snr, delay, echo []float64, n int, bandwidth float64) {
	receivers := len(snr)
	spectra := make([][]complex128, receivers)
	power := make([]float64, receivers)
	common := make([]complex128, n)
	for k := range common {
		common[k] = complex(r.NormFloat64(), r.NormFloat64())
	}
	for i := range spectra {
		spectra[i] = make([]complex128, n)
		amplitude := math.Sqrt(snr[i])
		for k := range common {
			f := float64(k-n/2) * bandwidth / float64(n)
			path := turned(-2 * math.Pi * f * delay[i])
			if echo[i] > 0 {
				path += 1.5 * turned(-2*math.Pi*f*(delay[i]+echo[i])+1)
			}
			x := complex(amplitude, 0)*common[k]*path + complex(r.NormFloat64(), r.NormFloat64())
			spectra[i][k] = x
			power[i] += real(x)*real(x) + imag(x)*imag(x)
		}
	}
	fft, err := dsp.NewFFT(paddedBins)
	if err != nil {
		panic(err)
	}
	for _, ab := range pairs(receivers) {
		re, im := make([]float32, paddedBins), make([]float32, paddedBins)
		scale := 1 / math.Sqrt(power[ab.a]*power[ab.b])
		for k := range n {
			a, b := spectra[ab.a][k], spectra[ab.b][k]
			c := complex(real(a), -imag(a)) * b * complex(scale, 0)
			re[k], im[k] = float32(real(c)), float32(-imag(c))
		}
		fft.Forward(re, im)
		s.pairFeatures(ab, re, im, n, bandwidth)
	}
}

func turned(phase float64) complex128 {
	sin, cos := math.Sincos(phase)
	return complex(cos, sin)
}

// pairFeatures reads the correlation of one pair off its transform: element i is the lag
// i n/(B paddedBins), circularly.
func (s *scene) pairFeatures(ab pair, re, im []float32, n int, bandwidth float64) {
	step := float64(n) / bandwidth / paddedBins
	every := max(int(math.Round(1/(8*bandwidth)/step)), 1)
	// The spectrum is conjugated and so is its forward transform, the correlation at the lag i step.
	at := func(i int) float64 {
		j := ((i % paddedBins) + paddedBins) % paddedBins
		return math.Hypot(float64(re[j]), float64(im[j]))
	}
	f := &s.features
	p, q := f.ReceiverPosition[ab.a], f.ReceiverPosition[ab.b]
	baseline := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
	window := 1.05*baseline/lightSpeed + 4*math.Sqrt2*f.ReceiverSigma[ab.a] + 1/bandwidth
	inside := min(int(window/step), paddedBins/2-1)
	top, full := 0, 0
	for i := -paddedBins / 2; i < paddedBins/2; i++ {
		if at(i) > at(full) {
			full = i
		}
		if i >= -inside && i <= inside && at(i) > at(top) {
			top = i
		}
	}
	lags, rho := make([]float64, 33), make([]float64, 33)
	for l := range lags {
		i := top + (l-16)*every
		lags[l], rho[l] = float64(i)*step, at(i)
	}
	f.Lag, f.CrossCorrelation = append(f.Lag, lags), append(f.CrossCorrelation, rho)
	f.LagWindow = append(f.LagWindow, window)
	f.Bandwidth = append(f.Bandwidth, bandwidth)
	f.TimeBandwidth = append(f.TimeBandwidth, float64(n))
	f.FullPeak = append(f.FullPeak, [2]float64{at(full), float64(full) * step})
}
