package grid

// exclude leaves out receivers whose clock is off by more than any baseline explains: a receiver
// most of whose pairs correlate best outside their lag window, or not at all though its partners
// hear the signal well (a clock off by more than the correlation reaches, or a deaf receiver).
// The worst one goes first, then the rest are judged again without it, down to two and at most
// excludeSteps times. It returns which receivers stay.
//
// A pair says that one of its two is bad, not which. So a receiver that has just half of its
// pairs against it goes only when no other has as many.
func exclude(receivers int, peaks []peak) []bool {
	markSilent(receivers, peaks)
	active := make([]bool, receivers)
	for i := range active {
		active[i] = true
	}
	for range excludeSteps {
		count := make([]int, receivers)
		left := 0
		for p, ab := range pairs(receivers) {
			if (peaks[p].bad || peaks[p].silent) && active[ab.a] && active[ab.b] {
				count[ab.a]++
				count[ab.b]++
			}
		}
		worst, ties := 0, 0
		for i, n := range count {
			if active[i] {
				left++
			}
			if n > count[worst] {
				worst = i
			}
		}
		for _, n := range count {
			if n == count[worst] {
				ties++
			}
		}
		single := 0
		if ties == 1 {
			single = 1
		}
		if left >= 3 && 2*count[worst]+single > left-1 {
			active[worst] = false
		}
	}
	return active
}

// markSilent finds the pairs that have no peak although one of the two correlates with another so
// well that even a faint partner would show.
func markSilent(receivers int, peaks []peak) {
	best := make([]float64, receivers) // the highest rho² of the receiver's pairs
	for p, ab := range pairs(receivers) {
		best[ab.a] = max(best[ab.a], peaks[p].rho2)
		best[ab.b] = max(best[ab.b], peaks[p].rho2)
	}
	for p, ab := range pairs(receivers) {
		k := &peaks[p]
		expected := k.timeBand * faintest * max(best[ab.a], best[ab.b])
		k.silent = k.outlier > silentOutlier && expected > excludeEnergy
	}
}

// activePairs says for each pair whether both its receivers are active.
func activePairs(active []bool) []bool {
	var both []bool
	for _, ab := range pairs(len(active)) {
		both = append(both, active[ab.a] && active[ab.b])
	}
	return both
}
