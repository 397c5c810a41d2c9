package evaluate

import (
	"math"

	"foxhunt/geo"
)

// bound is the Cramér-Rao bound of the scene: the least root mean square error, in
// metres, of an unbiased estimate of the emitter's place from the arrival times. What is
// known of the place before, as that it is near the receivers, allows for less.
//
// A receiver of power ratio s_i among ratios of sum S measures its arrival with variance
// v_i = (1+S)/(2 N kappa s_i S) + sigma_i^2, N = duration x bandwidth and kappa =
// (2 pi B)^2/12 for a flat spectrum. The time of transmission is unknown, which centres
// the gradients; the information about the place is their weighted scatter.
// +Inf where the geometry leaves it open.
func (s *scene) bound() float64 {
	n := s.duration * s.bandwidth
	kappa := math.Pow(2*math.Pi*s.bandwidth, 2) / 12
	var sum float64
	for i, x := range s.snr {
		if i != s.out() {
			sum += x
		}
	}
	var w, we, wn, ee, nn, en float64
	for i, x := range s.snr {
		if i == s.out() {
			continue
		}
		v := (1+sum)/(2*n*kappa*x*sum) + s.sigma[i]*s.sigma[i]
		u := 1 / (v * speedOfLight * speedOfLight)
		d, azimuth, _ := geo.Inverse(s.emitter, s.sim.Receivers[i].Position)
		sin, cos := math.Sincos(azimuth * math.Pi / 180)
		slope := d / math.Hypot(d, s.sim.Receivers[i].Position.Altitude-s.emitter.Altitude)
		ge, gn := -sin*slope, -cos*slope
		w, we, wn = w+u, we+u*ge, wn+u*gn
		ee, nn, en = ee+u*ge*ge, nn+u*gn*gn, en+u*ge*gn
	}
	ee, nn, en = ee-we*we/w, nn-wn*wn/w, en-we*wn/w
	det := ee*nn - en*en
	if !(det > 1e-12*ee*nn) {
		return math.Inf(1)
	}
	return math.Sqrt((ee + nn) / det)
}

// out is the receiver that tells nothing: the one whose clock is off by milliseconds.
func (s *scene) out() int {
	if s.faulty >= 0 && s.sim.Receivers[s.faulty].ClockOffset != 0 {
		return s.faulty
	}
	return -1
}
