package dsp

import (
	"math"
	"slices"
)

const (
	// cellBins is the resolution of the band's mask, in resolution bins: a Hann window smears a line over
	// about four.
	cellBins = 4

	// A line is what fills less than three quarters of a window of lineCells cells or of lineWidth, whichever is the
	// wider: what is narrower than some 200 Hz tells no delay better than 5 ms. Lines only hide, by their
	// energy, what does tell delays, so they are limited to the level around them (from the window's lower
	// quartile) where they stand out from it by lineExcess or more.
	lineCells    = 4
	lineWidth    = 300 // Hz
	lineExcess   = 4
	lineQuartile = -0.674 // normal score

	// minExcess is the least excess over the noise floor that counts as a signal, however long the average:
	// receivers' pass-bands are no flatter.
	minExcess = 1.15

	// Cells this far below the median are the stop-band of a receiver's filter, or the gap beside a signal
	// that fills most of the band.
	stopBand = 20

	// The chances that any cell of a spectrum without signals is marked, as certainly and as likely occupied.
	certainAlarm = 1e-6
	likelyAlarm  = 1e-3

	// floorShare is the least share of the band that must lie at the noise floor for it to be found.
	floorShare = 0.1

	// floorSpread is the relative standard deviation of the averages that the noise floor is found from, where
	// the band holds enough of them.
	floorSpread = 0.07
)

// Band is the part of the spectrum that at least two receivers hear.
type Band struct {
	Low, High     float64 // Hz, from the centre frequency: the edges
	Bandwidth     float64 // B, Hz: of the flat band with the same spread of frequencies, sqrt(12 var f)
	TimeBandwidth float64 // N: independent samples, time times the bandwidth of the bins used
}

// bandFinder finds the occupied bins of averaged power spectra (bins ascending in frequency).
//
// Receiver by receiver, lines are limited to their surroundings and the noise floor is found: the lowest level about
// which a tenth of the band lies, within the fluctuations of the averages. (The lowest level of all would be
// that of the slopes of a receiver's filter.) Then cells whose excess over the floor is significant in at least
// two receivers are marked, at every scale from one cell to half of the band, narrow ones first, so that narrow
// strong and wide weak signals are both found. A signal that fills the band leaves no floor: nothing stands out, and
// everything that passes the receivers is taken.
type bandFinder struct {
	cells     int
	bins      int     // a cell
	dof       float64 // independent values averaged in a cell (shape of its gamma distribution)
	receivers int
	flat      bool        // marked without regard to the excess
	lines     [][]line    // [R] bins that were limited
	level     [][]float32 // [R][cells] mean power without lines; then as a ratio to the floor
	sums      [][]float64 // [R][cells+1] running sums of level over unmarked cells
	free      []int       // [cells+1] running count of unmarked cells
	marked    []bool      // [cells]
	excess    []float64   // [cells] second-largest ratio to the floor
	scratch   []float32
	smoothed  []float64
}

// line is a bin that stands out as a line, and the gain that brings it to the level around it.
type line struct {
	bin  int
	gain float32
}

// find finds the levels of all cells over the noise floors, given power spectra that average over count values a bin, of bins that lie
// pad times finer than the spectra resolve and df Hz apart. Where power stands out as a line it is limited in place, and
// lines says by what amplitude.
func (b *bandFinder) find(power [][]float32, count, pad, df float64) {
	b.receivers = len(power)
	size := len(power[0])
	b.bins = max(1, min(int(cellBins*pad+0.5), size/16))
	b.cells = size / b.bins
	// The powers of bins of a Hann window are correlated: (2/3)^2 with the next one, (1/6)^2 with the one after.
	b.dof = max(1, count*float64(b.bins)/pad/1.95)
	for len(b.level) < len(power) {
		b.level = append(b.level, nil)
		b.sums = append(b.sums, nil)
		b.lines = append(b.lines, nil)
	}
	grow(&b.marked, b.cells)
	grow(&b.excess, b.cells)
	for i := range power {
		b.limitLines(i, power[i], count, int(lineWidth/df))
		b.normalise(i)
	}
	for c := range b.excess {
		b.excess[c], _ = b.secondLargest(func(i int) float64 { return float64(b.level[i][c]) })
	}
}

// markCertain marks what cannot be chance, and says whether there is any. About twice as many windows are looked
// at as there are cells. No credit is given for two receivers having to agree: where all hear one strong
// noise-like signal their fluctuations are the same.
func (b *bandFinder) markCertain() bool {
	return b.mark(normalScore(certainAlarm / (2 * float64(b.cells))))
}

// markLikely marks what cannot be chance if two receivers' fluctuations are independent, and says whether there
// is any.
func (b *bandFinder) markLikely() bool {
	return b.mark(normalScore(math.Sqrt(likelyAlarm / (2 * float64(b.cells) * float64(PairCount(b.receivers))))))
}

// markAll marks everything that passes at least two receivers' filters.
func (b *bandFinder) markAll() {
	b.flat = true
	any := false
	for c := range b.marked {
		b.marked[c] = b.excess[c] > 0
		any = any || b.marked[c]
	}
	for c := range b.marked {
		b.marked[c] = b.marked[c] || !any
	}
}

