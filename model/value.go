package model

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Value is one input or output as the model's file declares it.
type Value struct {
	Name  string `json:"name"`
	Type  string `json:"type"`            // float32, int64, ...; "not a tensor" for sequences and the like
	Shape []Dim  `json:"shape,omitempty"` // nil when the file does not say
}

// Dim is one axis of a declared shape: a fixed Size, or 0 for one that a run decides, with its Symbol if it has one.
type Dim struct {
	Size   int64
	Symbol string
}

// String is the size, the symbol, or "?".
func (d Dim) String() string {
	switch {
	case d.Size > 0:
		return strconv.FormatInt(d.Size, 10)
	case d.Symbol != "":
		return d.Symbol
	}
	return "?"
}

// MarshalJSON writes a fixed size as a number and anything else as a string.
func (d Dim) MarshalJSON() ([]byte, error) {
	if d.Size > 0 {
		return json.Marshal(d.Size)
	}
	return json.Marshal(d.String())
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Dim) UnmarshalJSON(text []byte) error {
	*d = Dim{}
	if json.Unmarshal(text, &d.Size) == nil {
		return nil
	}
	if err := json.Unmarshal(text, &d.Symbol); err != nil {
		return err
	}
	if d.Symbol == "?" {
		d.Symbol = ""
	}
	return nil
}

// String is the value as people write it: x float32 [B, 3, 128, 32].
func (v Value) String() string {
	if v.Shape == nil {
		return v.Name + " " + v.Type
	}
	dims := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		dims[i] = d.String()
	}
	return v.Name + " " + v.Type + " [" + strings.Join(dims, ", ") + "]"
}

func readValue(message []byte) (Value, error) { // ValueInfoProto
	v := Value{Type: "not a tensor"}
	err := eachField(message, func(f field) error {
		switch f.id {
		case 1:
			v.Name = string(f.bytes)
		case 2: // TypeProto
			return eachField(f.bytes, v.typeField)
		}
		return nil
	})
	return v, err
}

func (v *Value) typeField(f field) error { // TypeProto: a tensor type, or another we do not serve
	if f.id != 1 {
		return nil
	}
	return eachField(f.bytes, func(f field) error {
		switch f.id {
		case 1:
			v.Type = elementType(f.number)
		case 2: // TensorShapeProto
			v.Shape = []Dim{}
			return eachField(f.bytes, v.dimField)
		}
		return nil
	})
}

func (v *Value) dimField(f field) error {
	if f.id != 1 {
		return nil
	}
	var d Dim
	err := eachField(f.bytes, func(f field) error {
		switch f.id {
		case 1:
			d.Size = max(f.number, 0)
		case 2:
			d.Symbol = string(f.bytes)
		}
		return nil
	})
	v.Shape = append(v.Shape, d)
	if err == nil && len(v.Shape) > maxAxes {
		err = refuse(TooLarge, "an input or output has more than %d axes", maxAxes)
	}
	return err
}

// elementType names a TensorProto.DataType.
func elementType(id int64) string {
	names := [...]string{1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string",
		9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16"}
	if id > 0 && id < int64(len(names)) {
		return names[id]
	}
	return "type " + strconv.FormatInt(id, 10)
}
