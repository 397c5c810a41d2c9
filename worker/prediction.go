package worker

import (
	"encoding/binary"
	"errors"
	"math"

	"foxhunt/contract"
)

// predictionVersion opens every cached prediction; another version is a miss.
const predictionVersion = 1

var (
	errForeignPrediction    = errors.New("worker: a cached prediction of another version or length")
	errImpossiblePrediction = errors.New("worker: a cached prediction that no model can have given")
)

// encodePrediction writes the form that the cache keeps: version, counts, then little-endian float64s and a byte for
// each receiver's use.
func encodePrediction(p *contract.Prediction) []byte {
	b := make([]byte, 0, 3+6*8+len(p.Used)+8*len(p.Residual))
	b = append(b, predictionVersion, byte(len(p.Used)), byte(len(p.Residual)))
	for _, v := range []float64{p.X, p.Y, p.Covariance.XX, p.Covariance.YY, p.Covariance.XY, p.Confidence} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, used := range p.Used {
		if used {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for _, v := range p.Residual {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// DecodePrediction reads what workers keep in a cache. An error says that they take it for a miss.
func DecodePrediction(b []byte) (contract.Prediction, error) {
	p, _, err := decodeAnswer(b)
	return p, err
}

func decodePrediction(b []byte) (p contract.Prediction, err error) {
	const head = 3 + 6*8
	if len(b) < head || b[0] != predictionVersion || len(b) != head+int(b[1])+8*int(b[2]) {
		return p, errForeignPrediction
	}
	used, residuals := int(b[1]), int(b[2])
	b = b[3:]
	next := func() float64 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(b))
		b = b[8:]
		return v
	}
	p.X, p.Y = next(), next()
	p.Covariance = contract.Spread{XX: next(), YY: next(), XY: next()}
	p.Confidence = next()
	for range used {
		p.Used = append(p.Used, b[0] == 1)
		b = b[1:]
	}
	for range residuals {
		p.Residual = append(p.Residual, next())
	}
	if !possible(&p) {
		return p, errImpossiblePrediction
	}
	return p, nil
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
