package dsp

import "math"

// cell returns the bins of a cell; the last one takes what is left over.
func (b *bandFinder) cell(c, size int) (low, high int) {
	low, high = c*b.bins, (c+1)*b.bins
	if c == b.cells-1 {
		high = size
	}
	return low, high
}

// runs appends the occupied bins as ranges [low, high), ascending.
func (b *bandFinder) runs(dst [][2]int, size int) [][2]int {
	for c, m := range b.marked {
		if !m {
			continue
		}
		low, high := b.cell(c, size)
		if n := len(dst); n > 0 && dst[n-1][1] == low {
			dst[n-1][1] = high
			continue
		}
		dst = append(dst, [2]int{low, high})
	}
	return dst
}

// spread returns sqrt(12 var f) in bins, f weighted by the excess over the floor where there is any.
func (b *bandFinder) spread() float64 {
	var sum, first, second float64
	for c, m := range b.marked {
		if !m {
			continue
		}
		w := 1.0
		if !b.flat {
			w = max(b.excess[c]-1, 0.02)
		}
		f := float64(c) - float64(b.cells)/2
		sum += w
		first += w * f
		second += w * f * f
	}
	mean := first / sum
	// A cell is itself a flat band: var 1/12 in units of cells.
	return math.Sqrt(12*max(0, second/sum-mean*mean)+1) * float64(b.bins)
}

// flatGroup is how many independent values a level is averaged over before levels of different frequencies are
// compared, so that a noise-like signal's fluctuations do not pass for its shape.
const flatGroup = 32

// flatness is by how much the energy of two receivers' occupied cells concentrates: with S_a and S_b their levels
// there, mean S_a mean S_b / mean(S_a S_b). The correlation of independent noise of these spectra has a mean square
// of 1 / (N flatness), N being time times the width of all occupied cells.
func (b *bandFinder) flatness(i, j int) float64 {
	width := max(1, int(flatGroup/b.dof))
	var sumA, sumB, product, cells float64
	var groupA, groupB, inGroup float64
	for c, m := range b.marked {
		if m {
			groupA += float64(b.level[i][c])
			groupB += float64(b.level[j][c])
			inGroup++
		}
		if inGroup > 0 && (int(inGroup) == width || c == b.cells-1) {
			sumA += groupA
			sumB += groupB
			product += groupA * groupB / inGroup
			cells += inGroup
			groupA, groupB, inGroup = 0, 0, 0
		}
	}
	if !(product > 0) {
		return 1
	}
	return min(1, sumA*sumB/(cells*product))
}
