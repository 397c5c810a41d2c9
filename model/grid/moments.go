package grid

import "math"

// moments describe the probability under a surface.
type moments struct {
	mean    [2]float64
	cov     [3]float64 // xx, yy, xy
	logMass float64
}

// moments of a surface count the cells near its maximum only: the weight of a cell is
// exp(L - max) - exp(-cut), never below 0. A tail of a percent far away would otherwise stretch
// the ellipse fivefold. The variance this cuts off a Gaussian is given back by cutVariance.
func (s *surface) moments() moments {
	marginal := s.marginal()
	top := math.Inf(-1)
	for _, l := range marginal {
		top = max(top, l)
	}
	var sum, u, v, uu, vv, uv float64
	for cell, l := range marginal {
		weight := max(math.Exp(l-top)-math.Exp(-cut), 0)
		x, y := offset(cell/s.n, s.n), offset(cell%s.n, s.n)
		sum += weight
		u, v = u+weight*x, v+weight*y
		uu, vv, uv = uu+weight*x*x, vv+weight*y*y, uv+weight*x*y
	}
	u, v = u/sum, v/sum
	hu, hv := s.half[0], s.half[1]
	share, cell := cutVariance(), 1/float64(3*s.n*s.n) // a cell is a square, not a point
	cov := [3]float64{
		(max(uu/sum-u*u, 0)/share + cell) * hu * hu,
		(max(vv/sum-v*v, 0)/share + cell) * hv * hv,
		(uv/sum - u*v) * hu * hv / share}
	return moments{
		mean: [2]float64{
			s.centre[0] + u*hu*s.u[0] - v*hv*s.u[1],
			s.centre[1] + u*hu*s.u[1] + v*hv*s.u[0]},
		cov:     turn(cov, s.u),
		logMass: top + math.Log(sum) + math.Log(hu*hv/float64(s.n*s.n)),
	}
}

// turn gives a covariance along the axes of a window in those of the plane.
func turn(c [3]float64, u [2]float64) [3]float64 {
	x, y := u[0], u[1]
	return [3]float64{
		c[0]*x*x + c[1]*y*y - 2*c[2]*x*y,
		c[0]*y*y + c[1]*x*x + 2*c[2]*x*y,
		(c[0]-c[1])*x*y + c[2]*(x*x-y*y)}
}

// axes gives the variances along the principal axes, largest first, and the first axis.
func axes(c [3]float64) (variance [2]float64, u [2]float64) {
	mean, diff := (c[0]+c[1])/2, (c[0]-c[1])/2
	radius := math.Sqrt(diff*diff + c[2]*c[2])
	cos2 := (diff + tiny) / (radius + tiny)
	u = [2]float64{math.Sqrt(max((1+cos2)/2, 0)), math.Sqrt(max((1-cos2)/2, 0))}
	if c[2] < 0 {
		u[1] = -u[1]
	}
	return [2]float64{mean + radius, max(mean-radius, 0)}, u
}

// windowAxes is axes for a window: where the covariance is nearly round its principal axes mean
// nothing and the least rounding turns them, so that a twentieth of the minor variance is added
// towards east. It returns the variances along the axes that come out.
func windowAxes(c [3]float64) (variance [2]float64, u [2]float64) {
	plain, _ := axes(c)
	_, u = axes([3]float64{c[0] + steady*plain[1], c[1] - steady*plain[1], c[2]})
	x, y := u[0], u[1]
	along := c[0]*x*x + c[1]*y*y + 2*c[2]*x*y
	return [2]float64{along, max(c[0]+c[1]-along, 0)}, u
}
