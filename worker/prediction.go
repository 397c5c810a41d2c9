package worker

import (
	"math"

	"foxhunt/contract"
)

// DecodePrediction reads what workers keep in a cache. An error says that they take it for a miss.
func DecodePrediction(b []byte) (contract.Prediction, error) {
	p, _, err := decodeAnswer(b)
	return p, err
}

// possible says whether a prediction is finite with a positive definite covariance. Others may write to a shared cache.
func possible(p *contract.Prediction) bool {
	sum := p.X + p.Y
	for _, r := range p.Residual {
		sum += r
	}
	c := p.Covariance
	determinant := c.XX*c.YY - c.XY*c.XY
	return sum-sum == 0 && c.XX > 0 && c.YY > 0 && determinant > 0 && !math.IsInf(determinant, 0)
}
