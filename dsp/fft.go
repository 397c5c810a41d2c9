package dsp

// maxFFT keeps a mistaken length from asking for gigabytes.
const maxFFT = 1 << 24

// FFT is the plan of a discrete Fourier transform of one length. The data are split-complex: real and
// imaginary parts in slices of their own, which halves the shuffling that interleaved pairs need.
//
// Powers of two go through a radix-4 transform; every other length through Bluestein's algorithm on a power
// of two, at about five times the cost. A plan holds scratch memory and serves one goroutine at a time.
type FFT struct {
	n     int
	radix *radixPlan
	chirp *chirpPlan // set when n is not a power of two
}

// NewFFT plans transforms of n points, 1 <= n <= 2^24. The error is an *Error with code bad_size.
func NewFFT(n int) (*FFT, error) {
	if n < 1 || n > maxFFT {
		return nil, refuse("bad_size", "an FFT of %d points; want 1 to %d", n, maxFFT)
	}
	if n&(n-1) == 0 {
		return &FFT{n: n, radix: newRadixPlan(n)}, nil
	}
	return &FFT{n: n, chirp: newChirpPlan(n)}, nil
}

// Len returns the plan's number of points.
func (f *FFT) Len() int { return f.n }

// Forward transforms in place, X[k] = sum_j x[j] exp(-2 pi i j k / n), in natural order.
// It panics when re or im is not n long.
func (f *FFT) Forward(re, im []float32) {
	f.check(re, im)
	f.scrambled(re, im)
	if f.radix != nil {
		f.radix.unscramble(re, im)
	}
}

// Inverse transforms in place, x[j] = 1/n sum_k X[k] exp(+2 pi i j k / n), in natural order.
// It panics when re or im is not n long.
func (f *FFT) Inverse(re, im []float32) {
	// Swapping the parts conjugates on the way in and on the way out.
	f.Forward(im, re)
	scale(re, im, 1/float32(f.n))
}

// scrambled is Forward without its last step: frequency k ends up at position(k).
func (f *FFT) scrambled(re, im []float32) {
	if f.chirp != nil {
		f.chirp.forward(re, im)
		return
	}
	f.radix.forward(re, im)
}

func (f *FFT) position(k int) int {
	if f.chirp != nil {
		return k
	}
	return f.radix.position(k)
}

func (f *FFT) check(re, im []float32) {
	if len(re) != f.n || len(im) != f.n {
		panic(refuse("bad_size", "%d real and %d imaginary parts for an FFT of %d points", len(re), len(im), f.n))
	}
}
