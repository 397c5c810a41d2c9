package dsp

import "math"

// The inner loops, as plain functions over slices, so that a file for a vector unit can replace this one
// behind a build tag. Slices are cut to one length before each loop: the compiler then drops the bounds checks.
// The hottest are kept from inlining, which would make them share the registers of a large caller.

// radix4Pass runs one decimation-in-frequency pass over every block of 4 len(twiddles) points.
// The second and third outputs change places, which makes the final order plain bit reversal.
func radix4Pass(re, im []float32, twiddles []twiddle) {
	q := len(twiddles)
	for ; len(re) >= 4*q && len(im) >= 4*q; re, im = re[4*q:], im[4*q:] {
		r0, r1, r2, r3 := re[:q], re[q:][:q], re[2*q:][:q], re[3*q:][:q]
		i0, i1, i2, i3 := im[:q], im[q:][:q], im[2*q:][:q], im[3*q:][:q]
		for j := range twiddles {
			w := &twiddles[j]
			sr, dr := r0[j]+r2[j], r0[j]-r2[j]
			si, di := i0[j]+i2[j], i0[j]-i2[j]
			tr, er := r1[j]+r3[j], r1[j]-r3[j]
			ti, ei := i1[j]+i3[j], i1[j]-i3[j]
			r0[j], i0[j] = sr+tr, si+ti
			ar, ai := sr-tr, si-ti
			br, bi := dr+ei, di-er
			cr, ci := dr-ei, di+er
			r1[j], i1[j] = ar*w.re2-ai*w.im2, ar*w.im2+ai*w.re2
			r2[j], i2[j] = br*w.re1-bi*w.im1, br*w.im1+bi*w.re1
			r3[j], i3[j] = cr*w.re3-ci*w.im3, cr*w.im3+ci*w.re3
		}
	}
}

// radix8Tail transforms every block of eight points, outputs bit-reversed.
func radix8Tail(re, im []float32) {
	const h = math.Sqrt2 / 2
	for ; len(re) >= 8 && len(im) >= 8; re, im = re[8:], im[8:] {
		r, i := (*[8]float32)(re), (*[8]float32)(im)
		a0r, b0r := r[0]+r[4], r[0]-r[4]
		a0i, b0i := i[0]+i[4], i[0]-i[4]
		a1r, c1r := r[1]+r[5], r[1]-r[5]
		a1i, c1i := i[1]+i[5], i[1]-i[5]
		a2r, b2i := r[2]+r[6], r[6]-r[2]
		a2i, b2r := i[2]+i[6], i[2]-i[6]
		a3r, c3r := r[3]+r[7], r[3]-r[7]
		a3i, c3i := i[3]+i[7], i[3]-i[7]
		b1r, b1i := (c1r+c1i)*h, (c1i-c1r)*h
		b3r, b3i := (c3i-c3r)*h, -(c3r+c3i)*h

		sr, si, dr, di := a0r+a2r, a0i+a2i, a0r-a2r, a0i-a2i
		tr, ti, er, ei := a1r+a3r, a1i+a3i, a1r-a3r, a1i-a3i
		r[0], i[0] = sr+tr, si+ti
		r[1], i[1] = sr-tr, si-ti
		r[2], i[2] = dr+ei, di-er
		r[3], i[3] = dr-ei, di+er
		sr, si, dr, di = b0r+b2r, b0i+b2i, b0r-b2r, b0i-b2i
		tr, ti, er, ei = b1r+b3r, b1i+b3i, b1r-b3r, b1i-b3i
		r[4], i[4] = sr+tr, si+ti
		r[5], i[5] = sr-tr, si-ti
		r[6], i[6] = dr+ei, di-er
		r[7], i[7] = dr-ei, di+er
	}
}

// radix4Tail transforms every block of four points, outputs bit-reversed.
func radix4Tail(re, im []float32) {
	for ; len(re) >= 4 && len(im) >= 4; re, im = re[4:], im[4:] {
		r, i := (*[4]float32)(re), (*[4]float32)(im)
		sr, si, dr, di := r[0]+r[2], i[0]+i[2], r[0]-r[2], i[0]-i[2]
		tr, ti, er, ei := r[1]+r[3], i[1]+i[3], r[1]-r[3], i[1]-i[3]
		r[0], i[0] = sr+tr, si+ti
		r[1], i[1] = sr-tr, si-ti
		r[2], i[2] = dr+ei, di-er
		r[3], i[3] = dr-ei, di+er
	}
}

