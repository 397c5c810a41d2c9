package golden

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"

	"foxhunt/contract"
	"foxhunt/model"
)

// MetadataKey is the ONNX metadata key under which a model carries golden vectors: inputs, and the outputs that whoever
// trained it saw it give.
//
//	{"version": 1, "atol": 1e-6, "rtol": 1e-4, "vectors": [
//	  {"inputs":  {"mel_spectrogram": {"shape": [1, 3, 128, 32], "data": "AACAPw..."}},
//	   "outputs": {"positions": {"shape": [1, 2], "data": [45.1, 8.2]}}}]}
//
// Names are the model's. data is a list of numbers, or little-endian float32 in base64, in row-major order; the first
// axis counts captures. A value v is reproduced where it is within atol + rtol |v|. Outputs may be left out.
const MetadataKey = "foxhunt.golden"

// maxVectors bounds the runs that a model may ask for.
const maxVectors = 64

// Vectors are a model's own examples.
type Vectors struct {
	Version int      `json:"version"`
	Atol    float64  `json:"atol"`
	Rtol    float64  `json:"rtol"`
	Vectors []Vector `json:"vectors"`
}

// Vector is one run: what goes in and what comes out, by the model's names.
type Vector struct {
	Inputs  map[string]Array `json:"inputs"`
	Outputs map[string]Array `json:"outputs"`
}

// Array is a tensor of float32.
type Array struct {
	Shape []int64 `json:"shape"`
	Data  Values  `json:"data"`
}

// Values are numbers, or base64 of their bytes.
type Values []float32

// UnmarshalJSON takes a list of numbers, or a string of base64.
func (v *Values) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '"' {
		return json.Unmarshal(text, (*[]float32)(v))
	}
	var encoded []byte // encoding/json reads base64 into bytes
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	if len(encoded)%4 != 0 {
		return base64.CorruptInputError(len(encoded))
	}
	*v = make(Values, len(encoded)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(encoded[4*i:]))
	}
	return nil
}

// ParseVectors reads golden vectors. Errors are of type [*model.Error], code bad_golden.
func ParseVectors(text []byte) (*Vectors, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	v := &Vectors{}
	if err := decoder.Decode(v); err != nil {
		return nil, refuse(BadVectors, "%s: %v", MetadataKey, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, refuse(BadVectors, "%s: something follows the closing brace", MetadataKey)
	}
	switch {
	case v.Version != 1:
		return nil, refuse(BadVectors, "%s: version is %d; this foxhunt reads version 1", MetadataKey, v.Version)
	case !(v.Atol >= 0 && v.Rtol >= 0 && v.Atol+v.Rtol > 0) || math.IsInf(v.Atol+v.Rtol, 0):
		return nil, refuse(BadVectors, "%s: atol is %g and rtol %g; want none below 0, and one above", MetadataKey, v.Atol, v.Rtol)
	case len(v.Vectors) == 0 || len(v.Vectors) > maxVectors:
		return nil, refuse(BadVectors, "%s: it holds %d vectors; want 1 to %d", MetadataKey, len(v.Vectors), maxVectors)
	}
	for i, vector := range v.Vectors {
		if len(vector.Outputs) == 0 {
			return nil, refuse(BadVectors, "%s: vector %d names no output", MetadataKey, i)
		}
	}
	return v, nil
}

// reproduces runs the golden vectors of the metadata, where there are any.
func (e *examiner) reproduces() error {
	text, ok := e.model.Info().Metadata[MetadataKey]
	if !ok {
		return nil
	}
	v, err := ParseVectors([]byte(text))
	if err != nil {
		return err
	}
	for i, vector := range v.Vectors {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if _, err := e.runner.Run(nil, vector.tensors(e.model.Contract())); err != nil {
			return refuse(BadVectors, "%s: vector %d: %v", MetadataKey, i, err)
		}
		if err := v.compare(i, e.runner.Outputs()); err != nil {
			return err
		}
	}
	return nil
}

// tensors gives the vector's inputs in the contract's order; one that is missing is empty, which a run refuses.
func (v Vector) tensors(c *contract.Contract) []contract.Tensor {
	var tensors []contract.Tensor
	for _, in := range c.Inputs {
		array := v.Inputs[in.Name]
		tensors = append(tensors, contract.Tensor{Name: in.Name, Shape: array.Shape, Data: array.Data})
	}
	return tensors
}

// compare holds the outputs of a run against a vector's.
func (v *Vectors) compare(number int, outputs []contract.Tensor) *model.Error {
	seen := 0
	for _, got := range outputs {
		want, ok := v.Vectors[number].Outputs[got.Name]
		if !ok {
			continue
		}
		seen++
		if len(want.Data) != len(got.Data) {
			return refuse(BadVectors, "%s: vector %d gives %d values of output %q; the model gives %d", MetadataKey, number, len(want.Data), got.Name, len(got.Data))
		}
		for i, w := range want.Data {
			if off := math.Abs(float64(got.Data[i]) - float64(w)); !(off <= v.Atol+v.Rtol*math.Abs(float64(w))) {
				return refuse(NotReproduced, "vector %d: value %d of output %q is %v; the model's metadata says %v within %g + %g of it",
					number, i, got.Name, got.Data[i], w, v.Atol, v.Rtol)
			}
		}
	}
	if seen < len(v.Vectors[number].Outputs) {
		return refuse(BadVectors, "%s: vector %d names an output that the contract does not", MetadataKey, number)
	}
	return nil
}
