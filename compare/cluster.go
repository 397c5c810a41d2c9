package compare

import "math"

// column is one figure of an arm's fixes, and the session that each fix is of.
type column struct {
	x       []float64
	cluster []uint64
}

// linear is what clusters do to the mean of a column: its variance, and what each cluster has to do with it.
type linear struct {
	mean      float64
	n         int
	clusters  int
	variance  float64            // of the mean, by the jackknife that leaves out one cluster at a time
	df        float64            // degrees of freedom of the variance
	influence map[uint64]float64 // by cluster: how the mean moves when it is left out
}

// newLinear computes the mean and its clustered variance.
func newLinear(c column) linear {
	type cluster struct{ n, sum float64 }
	totals := make(map[uint64]cluster)
	sum := 0.0
	for i, x := range c.x {
		t := totals[c.cluster[i]]
		t.n++
		t.sum += x
		totals[c.cluster[i]] = t
		sum += x
	}
	n := float64(len(c.x))
	l := linear{mean: sum / n, n: len(c.x), clusters: len(totals), influence: make(map[uint64]float64, len(totals))}
	if len(totals) < 2 {
		l.mean, l.variance = sum/max(n, 1), math.Inf(1)
		return l
	}
	k := float64(len(totals))
	var squares, fourths float64
	for id, t := range totals {
		moved := (t.sum - l.mean*t.n) / (n - t.n)
		l.influence[id] = moved
		l.variance += moved * moved * (k - 1) / k
		squares += t.n * t.n
		fourths += t.n * t.n * t.n * t.n
	}
	l.df = max(squares*squares/fourths-1, 0)
	return l
}

// correlation is that of the estimates of two arms that answered the same captures, from what each session does to both.
func correlation(a, b linear) float64 {
	var covariance float64
	for id, moved := range a.influence {
		covariance += moved * b.influence[id]
	}
	k := float64(a.clusters)
	r := covariance * (k - 1) / k / math.Sqrt(a.variance*b.variance)
	if math.IsNaN(r) { // one of them does not vary
		return 0
	}
	return min(max(r, -1), 1)
}
