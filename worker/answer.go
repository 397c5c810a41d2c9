package worker

import (
	"bytes"
	"errors"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"foxhunt/contract"
)

const (
	answerVersion = 2  // another one is a miss
	answerValues  = 10 // of the array that an answer is
	mostListed    = 255
)

var (
	errForeignAnswer    = errors.New("worker: a cached answer of another version or form")
	errImpossibleAnswer = errors.New("worker: a cached answer that no model can have given")
)

// encodeAnswer writes what the cache keeps of a capture, an array of msgpack: the version, the propagation error (s) that its
// features were computed with, which follows from the samples and which the fix states, and what the model said.
func encodeAnswer(p *contract.Prediction, propagation float64) []byte {
	c := p.Covariance
	b, _ := msgpack.Marshal([]any{ // fails for no numbers
		answerVersion, propagation, p.X, p.Y, c.XX, c.YY, c.XY, p.Confidence, p.Used, p.Residual,
	})
	return b
}

// decodeAnswer reads one value after the other, as msgpack.Unmarshal skips what it does not expect, however deeply nested.
func decodeAnswer(b []byte) (p contract.Prediction, propagation float64, err error) {
	r := bytes.NewReader(b)
	d := msgpack.NewDecoder(r)
	if n, err := d.DecodeArrayLen(); err != nil || n != answerValues {
		return p, 0, errForeignAnswer
	}
	if version, err := d.DecodeInt(); err != nil || version != answerVersion {
		return p, 0, errForeignAnswer
	}
	c := &p.Covariance
	for _, to := range []*float64{&propagation, &p.X, &p.Y, &c.XX, &c.YY, &c.XY, &p.Confidence} {
		if *to, err = d.DecodeFloat64(); err != nil {
			return p, 0, errForeignAnswer
		}
	}
	used, err := decodeList(d, d.DecodeBool)
	residual, err2 := decodeList(d, d.DecodeFloat64)
	if err != nil || err2 != nil || r.Len() > 0 {
		return p, 0, errForeignAnswer
	}
	p.Used, p.Residual = used, residual
	if !possible(&p) || !(propagation > 0 && propagation < math.Inf(1)) {
		return p, 0, errImpossibleAnswer
	}
	return p, propagation, nil
}

// decodeList reads an array; none is nil.
func decodeList[T any](d *msgpack.Decoder, next func() (T, error)) (list []T, err error) {
	n, err := d.DecodeArrayLen()
	if err != nil || n > mostListed {
		return nil, errForeignAnswer
	}
	for range n {
		value, err := next()
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}
