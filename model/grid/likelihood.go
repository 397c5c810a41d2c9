package grid

import "math"

// window is a rectangle of the plane, turned so that its first axis lies along u.
type window struct {
	centre [2]float64 // m east, north
	u      [2]float64 // unit vector of the first axis; the second is (-u[1], u[0])
	half   [2]float64 // m, half the lengths of its sides
}

// offset is the place of cell i of n along a side from -1 to 1: the middle of the cell.
func offset(i, n int) float64 { return float64(2*i+1-n) / float64(n) }

// surface is the log-likelihood of the cells of a window.
type surface struct {
	window
	n   int         // cells a side
	log [][]float64 // [H, n n] the first axis of the window is the slower
}

// evaluate gives the logarithm of prior times likelihood for every hypothesis and cell.
func (e *evidence) evaluate(w window, n int) *surface {
	s := &surface{window: w, n: n, log: make([][]float64, len(e.weights))}
	for h := range s.log {
		s.log[h] = make([]float64, n*n)
	}
	v := [2]float64{-w.u[1], w.u[0]}
	pairLog := make([]float64, len(e.pairs))
	for cell := range n * n {
		du, dv := w.half[0]*offset(cell/n, n), w.half[1]*offset(cell%n, n)
		x := w.centre[0] + du*w.u[0] + dv*v[0]
		y := w.centre[1] + du*w.u[1] + dv*v[1]
		e.pairLikelihood(w, n, x, y, pairLog)
		prior := e.placePrior(x, y)
		for h, k := range e.weights {
			sum := e.logPrior[h] + prior
			for p := range k {
				sum += k[p] * pairLog[p]
			}
			s.log[h][cell] = sum
		}
	}
	return s
}

// pairLikelihood gives for each pair the log-likelihood of its lag at the place, relative to a
// lag that means nothing and lies anywhere in the window:
//
//	l = ln((1-eps) 2W/sqrt(2 pi V) exp(-(Delta-lag)²/2V) + eps)
//
// V is widened by what Delta changes across the cell, so that no cell can miss a narrow peak.
func (e *evidence) pairLikelihood(w window, n int, x, y float64, out []float64) {
	type distance struct{ d, du, dv float64 }
	at := make([]distance, len(e.receivers))
	for i, r := range e.receivers {
		dx, dy := x-r[0], y-r[1]
		d, chord := groundDistance(dx, dy, surfaceHeight(x, y)-r[2])
		at[i] = distance{d,
			(dx*w.u[0] + dy*w.u[1]) / chord * 2 * w.half[0] / float64(n),
			(dy*w.u[0] - dx*w.u[1]) / chord * 2 * w.half[1] / float64(n)}
	}
	for p, ab := range e.pairs {
		a, b := at[ab.a], at[ab.b]
		miss := b.d - a.d - e.lag[p]
		cell := (math.Pow(b.du-a.du, 2) + math.Pow(b.dv-a.dv, 2)) / 6
		variance := e.variance[p] + cell
		out[p] = math.Log(e.height[p]/math.Sqrt(variance)*math.Exp(-miss*miss/(2*variance)) + e.outlier[p])
	}
}

// placePrior is the logarithm of the prior of a place: emitters are near their receivers.
func (e *evidence) placePrior(x, y float64) float64 {
	dx, dy := x-e.centre[0], y-e.centre[1]
	scale := priorScale * e.spread
	return -2 * math.Log(1+(dx*dx+dy*dy)/(scale*scale))
}

// surfaceHeight is the height of the ground over the plane that touches it at the origin.
func surfaceHeight(x, y float64) float64 {
	const limit = 0.99
	r2 := min((x*x+y*y)/(earthRadius*earthRadius), limit)
	return earthRadius * (math.Sqrt(1-r2) - 1)
}

// groundDistance is the distance along the ground of two points, from the chord between them:
// the first term of the arc's series. It is within 0.7 m of the geodesic to 800 km.
func groundDistance(dx, dy, dz float64) (arc, chord float64) {
	chord2 := max(dx*dx+dy*dy+dz*dz, 1)
	chord = math.Sqrt(chord2)
	return chord * (1 + chord2/(24*earthRadius*earthRadius)), chord
}

// marginal sums the hypotheses: the log-likelihood of each cell whichever receiver is bad.
func (s *surface) marginal() []float64 {
	out := make([]float64, s.n*s.n)
	for cell := range out {
		top := math.Inf(-1)
		for _, row := range s.log {
			top = max(top, row[cell])
		}
		sum := 0.0
		for _, row := range s.log {
			sum += math.Exp(row[cell] - top)
		}
		out[cell] = top + math.Log(sum)
	}
	return out
}
