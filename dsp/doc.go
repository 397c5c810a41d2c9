// Package dsp turns the samples of several receivers into what a model eats: log spectrograms, levels, and
// cross-correlations on one time grid.
//
// Samples are split-complex: real and imaginary parts as float32 in slices of their own. A plan (FFT,
// Spectrogram, Aligner, Correlator) is made once, holds its buffers, allocates nothing in steady state, and
// serves one goroutine at a time. The same input gives the same output, bit for bit, on the same build.
//
// The package knows nothing of messages, files or networks. What it refuses it refuses with an *Error.
package dsp
