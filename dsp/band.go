package dsp

import "math"

const (
	// cellBins is the resolution of the band's mask, in resolution bins: a Hann window smears a line over
	// about four.
	cellBins = 4

	// minExcess is the least excess over the noise floor that counts as a signal, however long the average:
	// receivers' pass-bands are no flatter.
	minExcess = 1.15

	// The chances that any cell of a spectrum without signals is marked, as certainly and as likely occupied.
	certainAlarm = 1e-6
	likelyAlarm  = 1e-3
)

// Band is the part of the spectrum that at least two receivers hear.
type Band struct {
	Low, High     float64 // Hz, from the centre frequency: the edges
	Bandwidth     float64 // B, Hz: of the flat band with the same spread of frequencies, sqrt(12 var f)
	TimeBandwidth float64 // N: independent samples, effective time times the bandwidth that holds the energy
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
	lines     []line      // bins that were limited, of all receivers: see linesOf
	linesEnd  []int       // [R]
	levels    []float32   // [R, cells] mean power without lines; then as a ratio to the floor
	level     [][]float32 // [R] views into levels
	sums      []float64   // [R, cells+1] running sums of level over unmarked cells
	free      []int       // [cells+1] running count of unmarked cells
	marked    []bool      // [cells]
	excess    []float64   // [cells] second-largest ratio to the floor
	scratch   []float32
	smoothed  []float64
}

// find finds the levels of all cells over the noise floors, given power spectra that average over count values a
// bin, of bins that lie pad times finer than the spectra resolve and df Hz apart. Where power stands out as a line
// it is limited in place, and lines says by what amplitude.
func (b *bandFinder) find(power [][]float32, count, pad, df float64) {
	b.receivers = len(power)
	size := len(power[0])
	b.bins = max(1, min(int(cellBins*pad+0.5), size/16))
	b.cells = size / b.bins
	// The powers of bins of a Hann window are correlated: (2/3)^2 with the next one, (1/6)^2 with the one after.
	b.dof = max(1, count*float64(b.bins)/pad/1.95)
	b.lines, b.linesEnd = b.lines[:0], b.linesEnd[:0]
	grow(&b.levels, b.receivers*b.cells)
	grow(&b.level, b.receivers)
	grow(&b.sums, b.receivers*(b.cells+1))
	grow(&b.marked, b.cells)
	grow(&b.excess, b.cells)
	for i := range power {
		b.level[i] = b.levels[i*b.cells : (i+1)*b.cells]
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
		sums := b.sumsOf(i)
		sums[0] = 0
		for c, v := range b.level[i] {
			sums[c+1] = sums[c]
			if !b.marked[c] {
				sums[c+1] += float64(v)
			}
		}
	}
}

func (b *bandFinder) sumsOf(i int) []float64 { return b.sums[i*(b.cells+1) : (i+1)*(b.cells+1)] }

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
		sum, who := b.secondLargest(func(i int) float64 {
			sums := b.sumsOf(i)
			return sums[high] - sums[low]
		})
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
