package dsp

// The kernel of the resampler: 12 zero crossings a side, turning over from 0.4 to 0.6 of the lower rate. By
// Kaiser's rule that is 77 dB, so content within 80 % of the band passes to about 1e-4 of its amplitude and
// what would fold onto it is as far down.
const (
	resampleHalf       = 12
	resampleTransition = 0.2

	// Up to this ratio of rates nothing above the grid's Nyquist can fold onto 80 % of the band, because the
	// input's own Nyquist lies below 0.6 of the grid's rate with room to spare, and no low-pass is needed.
	resampleNoLowPass = 1.05
)

// resampler evaluates a sampled signal between its samples, low-passed to a lower rate's Nyquist where that
// rate is much lower.
type resampler struct {
	kernel       *sincKernel
	coefficients []float32
}

func newResampler() *resampler {
	return &resampler{kernel: newSincKernel(resampleHalf, resampleTransition)}
}

// margin is how many input samples the kernel reaches to either side when ratio = input rate / output rate.
func (r *resampler) margin(ratio float64) int {
	if ratio <= resampleNoLowPass {
		return resampleHalf
	}
	return int(resampleHalf*ratio) + 1
}

// resample writes output sample k = input at position first + k*ratio (in input samples). The positions must
// lie at least margin(ratio) samples within the input at both ends.
func (r *resampler) resample(outRe, outIm, inRe, inIm []float32, first, ratio float64) {
	if ratio <= resampleNoLowPass {
		r.interpolate(outRe, outIm, inRe, inIm, first, ratio)
		return
	}
	r.decimate(outRe, outIm, inRe, inIm, first, ratio)
}

func (r *resampler) interpolate(outRe, outIm, inRe, inIm []float32, first, ratio float64) {
	taps := grow(&r.coefficients, 2*resampleHalf)
	for k := range outRe {
		at := first + float64(k)*ratio
		whole := int(at)
		r.kernel.unit(taps, at-float64(whole))
		low := whole - resampleHalf + 1
		outRe[k], outIm[k] = dotPair(taps, inRe[low:low+len(taps)], inIm[low:low+len(taps)])
	}
}

func (r *resampler) decimate(outRe, outIm, inRe, inIm []float32, first, ratio float64) {
	margin := r.margin(ratio)
	taps := grow(&r.coefficients, 2*margin)
	step := 1 / ratio
	for k := range outRe {
		at := first + float64(k)*ratio
		low := int(at) - margin + 1
		r.kernel.coefficients(taps, (float64(low)-at)*step, step, step)
		outRe[k], outIm[k] = dotPair(taps, inRe[low:low+len(taps)], inIm[low:low+len(taps)])
	}
}

// dotPair returns sum taps*re and sum taps*im, in four partial sums each so that additions overlap.
// The three are of one length, a multiple of 2.
func dotPair(taps, re, im []float32) (float32, float32) {
	re, im = re[:len(taps)], im[:len(taps)]
	var r0, r1, i0, i1 float32
	for j := 0; j+1 < len(taps); j += 2 {
		a, b := taps[j], taps[j+1]
		r0 += a * re[j]
		i0 += a * im[j]
		r1 += b * re[j+1]
		i1 += b * im[j+1]
	}
	return r0 + r1, i0 + i1
}

// grow returns (*buffer)[:n], making it anew only when it is too small. What it holds is not kept.
func grow[T any](buffer *[]T, n int) []T {
	if cap(*buffer) < n {
		*buffer = make([]T, n)
	}
	*buffer = (*buffer)[:n]
	return *buffer
}
