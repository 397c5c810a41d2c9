package dsp

import (
	"math"
	"slices"
)

// SpectrogramConfig says how a log spectrogram is made. It is part of a model's contract: the model was
// trained on just these features. Start from DefaultSpectrogramConfig and change what differs.
type SpectrogramConfig struct {
	NFFT      int     `json:"n_fft"`      // samples a frame, 16 to 65536; powers of two are fastest
	HopLength int     `json:"hop_length"` // samples from one frame's start to the next, 1 to NFFT
	Bands     int     `json:"n_mels"`     // rows, 1 to NFFT; even for the two-sided banks
	Frames    int     `json:"frames"`     // columns; the frames there are get averaged down to as many
	Bank      string  `json:"bank"`       // "linear", "mel" or "mel_onesided"
	FMin      float64 `json:"f_min"`      // Hz from the centre frequency
	FMax      float64 `json:"f_max"`      // Hz; 0 is half the sample rate
	Floor     float64 `json:"floor"`      // least band power before the logarithm; full scale is 1
	Normalize string  `json:"normalize"`  // "tensor", "receiver", "fixed" or "none"
	NormMean  float64 `json:"norm_mean"`  // for "fixed"
	NormStd   float64 `json:"norm_std"`   // for "fixed"
}

// The kinds of filter bank.
const (
	BankLinear      = "linear"       // means over equal cells from -f_max to f_max
	BankMel         = "mel"          // HTK mel triangles on |f|, half the bands on either side of the centre
	BankMelOneSided = "mel_onesided" // HTK mel triangles over positive frequencies only, as librosa's
)

// The kinds of normalisation.
const (
	NormalizeTensor   = "tensor"   // mean 0, deviation 1 over all receivers together: levels between them survive
	NormalizeReceiver = "receiver" // mean 0, deviation 1 over each receiver alone
	NormalizeFixed    = "fixed"    // (x - norm_mean) / norm_std
	NormalizeNone     = "none"     // the logarithms themselves
)

const (
	minNFFT = 16
	maxNFFT = 1 << 16
	// maxFeatures bounds Bands x Frames, for a contract is a file somebody else wrote.
	maxFeatures = 1 << 22
	// Within these a fixed normalisation cannot overflow float32.
	maxNormMean = 1e6
	minNormStd  = 1e-6
)

// DefaultSpectrogramConfig returns 128 mel bands of 32 frames, 512 samples a frame, a hop of 128, up to half
// the sample rate, floor 1e-10, normalised over the whole tensor.
func DefaultSpectrogramConfig() SpectrogramConfig {
	return SpectrogramConfig{
		NFFT: 512, HopLength: 128, Bands: 128, Frames: 32, Bank: BankMel,
		Floor: 1e-10, Normalize: NormalizeTensor, NormMean: 0, NormStd: 1,
	}
}

// Validate refuses what cannot be computed, with an *Error of code bad_config that names the option.
// Whether f_max fits the sample rate is NewSpectrogram's to check.
func (c SpectrogramConfig) Validate() error {
	bad := func(format string, args ...any) error { return refuse("bad_config", format, args...) }
	switch {
	case c.NFFT < minNFFT || c.NFFT > maxNFFT:
		return bad("n_fft is %d; want %d to %d", c.NFFT, minNFFT, maxNFFT)
	case c.HopLength < 1 || c.HopLength > c.NFFT:
		return bad("hop_length is %d; want 1 to n_fft, %d", c.HopLength, c.NFFT)
	case c.Bands < 1 || c.Bands > c.NFFT:
		return bad("n_mels is %d; want 1 to n_fft, %d", c.Bands, c.NFFT)
	case c.Frames < 1 || c.Frames > maxFeatures/c.Bands:
		return bad("frames is %d; want 1 to %d with n_mels %d", c.Frames, maxFeatures/c.Bands, c.Bands)
	case !slices.Contains([]string{BankLinear, BankMel, BankMelOneSided}, c.Bank):
		return bad("bank is %q; want linear, mel or mel_onesided", c.Bank)
	case c.Bank != BankMelOneSided && c.Bands%2 != 0:
		return bad("n_mels is %d; bank %s lays half of them on either side and wants an even number", c.Bands, c.Bank)
	case !finite(c.FMin) || c.FMin < 0:
		return bad("f_min is %g Hz; want 0 or more", c.FMin)
	case !finite(c.FMax) || c.FMax != 0 && c.FMax <= c.FMin:
		return bad("f_max is %g Hz; want more than f_min, %g Hz, or 0 for half the sample rate", c.FMax, c.FMin)
	case !finite(c.Floor) || c.Floor <= 0:
		return bad("floor is %g; want a positive power such as 1e-10", c.Floor)
	case !slices.Contains([]string{NormalizeTensor, NormalizeReceiver, NormalizeFixed, NormalizeNone}, c.Normalize):
		return bad("normalize is %q; want tensor, receiver, fixed or none", c.Normalize)
	case !(math.Abs(c.NormMean) <= maxNormMean):
		return bad("norm_mean is %g; want -%g to %g", c.NormMean, maxNormMean, maxNormMean)
	case !finite(c.NormStd) || c.NormStd < minNormStd:
		return bad("norm_std is %g; want %g or more", c.NormStd, minNormStd)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// MinSamples returns the number of samples a receiver must bring: n_fft + (frames - 1) hop_length.
func (c SpectrogramConfig) MinSamples() int { return c.NFFT + (c.Frames-1)*c.HopLength }
