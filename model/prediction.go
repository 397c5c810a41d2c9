package model

import (
	"math"

	"foxhunt/contract"
)

// positiveDefinite checks c and gives it back with a correlation below 1. A long thin ellipse may come out of float32
// with a correlation of 1 to within rounding; its thin axis is then set to the least that float32 can tell from none.
func positiveDefinite(c contract.Spread) (contract.Spread, bool) {
	const (
		rounding = 1e-6    // what a few float32 operations may have put on top of a correlation of 1
		least    = 0x1p-23 // 1 - correlation that float32 can still tell from 0
	)
	limit := math.Sqrt(c.XX) * math.Sqrt(c.YY)
	if !(c.XX > 0 && c.YY > 0 && math.Abs(c.XY) <= limit*(1+rounding)) || math.IsInf(c.XX+c.YY, 0) {
		return c, false
	}
	if limit *= 1 - least; math.Abs(c.XY) > limit {
		c.XY = math.Copysign(limit, c.XY)
	}
	return c, true
}

// covarianceOf reads an uncertainty output of that kind.
func covarianceOf(kind contract.Kind, row []float32) contract.Spread {
	switch kind {
	case contract.Covariance:
		return contract.Spread{XX: float64(row[0]), YY: float64(row[1]), XY: float64(row[2])}
	case contract.Sigma:
		return fromSigmaTheta(row[0], row[1], 0)
	}
	return fromSigmaTheta(row[0], row[1], row[2])
}

// fromSigmaTheta turns standard deviations along and across an axis that lies theta degrees counter-clockwise from
// east into a covariance: R diag(along², across²) Rᵀ with R the rotation by theta. A negative deviation is no
// deviation and gives a covariance that is not positive definite.
func fromSigmaTheta(along, across, theta float32) contract.Spread {
	if !(along > 0 && across > 0) {
		return contract.Spread{XX: math.NaN()}
	}
	sin, cos := math.Sincos(float64(theta) * math.Pi / 180)
	a, b := float64(along)*float64(along), float64(across)*float64(across)
	return contract.Spread{XX: a*cos*cos + b*sin*sin, YY: a*sin*sin + b*cos*cos, XY: (a - b) * sin * cos}
}

// reset makes p ready for the next capture, keeping its buffers.
func reset(p *contract.Prediction) {
	*p = contract.Prediction{Confidence: math.NaN(), Used: p.Used[:0], Residual: p.Residual[:0]}
}

// readOutput takes one capture's row of an output into p.
func readOutput(p *contract.Prediction, kind contract.Kind, frame contract.Frame, row []float32) {
	if !finite(row) {
		p.Err = badOutput(ErrNotFinite, "output %s holds %v; a prediction must be finite", kind, row)
	}
	if p.Err != nil {
		return
	}
	switch kind {
	case contract.Position:
		p.X, p.Y = float64(row[0]), float64(row[1])
		if frame == contract.WGS84 && (math.Abs(p.X) > 90 || math.Abs(p.Y) > 180) {
			p.Err = badOutput(ErrOffGlobe, "position %v is off the globe; want a latitude within 90 and a longitude within 180 degrees", row)
		}
	case contract.Confidence:
		p.Confidence = min(max(float64(row[0]), 0), 1)
		if math.Abs(p.Confidence-float64(row[0])) > 1e-4 { // more than a sum of float32 probabilities is off by
			p.Err = badOutput(ErrConfidence, "confidence is %v; want 0 to 1", row[0])
		}
	case contract.ReceiverUsed:
		for _, used := range row {
			p.Used = append(p.Used, used > 0.5)
		}
	case contract.ReceiverResidual:
		for _, residual := range row {
			p.Residual = append(p.Residual, float64(residual))
		}
	default:
		var ok bool
		if p.Covariance, ok = positiveDefinite(covarianceOf(kind, row)); !ok {
			p.Err = badOutput(ErrNoCovariance, "output %s holds %v; a covariance must be positive definite", kind, row)
		}
	}
}

// finite tells whether no value is infinite or NaN: x - x is 0 for all others.
func finite(row []float32) bool {
	for _, x := range row {
		if x-x != 0 {
			return false
		}
	}
	return true
}
