package dsp

import "math"

// bank is a sparse filter bank, rows one after another: band b sums weight[j] power[index[j]] for j from
// start[b] to start[b+1]. Its indices already point into the transform's own output order.
type bank struct {
	start  []int32
	index  []int32
	weight []float32
}

// spectrum says where the frequencies of a two-sided spectrum lie. Row r, 0 <= r < n, counts from the most
// negative frequency, so that row n/2 is frequency 0.
type spectrum struct {
	n        int
	spacing  float64       // Hz between rows
	position func(int) int // where the transform leaves FFT bin k
}

// add appends a weight to the band being built.
func (b *bank) add(s spectrum, row int, weight float64) {
	if weight > 0 {
		b.index = append(b.index, int32(s.position((row-s.n/2+s.n)%s.n)))
		b.weight = append(b.weight, float32(weight))
	}
}

// close ends the band being built.
func (b *bank) close() { b.start = append(b.start, int32(len(b.index))) }

// newBank lays the configured bank over a spectrum; fMax is resolved, never 0.
func newBank(c SpectrogramConfig, fMax float64, s spectrum) *bank {
	b := &bank{start: []int32{0}}
	switch c.Bank {
	case BankLinear:
		b.linear(s, c.Bands/2, -fMax, -c.FMin)
		b.linear(s, c.Bands/2, c.FMin, fMax)
	case BankMel:
		points := melPoints(c.Bands/2+2, c.FMin, fMax)
		for band := c.Bands/2 - 1; band >= 0; band-- {
			b.triangle(s, points[band:band+3], -1, true)
		}
		for band := range c.Bands / 2 {
			b.triangle(s, points[band:band+3], +1, true)
		}
	case BankMelOneSided:
		points := melPoints(c.Bands+2, c.FMin, fMax)
		for band := range c.Bands {
			b.triangle(s, points[band:band+3], +1, false)
		}
	}
	return b
}

// linear adds bands of equal width from low to high: each is the mean power over its width. The n rows share
// -rate/2 to rate/2 equally, a row counting for the part of its share that lies in the band. As many bands as
// rows over the full range are the spectrum itself.
func (b *bank) linear(s spectrum, bands int, low, high float64) {
	width := (high - low) / float64(bands)
	edge := -s.spacing * float64(s.n) / 2 // of row 0's share
	for band := range bands {
		from, to := low+width*float64(band), low+width*float64(band+1)
		first := max(int((from-edge)/s.spacing), 0)
		for row := first; row < s.n && edge+s.spacing*float64(row) < to; row++ {
			share := edge + s.spacing*float64(row)
			overlap := min(to, share+s.spacing) - max(from, share)
			if overlap > 1e-9*s.spacing { // less is rounding, not a part
				b.add(s, row, overlap/width)
			}
		}
		b.close()
	}
}

// triangle adds one band over |f|, rising from points[0] to 1 at points[1] and falling to 0 at points[2], on
// the side of the centre frequency that sign names. Mel triangles at low frequencies can be narrower than the
// rows' spacing and miss them all; bridge then reads the power at the triangle's peak off the two nearest
// rows, where librosa leaves the band empty.
func (b *bank) triangle(s spectrum, points []float64, sign int, bridge bool) {
	low, peak, high := points[0], points[1], points[2]
	before := len(b.index)
	last := s.n / 2 // the highest bin
	for bin := int(math.Ceil(low / s.spacing)); bin <= last && float64(bin)*s.spacing < high; bin++ {
		f := float64(bin) * s.spacing
		b.add(s, rowOf(s, sign*bin), min((f-low)/(peak-low), (high-f)/(high-peak)))
	}
	if bridge && len(b.index) == before {
		bin := min(int(peak/s.spacing), last-1)
		part := peak/s.spacing - float64(bin)
		b.add(s, rowOf(s, sign*bin), 1-part)
		b.add(s, rowOf(s, sign*(bin+1)), part)
	}
	b.close()
}

// rowOf returns the row of a signed bin; bin +n/2 of an even n is bin -n/2.
func rowOf(s spectrum, bin int) int { return (bin + s.n/2 + s.n) % s.n }