// radix2Tail transforms every pair of points.
func radix2Tail(re, im []float32) {
	for ; len(re) >= 2 && len(im) >= 2; re, im = re[2:], im[2:] {
		re[0], re[1] = re[0]+re[1], re[0]-re[1]
		im[0], im[1] = im[0]+im[1], im[0]-im[1]
	}
}

// multiply sets dst = a b, complex, element by element. dst may be a or b.
func multiply(dstRe, dstIm, aRe, aIm, bRe, bIm []float32) {
	n := len(dstRe)
	dstIm, aRe, aIm, bRe, bIm = dstIm[:n], aRe[:n], aIm[:n], bRe[:n], bIm[:n]
	for j := range dstRe {
		ar, ai, br, bi := aRe[j], aIm[j], bRe[j], bIm[j]
		dstRe[j], dstIm[j] = ar*br-ai*bi, ar*bi+ai*br
	}
}

// scale multiplies both parts by s.
func scale(re, im []float32, s float32) {
	im = im[:len(re)]
	for j := range re {
		re[j] *= s
		im[j] *= s
	}
}

// applyWindow sets dst = window src for both parts.
//
//go:noinline
func applyWindow(dstRe, dstIm, re, im, window []float32) {
	n := len(window)
	dstRe, dstIm, re, im = dstRe[:n], dstIm[:n], re[:n], im[:n]
	for j, w := range window {
		dstRe[j] = w * re[j]
		dstIm[j] = w * im[j]
	}
}

// addPower adds |x|^2 to power.
//
//go:noinline
func addPower(power, re, im []float32) {
	re, im = re[:len(power)], im[:len(power)]
	for j := range power {
		power[j] += re[j]*re[j] + im[j]*im[j]
	}
}

// bandPowers writes gain times each band's sum to out[0], out[stride], out[2 stride] ...
//
//go:noinline
func bandPowers(out []float32, stride int, b *bank, power []float32, gain float32) {
	from := b.start[0]
	for band, to := range b.start[1:] {
		weight, index := b.weight[from:to], b.index[from:to]
		index = index[:len(weight)]
		var sum float32
		for j, w := range weight {
			sum += w * power[index[j]]
		}
		out[band*stride] = gain * sum
		from = to
	}
}

// logarithms replaces x by max(ln(x 2^exponent), floor). Values too small for a normal float32 give floor.
func logarithms(x []float32, exponent int32, floor float32) {
	for j, v := range x {
		y := floor
		if v >= leastNormal {
			bits := math.Float32bits(v) + (oneBits - rootHalfBits)
			e := float32(int32(bits>>23) - 127 + exponent)
			f := math.Float32frombits(bits&mantissaBits+rootHalfBits) - 1
			y = max(e*ln2High+(mantissaLog(f)+e*ln2Low), floor)
		}
		x[j] = y
	}
}

// largest returns the bits of the largest |x|. Bits order magnitudes as numbers do, with infinity above every
// number and NaN above infinity.
//
//go:noinline
func largest(x []float32) uint32 {
	var a, b uint32
	for ; len(x) >= 2; x = x[2:] {
		a = max(a, math.Float32bits(x[0])&^(1<<31))
		b = max(b, math.Float32bits(x[1])&^(1<<31))
	}
	for _, v := range x {
		a = max(a, math.Float32bits(v)&^(1<<31))
	}
	return max(a, b)
}

// sum adds up x in float64, in four lanes.
func sum(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

// sumSquares adds up (x - mean)^2 in float64, in four lanes.
func sumSquares(x []float32, mean float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := float64(x[0])-mean, float64(x[1])-mean, float64(x[2])-mean, float64(x[3])-mean
		a += p * p
		b += q * q
		c += r * r
		d += s * s
	}
	for _, v := range x {
		p := float64(v) - mean
		a += p * p
	}
	return (a + b) + (c + d)
}

// affine sets x = (x - mean) gain.
func affine(x []float32, mean, gain float64) {
	for j, v := range x {
		x[j] = float32((float64(v) - mean) * gain)
	}
}
