package worker

import (
	"encoding/binary"
	"math"

	"foxhunt/contract"
)

// encodeAnswer writes what the cache keeps of a capture: the propagation error (s) that its features were computed with,
// which follows from the samples and which the fix states, and what the model said.
func encodeAnswer(p *contract.Prediction, propagation float64) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, math.Float64bits(propagation)), encodePrediction(p)...)
}

func decodeAnswer(b []byte) (p contract.Prediction, propagation float64, err error) {
	if len(b) < 8 {
		return p, 0, errForeignPrediction
	}
	propagation = math.Float64frombits(binary.LittleEndian.Uint64(b))
	if p, err = decodePrediction(b[8:]); err == nil && !(propagation > 0 && propagation < math.Inf(1)) {
		err = errImpossiblePrediction
	}
	return p, propagation, err
}
