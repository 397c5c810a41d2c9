package dsp

import "math"

// Spectrogram is the plan that turns samples into log spectrograms. It holds scratch memory and serves one
// goroutine at a time; in steady state it allocates nothing.
//
// A frame is NFFT samples under a periodic Hann window w; its power |X|^2 / sum(w^2), two-sided, goes through
// the bank; band powers below Floor count as Floor; then the natural logarithm and the normalisation. Where
// the samples hold more frames than the config's Frames, neighbours are averaged (as powers) in groups of as
// equal a size as can be; samples after the last whole frame are left out.
type Spectrogram struct {
	config   SpectrogramConfig
	fft      *FFT
	bank     *bank
	window   []float32 // Hann / sqrt(sum(w^2))
	scaled   []float32 // the window times the power of two that suits a receiver's samples
	re, im   []float32 // one frame
	power    []float32 // one group of frames, in the transform's own order
	exponent []int     // per receiver, of its largest sample
	logFloor float32
}

// NewSpectrogram plans spectrograms of samples taken at sampleRate Hz.
// Errors: bad_config as from Validate, and when f_max is above half the sample rate; bad_rate.
func NewSpectrogram(c SpectrogramConfig, sampleRate float64) (*Spectrogram, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !finite(sampleRate) || sampleRate <= 0 {
		return nil, refuse("bad_rate", "the sample rate is %g Hz; want more than 0", sampleRate)
	}
	fMax := c.FMax
	if fMax == 0 {
		fMax = sampleRate / 2
	}
	if fMax > sampleRate/2 || c.FMin >= fMax {
		return nil, refuse("bad_config", "f_min %g Hz to f_max %g Hz; want f_min below f_max and f_max up to %g Hz, half the sample rate",
			c.FMin, fMax, sampleRate/2)
	}
	fft, err := NewFFT(c.NFFT)
	if err != nil {
		return nil, err
	}
	s := &Spectrogram{
		config: c, fft: fft,
		window: HannWindow(c.NFFT), scaled: make([]float32, c.NFFT),
		re: make([]float32, c.NFFT), im: make([]float32, c.NFFT), power: make([]float32, c.NFFT),
		logFloor: float32(math.Log(c.Floor)),
	}
	gain := 1 / math.Sqrt(sumSquares(s.window, 0))
	affine(s.window, 0, gain)
	s.bank = newBank(c, fMax, spectrum{n: c.NFFT, spacing: sampleRate / float64(c.NFFT), position: fft.position})
	return s, nil
}

// Config returns the configuration the plan was made with.
func (s *Spectrogram) Config() SpectrogramConfig { return s.config }

// Features computes the spectrograms of one or more receivers, re[r] and im[r] the samples of receiver r, and
// writes them to out, shape [len(re), Bands, Frames]. Receivers may differ in length. Rows run from the
// most negative frequency to the most positive (mel_onesided: from f_min up).
//
// Any finite samples give finite features: each receiver is scaled by a power of two to magnitudes near 1 and
// its logarithms are shifted back, so huge and tiny values neither overflow nor vanish on the way.
//
// Errors, all before anything is written: bad_shape, too_short, bad_samples (NaN or an infinity).
func (s *Spectrogram) Features(re, im [][]float32, out []float32) error {
	if err := s.check(re, im, out); err != nil {
		return err
	}
	plane := s.config.Bands * s.config.Frames
	for r := range re {
		x := out[r*plane:][:plane]
		s.receiver(re[r], im[r], s.exponent[r], x)
		if s.config.Normalize == NormalizeReceiver {
			standardise(x)
		}
	}
	switch s.config.Normalize {
	case NormalizeTensor:
		standardise(out)
	case NormalizeFixed:
		affine(out, s.config.NormMean, 1/s.config.NormStd)
	}
	return nil
}

// check refuses what Features cannot take and notes each receiver's exponent.
func (s *Spectrogram) check(re, im [][]float32, out []float32) error {
	c := &s.config
	if len(re) == 0 || len(im) != len(re) {
		return refuse("bad_shape", "real parts of %d receivers and imaginary parts of %d; want as many, at least 1", len(re), len(im))
	}
	if want := len(re) * c.Bands * c.Frames; len(out) != want {
		return refuse("bad_shape", "room for %d features; %d receivers, %d bands and %d frames make %d", len(out), len(re), c.Bands, c.Frames, want)
	}
	s.exponent = s.exponent[:0]
	for r := range re {
		if len(re[r]) != len(im[r]) {
			return refuse("bad_shape", "receiver %d has %d real and %d imaginary parts; want as many", r, len(re[r]), len(im[r]))
		}
		if len(re[r]) < c.MinSamples() {
			return refuse("too_short", "receiver %d has %d samples; %d frames of %d samples every %d need %d",
				r, len(re[r]), c.Frames, c.NFFT, c.HopLength, c.MinSamples())
		}
		exponent, err := checkSamples(r, re[r], im[r])
		if err != nil {
			return err
		}
		s.exponent = append(s.exponent, exponent)
	}
	return nil
}

// maxExponent keeps the scaled window within float32's normal numbers.
const maxExponent = 96

// receiver writes the log spectrogram [Bands, Frames] of one receiver to out.
func (s *Spectrogram) receiver(re, im []float32, exponent int, out []float32) {
	c := &s.config
	exponent = min(max(exponent, -maxExponent), maxExponent)
	copy(s.scaled, s.window)
	affine(s.scaled, 0, math.Ldexp(1, -exponent))
	total := 1 + (len(re)-c.NFFT)/c.HopLength
	for group := range c.Frames {
		from, to := group*total/c.Frames, (group+1)*total/c.Frames
		clear(s.power)
		for frame := from; frame < to; frame++ {
			at := frame * c.HopLength
			applyWindow(s.re, s.im, re[at:], im[at:], s.scaled)
			s.fft.scrambled(s.re, s.im)
			addPower(s.power, s.re, s.im)
		}
		bandPowers(out[group:], c.Frames, s.bank, s.power, 1/float32(to-from))
	}
	logarithms(out, int32(2*exponent), s.logFloor)
}
