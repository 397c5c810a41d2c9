package dsp

import (
	"math"
	"slices"
)

const (
	// A line is what fills less than three quarters of a window of lineCells cells or of lineWidth, whichever is the
	// wider: what is narrower than some 200 Hz tells no delay better than 5 ms. Lines only hide, by their
	// energy, what does tell delays, so they are limited to the level around them (from the window's lower
	// quartile) where they stand out from it by lineExcess or more.
	lineCells    = 4
	lineWidth    = 300 // Hz
	lineExcess   = 4
	lineQuartile = -0.674 // normal score

	// Cells this far below the median are the stop-band of a receiver's filter, or the gap beside a signal
	// that fills most of the band.
	stopBand = 20

	// floorShare is the least share of the band that must lie at the noise floor for it to be found.
	floorShare = 0.1

	// floorSpread is the relative standard deviation of the averages that the noise floor is found from, where
	// the band holds enough of them.
	floorSpread = 0.07
)

// line is a bin that stands out as a line, and the gain that brings it to the level around it.
type line struct {
	bin  int
	gain float32
}

// limitLines limits power where it stands out of the levels around it, and averages it into level[i]. Receivers come in order.
func (b *bandFinder) limitLines(i int, power []float32, count float64, width int) {
	level := b.level[i]
	wide := min(max(lineCells*b.bins, width), len(power))
	blocks := max(1, len(power)/wide)
	levels := grow(&b.smoothed, blocks)
	bias := gammaQuantile(count, lineQuartile)
	for k := range levels {
		low, high := k*wide, min((k+1)*wide, len(power))
		if k == blocks-1 {
			high = len(power)
		}
		block := grow(&b.scratch, high-low)
		copy(block, power[low:high])
		levels[k] = float64(selectFloat32(block, len(block)/4)) / bias
	}
	excess := max(lineExcess, gammaQuantile(count, 4.5))
	for c := range level {
		low, high := b.cell(c, len(power))
		k := min(low/wide, blocks-1)
		around := max(levels[k], levels[max(k-1, 0)], levels[min(k+1, blocks-1)])
		limit := float32(around * excess)
		sum := float32(0)
		for j, p := range power[low:high] {
			if p > limit {
				b.lines = append(b.lines, line{low + j, float32(math.Sqrt(around / float64(p)))})
				p = float32(around)
				power[low+j] = p
			}
			sum += p
		}
		level[c] = sum / float32(high-low)
	}
	b.linesEnd = append(b.linesEnd, len(b.lines))
}

// linesOf returns receiver i's limited bins.
func (b *bandFinder) linesOf(i int) []line {
	from := 0
	if i > 0 {
		from = b.linesEnd[i-1]
	}
	return b.lines[from:b.linesEnd[i]]
}

// normalise divides level[i] by the receiver's noise floor; cells in the stop-band become 0.
func (b *bandFinder) normalise(i int) {
	level := b.level[i]
	// Smooth until averages are steady, over at most a sixteenth of the band.
	width := max(1, min(int(1/(floorSpread*floorSpread*b.dof)), b.cells/16))
	step := max(1, width/2)
	smoothed := b.smoothed[:0]
	for c := 0; c+width <= b.cells; c += step {
		sum := float32(0)
		for _, v := range level[c : c+width] {
			sum += v
		}
		smoothed = append(smoothed, float64(sum)/float64(width))
	}
	b.smoothed = smoothed
	slices.Sort(smoothed)
	least := smoothed[len(smoothed)/2] / stopBand
	for len(smoothed) > 1 && smoothed[0] < least {
		smoothed = smoothed[1:]
	}
	floor := noiseFloor(smoothed, b.dof*float64(width))
	if !(floor > 0) {
		clear(level)
		return
	}
	for c, v := range level {
		// At the two ends of the band a window's side lobes mix its highest with its lowest frequencies.
		if float64(v) < least || c == 0 || c == b.cells-1 {
			level[c] = 0
		} else {
			level[c] = float32(float64(v) / floor)
		}
	}
}

// noiseFloor finds the mean of the noise in ascending averages of dof values each: the lowest group that holds
// floorShare of them within two standard deviations either way, and then the mean of all within that of it.
func noiseFloor(ascending []float64, dof float64) float64 {
	low, high := gammaQuantile(dof, -2), gammaQuantile(dof, 2)
	need := max(2, int(floorShare*float64(len(ascending))+0.5))
	first, last := 0, 0
	for ; first < len(ascending); first++ {
		for last < len(ascending) && ascending[last] <= ascending[first]*high/low {
			last++
		}
		if last-first >= need {
			break
		}
	}
	if first == len(ascending) {
		return ascending[len(ascending)/2]
	}
	floor := meanOf(ascending[first:last])
	for range 10 {
		from, to := first, first
		for from < len(ascending) && ascending[from] < low*floor {
			from++
		}
		for to = from; to < len(ascending) && ascending[to] <= high*floor; to++ {
		}
		if from == to || from == first && to == last {
			break
		}
		first, last, floor = from, to, meanOf(ascending[from:to])
	}
	return floor
}

func meanOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
