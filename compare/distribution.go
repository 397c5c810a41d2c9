package compare

import "math"

// normalQuantile is the point below which a standard normal variable is with probability p.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalTail is the probability that a standard normal variable is further than z from 0.
func normalTail(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// critical is how many standard errors a two-sided interval of this level reaches to either side, with Student's distribution
// of df degrees of freedom: the point beyond which, on both sides together, 1 - level lies.
func critical(level, df float64) float64 {
	z := normalQuantile((1 + level) / 2)
	if df <= 0 {
		return math.Inf(1)
	}
	if df > 1e5 || math.IsInf(z, 1) { // then the two agree to five digits
		return z
	}
	// Newton's steps on the logarithms, on which the tail is all but straight.
	outside, t := 1-level, max(z, 1e-3)
	for range 50 {
		tail := studentTail(t, df)
		step := math.Log(tail/outside) * tail / (2 * t * studentDensity(t, df))
		t *= math.Exp(step)
		if math.Abs(step) < 1e-10 {
			break
		}
	}
	return t
}

// studentDensity is that of Student's t of df degrees of freedom.
func studentDensity(t, df float64) float64 {
	upper, _ := math.Lgamma((df + 1) / 2)
	lower, _ := math.Lgamma(df / 2)
	return math.Exp(upper-lower-(df+1)/2*math.Log1p(t*t/df)) / math.Sqrt(df*math.Pi)
}

// studentTail is the probability that Student's t of df degrees of freedom is further than t from 0 (Abramowitz and Stegun,
// 26.7.1 and 26.5.27).
func studentTail(t, df float64) float64 { return incompleteBeta(df/(df+t*t), df/2, 0.5) }

// incompleteBeta is the regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun,
// 26.5.8) evaluated as Lentz does.
func incompleteBeta(x, a, b float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) { // where the fraction of the other side converges faster
		return 1 - incompleteBeta(1-x, b, a)
	}
	lga, _ := math.Lgamma(a)
	lgb, _ := math.Lgamma(b)
	lgab, _ := math.Lgamma(a + b)
	front := math.Exp(lgab-lga-lgb+a*math.Log(x)+b*math.Log1p(-x)) / a
	return front * betaFraction(x, a, b)
}

func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	guard := func(y float64) float64 {
		if math.Abs(y) < tiny {
			return tiny
		}
		return y
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	h := d
	for i := range 500 {
		m := float64(i + 1)
		for _, term := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / guard(1+term*d)
			c = guard(1 + term/c)
			h *= c * d
		}
		if math.Abs(c*d-1) < 1e-15 {
			break
		}
	}
	return h
}
