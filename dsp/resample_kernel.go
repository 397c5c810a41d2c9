package dsp

import "math"

// kernelSteps is the number of table entries from one zero crossing to the next. Between entries the kernel is
// interpolated linearly, which leaves an error of (pi/512)^2/2 = -94 dB.
const kernelSteps = 256

// sincKernel is a Kaiser-windowed sinc, tabulated: h(x) = sinc(x) I0(beta sqrt(1 - (x/half)^2)) / I0(beta),
// with x counted in zero crossings and h(x) = 0 from |x| = half on.
//
// A kernel of half crossings a side turns from pass to stop within a band of width w around the cut-off
// (as a fraction of the rate whose half is the cut-off), with stop-band attenuation 14.36 w 2 half + 8 dB
// (Kaiser's rule); beta follows from it.
type sincKernel struct {
	half   int
	table  []float32 // h(k / kernelSteps), k = 0 .. half*kernelSteps, and a zero for the interpolation
	phases []float32 // [kernelSteps + 1][2*half] h(p / kernelSteps + half-1-j)
}

// newSincKernel tabulates the kernel of half crossings whose transition is as wide as transition says.
func newSincKernel(half int, transition float64) *sincKernel {
	attenuation := 2.285*2*math.Pi*transition*float64(2*half) + 8
	beta := 0.1102 * (attenuation - 8.7)
	k := &sincKernel{half: half, table: make([]float32, half*kernelSteps+2)}
	for j := range half * kernelSteps {
		x := float64(j) / kernelSteps
		u := x / float64(half)
		k.table[j] = float32(sinc(x) * besselI0(beta*math.Sqrt(1-u*u)) / besselI0(beta))
	}
	k.phases = make([]float32, (kernelSteps+1)*2*half)
	for p := range kernelSteps + 1 {
		for j := range 2 * half {
			at := p + (half-1-j)*kernelSteps
			k.phases[p*2*half+j] = k.table[max(at, -at)]
		}
	}
	return k
}

// coefficients fills dst with scale * h(first + j*step), j = 0 .. len(dst)-1. Arguments outside the kernel
// give 0.
func (k *sincKernel) coefficients(dst []float32, first, step, scale float64) {
	limit := float64(k.half * kernelSteps)
	x, dx := first*kernelSteps, step*kernelSteps
	for j := range dst {
		at := math.Abs(x + float64(j)*dx)
		if at >= limit {
			dst[j] = 0
			continue
		}
		i := int(at)
		f := float32(at - float64(i))
		t := k.table[i : i+2]
		dst[j] = float32(scale) * (t[0] + f*(t[1]-t[0]))
	}
}

// unit fills dst, 2*half long, with h(frac + half-1-j), j = 0 .. 2*half-1, for 0 <= frac < 1: the weights of the
// samples about a point that lies frac after sample half-1. All of them fall the same way between two
// entries of the table, so they are kept as rows of phases.
func (k *sincKernel) unit(dst []float32, frac float64) {
	x := frac * kernelSteps
	i := int(x)
	f := float32(x - float64(i))
	n := 2 * k.half
	dst = dst[:n]
	low := k.phases[i*n : (i+1)*n]
	high := k.phases[(i+1)*n : (i+2)*n]
	for j := range dst {
		dst[j] = low[j] + f*(high[j]-low[j])
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// besselI0 is the modified Bessel function of the first kind and order 0, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}
