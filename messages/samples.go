package messages

import (
	"encoding/binary"
	"math"
)

// SampleFormat is how I and Q are written: SigMF's datatype names.
type SampleFormat string

// The sample formats. Full scale is ±1 after Split.
const (
	CU8  SampleFormat = "cu8"     // offset binary, as RTL-SDR receivers send: (x - 127.5) / 127.5
	CI8  SampleFormat = "ci8"     // x / 128
	CI16 SampleFormat = "ci16_le" // x / 32768
	CF32 SampleFormat = "cf32_le" // as it is; finite, within ±MaxSample
)

// MaxSample bounds the magnitude of I and of Q in cf32_le. It leaves room above full scale,
// 1, for receivers that send integers as floats, and keeps powers and their sums far from
// float32's largest number.
const MaxSample = 1e6

// BytesPerSample is the size of I and Q together; 0 for an unknown format.
func (f SampleFormat) BytesPerSample() int {
	switch f {
	case CU8, CI8:
		return 2
	case CI16:
		return 4
	case CF32:
		return 8
	}
	return 0
}

// Samples is how many complex samples IQ holds; 0 for an unknown format.
func (r *Receiver) Samples() int {
	size := r.Format.BytesPerSample()
	if size == 0 {
		return 0
	}
	return len(r.IQ) / size
}

// Split writes the samples as separate real (I) and imaginary (Q) parts, full scale ±1.
// re and im must have r.Samples() elements each; Split panics otherwise. The error is a
// *Refusal with CodeBadSamples when a cf32_le sample is NaN, infinite or beyond MaxSample.
func (r *Receiver) Split(re, im []float32) error {
	n := r.Samples()
	if len(re) != n || len(im) != n {
		panic("messages: Split wants as many elements as there are samples")
	}
	switch r.Format {
	case CU8:
		splitCU8(r.IQ, re, im)
	case CI8:
		splitCI8(r.IQ, re, im)
	case CI16:
		splitCI16(r.IQ, re, im)
	case CF32:
		if !splitCF32(r.IQ, re, im) {
			return r.CheckSamples()
		}
	}
	return nil
}

func splitCU8(iq []byte, re, im []float32) {
	im = im[:len(re)]
	iq = iq[:2*len(re)]
	for i := range re {
		re[i] = (float32(iq[2*i]) - 127.5) * (1 / 127.5)
		im[i] = (float32(iq[2*i+1]) - 127.5) * (1 / 127.5)
	}
}

func splitCI8(iq []byte, re, im []float32) {
	im = im[:len(re)]
	iq = iq[:2*len(re)]
	for i := range re {
		re[i] = float32(int8(iq[2*i])) * (1.0 / 128)
		im[i] = float32(int8(iq[2*i+1])) * (1.0 / 128)
	}
}

func splitCI16(iq []byte, re, im []float32) {
	im = im[:len(re)]
	for i := range re {
		both := binary.LittleEndian.Uint32(iq[4*i:]) // I in the low half, Q in the high one
		re[i] = float32(int16(both)) * (1.0 / 32768)
		im[i] = float32(int16(both>>16)) * (1.0 / 32768)
	}
}

// splitCF32 reports whether all samples are finite and within ±MaxSample.
func splitCF32(iq []byte, re, im []float32) bool {
	im = im[:len(re)]
	ok := true
	for i := range re {
		both := binary.LittleEndian.Uint64(iq[8*i:])
		re[i] = math.Float32frombits(uint32(both))
		im[i] = math.Float32frombits(uint32(both >> 32))
		ok = ok && goodSample(both)
	}
	return ok
}

// goodSample looks at the bits of an I (low half) and a Q: magnitudes order as integers do
// once the sign is cleared, and those of infinity and NaN come after every number's.
func goodSample(both uint64) bool {
	const most = 0x49742400 // the bits of float32(MaxSample)
	return uint32(both)&0x7fffffff <= most && uint32(both>>32)&0x7fffffff <= most
}

// CheckSamples names the first sample that is not acceptable; nil when there is none.
func (r *Receiver) CheckSamples() error {
	if r.Format != CF32 {
		return nil
	}
	for i := range r.Samples() {
		both := binary.LittleEndian.Uint64(r.IQ[8*i:])
		if !goodSample(both) {
			return refuse(CodeBadSamples, "sample %d of station %s is %g%+gi; want finite numbers within ±%g (full scale is 1)",
				i, r.Station, math.Float32frombits(uint32(both)), math.Float32frombits(uint32(both>>32)), float64(MaxSample))
		}
	}
	return nil
}