// cell returns the bins of a cell; the last one takes what is left over.
func (b *bandFinder) cell(c, size int) (low, high int) {
	low, high = c*b.bins, (c+1)*b.bins
	if c == b.cells-1 {
		high = size
	}
	return low, high
}

// limitLines limits power where it stands out of the levels around it, and averages it into level[i].
func (b *bandFinder) limitLines(i int, power []float32, count float64, width int) {
	b.lines[i] = b.lines[i][:0]
	level := grow(&b.level[i], b.cells)
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
				b.lines[i] = append(b.lines[i], line{low + j, float32(math.Sqrt(around / float64(p)))})
				p = float32(around)
				power[low+j] = p
			}
			sum += p
		}
		level[c] = sum / float32(high-low)
	}
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

// mark marks what exceeds the floors by the given score, and says whether there is any.
func (b *bandFinder) mark(score float64) bool {
	b.flat = false
	clear(b.marked)
	any := false
	for width, stale := 1, true; width <= max(1, b.cells/2); width *= 2 {
		if stale {
			b.accumulate()
		}
		stale = b.markScale(width, score)
		any = any || stale
	}
	b.fillGaps()
	return any
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

func (b *bandFinder) accumulate() {
	free := grow(&b.free, b.cells+1)
	free[0] = 0
	for c, m := range b.marked {
		free[c+1] = free[c]
		if !m {
			free[c+1]++
		}
	}
	for i := range b.receivers {
		sums := grow(&b.sums[i], b.cells+1)
		sums[0] = 0
		for c, v := range b.level[i] {
			sums[c+1] = sums[c]
			if !b.marked[c] {
				sums[c+1] += float64(v)
			}
		}
	}
}

// markScale looks at windows of width cells; where at least two receivers hear more than their floors it marks
// the part of the window and of its surroundings that carries the excess.
func (b *bandFinder) markScale(width int, score float64) bool {
	any := false
	for low := 0; low+width <= b.cells; low += max(1, width/2) {
		high := low + width
		n := b.free[high] - b.free[low]
		if 2*n <= width {
			continue
		}
		sum, who := b.secondLargest(func(i int) float64 { return b.sums[i][high] - b.sums[i][low] })
		mean := sum / float64(n)
		if mean > max(minExcess, gammaQuantile(b.dof*float64(n), score)) {
			any = b.markInterval(b.level[who], max(0, low-width), min(b.cells, high+width), (1+mean)/2) || any
		}
	}
	return any
}

// markInterval marks the interval between low and high over which the sum of level - middle is largest, with
// middle half-way between the noise and the signal: of two levels, that is where the upper one most likely
// lies. Cells already marked count for nothing.
func (b *bandFinder) markInterval(level []float32, low, high int, middle float64) bool {
	var sum, best float64
	from, bestFrom, bestTo := low, low, low
	for c := low; c < high; c++ {
		if b.marked[c] {
			continue
		}
		if sum <= 0 {
			sum, from = 0, c
		}
		sum += float64(level[c]) - middle
		if sum > best {
			best, bestFrom, bestTo = sum, from, c+1
		}
	}
	for c := bestFrom; c < bestTo; c++ {
		b.marked[c] = true
	}
	return bestTo > bestFrom
}

// secondLargest returns the second largest of the receivers' values, and whose it is.
func (b *bandFinder) secondLargest(value func(i int) float64) (second float64, who int) {
	first, firstWho := 0.0, 0
	for i := range b.receivers {
		v := value(i)
		if v > first {
			first, firstWho, second, who = v, i, first, firstWho
		} else if v > second {
			second, who = v, i
		}
	}
	return second, who
}

// fillGaps marks up to two cells between marked ones: a spectrum averaged over few frames has holes.
func (b *bandFinder) fillGaps() {
	last := -1
	for c, m := range b.marked {
		if !m {
			continue
		}
		if last >= 0 && c-last <= 3 {
			for g := last + 1; g < c; g++ {
				b.marked[g] = true
			}
		}
		last = c
	}
}

// gammaQuantile is the Wilson-Hilferty approximation of the quantile, at a normal score, of the mean of
// dof exponentially distributed values of mean 1.
func gammaQuantile(dof, score float64) float64 {
	v := 1 / (9 * dof)
	q := 1 - v + score*math.Sqrt(v)
	return max(q*q*q, 1e-3)
}

// normalScore returns the score that a normal variable exceeds with probability p < 0.1, to a few hundredths
// (the asymptotic expansion of the tail).
func normalScore(p float64) float64 {
	u := math.Sqrt(-2 * math.Log(p))
	return u - (math.Log(u*u)+math.Log(2*math.Pi))/(2*u)
}

// selectFloat32 returns the k-th smallest value and reorders x (Hoare's quickselect).
func selectFloat32(x []float32, k int) float32 {
	low, high := 0, len(x)-1
	for low < high {
		pivot := x[(low+high)/2]
		i, j := low, high
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		if k <= j {
			high = j
		} else if k >= i {
			low = i
		} else {
			break
		}
	}
	return x[k]
}
