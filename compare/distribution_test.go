package compare

import (
	"math"
	"testing"
)

// TestCritical holds Student's quantiles against those of printed tables.
func TestCritical(t *testing.T) {
	for _, c := range []struct{ level, df, want float64 }{
		{0.95, 1, 12.7062}, {0.95, 4, 2.7764}, {0.95, 10, 2.2281}, {0.95, 30, 2.0423}, {0.95, 120, 1.9799}, {0.95, math.Inf(1), 1.95996},
		{0.99, 2, 9.9248}, {0.99, 20, 2.8453}, {0.90, 5, 2.0150}, {0.999, 8, 5.0413}, {0.5, 3, 0.7649},
	} {
		if got := critical(c.level, c.df); math.Abs(got-c.want) > 2e-4*c.want {
			t.Errorf("critical(%g, %g) is %.5f; want %.5f", c.level, c.df, got, c.want)
		}
	}
	for _, df := range []float64{0.5, 1, 4, 33.3, 5000} { // the steps end at what they are for
		for _, outside := range []float64{0.99, 0.3, 1e-3, 1e-9} {
			if got := studentTail(critical(1-outside, df), df); math.Abs(got/outside-1) > 1e-6 {
				t.Errorf("outside of critical(1 - %g, %g) is %g", outside, df, got)
			}
		}
	}
	if got := critical(0.95, 0); !math.IsInf(got, 1) {
		t.Errorf("with no degree of freedom the interval reaches %g", got)
	}
	if p := normalTail(1.95996); math.Abs(p-0.05) > 1e-5 {
		t.Errorf("1.96 standard deviations leave %g outside", p)
	}
}

// TestEstimates holds intervals against published or exact ones.
func TestEstimates(t *testing.T) {
	ones := column{}
	for i := range 263 { // Newcombe's first example: 81 of 263, Wilson's interval 0.2553 to 0.3662
		ones.x, ones.cluster = append(ones.x, one(i < 81)), append(ones.cluster, uint64(i))
	}
	e := shareOf(ones)
	low, high := e.limits(0.95)
	if math.Abs(low-0.2553) > 1e-3 || math.Abs(high-0.3662) > 1e-3 { // which is with the normal quantile
		t.Errorf("Wilson's interval of 81 of 263 is %.4f to %.4f", low, high)
	}
	// Of 100 values the binomial ranks of the median's 95 % interval are 40 and 61.
	ranks := column{}
	for i := range 100 {
		ranks.x, ranks.cluster = append(ranks.x, float64(i+1)), append(ranks.cluster, uint64(i))
	}
	e = quantileOf(ranks, 0.5)
	if low, high = e.limits(0.95); low != 40 || high != 61 || e.value != 50.5 {
		t.Errorf("the median's interval is %g to %g about %g; want 40 to 61", low, high, e.value)
	}
	if _, high = limits(quantileOf(ranks, 0.99), 0.95); !math.IsInf(high, 1) {
		t.Errorf("of 100 values the 99th percentile is known up to %g", high)
	}
	// A mean of clusters of equal size is that of the clusters' means: Student's interval of 1..20 is 7.731 to 13.269.
	pairs := column{}
	for i := range 40 {
		pairs.x, pairs.cluster = append(pairs.x, float64(i/2+1)), append(pairs.cluster, uint64(i/2))
	}
	if low, high = limits(meanOf(pairs), 0.95); math.Abs(low-7.7312) > 1e-3 || math.Abs(high-13.2688) > 1e-3 {
		t.Errorf("the mean's interval is %.4f to %.4f", low, high)
	}
	for name, e := range map[string]estimate{"no fix": meanOf(column{}), "one session": shareOf(column{x: []float64{1, 0}, cluster: []uint64{7, 7}})} {
		if e.enough() {
			t.Errorf("%s is taken for enough", name)
		}
	}
}

func limits(e estimate, level float64) (low, high float64) { return e.limits(level) }

// TestNewcombe is the example of his paper of two independent shares: 56 of 70 and 48 of 80, difference 0.0524 to 0.3339.
func TestNewcombe(t *testing.T) {
	of := func(yes, n int) estimate {
		var c column
		for i := range n {
			c.x, c.cluster = append(c.x, one(i < yes)), append(c.cluster, uint64(i))
		}
		return shareOf(c)
	}
	d := newDifference(of(48, 80), of(56, 70), false)
	low, high := d.interval(0.95)
	if math.Abs(low-0.0524) > 4e-3 || math.Abs(high-0.3339) > 4e-3 { // which are with the normal quantile
		t.Errorf("the difference is %.4f to %.4f", low, high)
	}
	if p := d.p(); p < 0.004 || p > 0.02 {
		t.Errorf("its p is %g", p)
	}
	same := newDifference(of(0, 80), of(0, 70), false)
	if low, high = same.interval(0.95); same.p() != 1 || low > -0.03 || high < 0.03 {
		t.Errorf("none of either is %.4f to %.4f, p %g", low, high, same.p())
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("corrected: %v", got)
			break
		}
	}
	if got := holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("corrected beyond 1: %v", got)
	}
}
