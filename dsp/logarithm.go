package dsp

import "math"

// Constants of the kernels' natural logarithm. ln2High has so few digits that its product with any exponent
// is exact; ln2Low is the rest of ln 2.
const (
	ln2High = 0.693359375
	ln2Low  = math.Ln2 - ln2High

	oneBits      = 0x3f800000 // 1
	rootHalfBits = 0x3f3504f3 // sqrt(1/2)
	mantissaBits = 0x007fffff
	leastNormal  = 0x1p-126
)

// mantissaLog returns ln(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2), by the series of 2 artanh(f / (2 + f)); what
// follows its last term is below 4e-9 of the sum.
func mantissaLog(f float32) float32 {
	s := f / (2 + f)
	z := s * s
	return s * (2 + z*(2./3+z*(2./5+z*(2./7+z*(2./9)))))
}
