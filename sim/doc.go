// Package sim makes captures whose truth is known: emitters, propagation and
// receivers with clock errors and noise, sampled as real receivers would.
//
// A signal is held as the Fourier coefficients of a block longer than anything that
// is sampled of it, and each receiver's samples are that sum evaluated at the very
// instants its own clock took them (a chirp transform, exact to float32's rounding).
// So a delay, an echo, a rate error or a Doppler shift is made as it is, with no
// interpolation that an estimator could see.
//
// The Fourier transforms are those of package dsp; nothing else of it is used.
package sim
