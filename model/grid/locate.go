package grid

// Locate is the estimator in plain Go and double precision: what the graph of [Build] computes,
// written to be read. Any finite features give finite answers. It needs at least two receivers.
func Locate(f *Features) Estimate {
	peaks := measurePeaks(f)
	active := exclude(len(f.ReceiverPosition), peaks)
	e := weigh(f, peaks, active)

	coarse := e.coarse()
	var found []mode
	for _, cell := range coarse.peaks() {
		s, m := e.refine(coarse.around(cell))
		found = append(found, mode{m, s})
	}
	s, m := e.refine(coarse.next(coarse.moments()))
	fix, confidence, seen := answer(found, mode{m, s})

	used, far := e.used(seen.posterior()), coarse.outside()
	return Estimate{
		Position: fix.mean, Covariance: e.honest(fix.cov, count(used), far),
		Confidence: confidence * far.inside(),
		Used:       used, Residual: e.residuals(peaks, used, fix.mean)}
}

// used tells the receivers that take part: those active whose own hypothesis is not the likely one.
func (e *evidence) used(posterior []float64) []bool {
	used := make([]bool, len(e.active))
	for i := range used {
		used[i] = e.active[i] && posterior[1+i] <= namePosterior
	}
	return used
}

func count(set []bool) int {
	n := 0
	for _, on := range set {
		if on {
			n++
		}
	}
	return n
}
