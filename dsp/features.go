package dsp

import (
	"math"
	"slices"
)

// Features are the values of a tensor together with what describes them.
type Features struct {
	Data []float32 `json:"data"`
	Metadata
}

// Metadata describes a tensor of float32.
type Metadata struct {
	Shape     []int   `json:"shape"`
	Type      string  `json:"type"` // "float32"
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"` // standard deviation of the population
}

// Describe returns the metadata of a tensor of one value or more, in the shape given.
func Describe(data []float32, shape ...int) Metadata {
	mean, deviation := moments(data)
	return Metadata{
		Shape: shape, Type: "float32",
		Min: float64(slices.Min(data)), Max: float64(slices.Max(data)), Mean: mean, Deviation: deviation,
	}
}

// Compute is Features with memory of its own: it returns the features [receivers, bands, frames] with their
// shape, type, least and greatest value, mean and deviation.
func (s *Spectrogram) Compute(re, im [][]float32) (*Features, error) {
	data := make([]float32, len(re)*s.config.Bands*s.config.Frames)
	if err := s.Features(re, im, data); err != nil {
		return nil, err
	}
	return &Features{Data: data, Metadata: Describe(data, len(re), s.config.Bands, s.config.Frames)}, nil
}

// checkSamples refuses NaN and infinities and returns the exponent of the largest magnitude: a power of two
// not above it, or 0 for silence.
func checkSamples(receiver int, re, im []float32) (exponent int, err error) {
	top := max(largest(re), largest(im))
	if top >= infinityBits {
		j := slices.IndexFunc(re, notFinite)
		if k := slices.IndexFunc(im, notFinite); j < 0 || k >= 0 && k < j {
			j = k
		}
		return 0, refuse("bad_samples", "receiver %d, sample %d is %g%+gi; want finite numbers", receiver, j, re[j], im[j])
	}
	_, exponent = math.Frexp(float64(math.Float32frombits(top)))
	return exponent, nil
}

const infinityBits = 0x7f800000

func notFinite(v float32) bool { return math.Float32bits(v)&infinityBits == infinityBits }
