package registry

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// message is one of the messages of onnx.proto in which tensors may lie, however deep.
type message int

const (
	opaque message = iota // holds no tensors
	modelProto
	trainingInfoProto
	functionProto
	graphProto
	nodeProto
	attributeProto
	sparseTensorProto
	tensorProto
)

// field says what a message's field holds. The numbers are those of onnx.proto
// (github.com/onnx/onnx/blob/main/onnx/onnx.proto).
func (m message) field(id protowire.Number) message {
	type place struct {
		message message
		id      protowire.Number
	}
	switch (place{m, id}) {
	case place{modelProto, 7}, place{trainingInfoProto, 1}, place{trainingInfoProto, 2}, place{attributeProto, 6}, place{attributeProto, 11}:
		return graphProto
	case place{modelProto, 20}:
		return trainingInfoProto
	case place{modelProto, 25}:
		return functionProto
	case place{graphProto, 1}, place{functionProto, 7}:
		return nodeProto
	case place{nodeProto, 5}, place{functionProto, 11}:
		return attributeProto
	case place{graphProto, 15}, place{attributeProto, 22}, place{attributeProto, 23}:
		return sparseTensorProto
	case place{graphProto, 5}, place{attributeProto, 5}, place{attributeProto, 10}, place{sparseTensorProto, 1}, place{sparseTensorProto, 2}:
		return tensorProto
	}
	return opaque
}

// maxNesting bounds how deep messages may lie in each other: 100 graphs within graphs, as package model allows, are
// three times as many messages.
const maxNesting = 300

// walker goes through a model and puts other messages in the place of its tensors.
type walker struct {
	// tensor gives what takes a tensor's place, or nil to leave it.
	tensor func(data []byte) (*rope, error)
}

// walk gives a message with its tensors replaced, or nil if none was.
func (w *walker) walk(kind message, data []byte, depth int) (*rope, error) {
	if depth > maxNesting {
		return nil, fail(BadModel, "the model's graphs are nested too deep")
	}
	if kind == tensorProto {
		return w.tensor(data)
	}
	var out *rope
	kept := 0 // data before it is in out already
	err := eachField(data, func(f field) error {
		inner := kind.field(f.id)
		if f.kind != protowire.BytesType || inner == opaque {
			return nil
		}
		replaced, err := w.walk(inner, f.bytes, depth+1)
		if replaced == nil || err != nil {
			return err
		}
		if out == nil {
			out = &rope{}
		}
		out.add(data[kept:f.start])
		out.addMessage(f.id, replaced)
		kept = f.end
		return nil
	})
	if out == nil || err != nil {
		return nil, err
	}
	out.add(data[kept:])
	return out, nil
}

// addMessage adds a field that holds a message.
func (r *rope) addMessage(id protowire.Number, content *rope) {
	r.add(protowire.AppendVarint(protowire.AppendTag(nil, id, protowire.BytesType), uint64(content.size)))
	r.addRope(content)
}

// field is one field of a message: number holds a varint's value, bytes a length-delimited one's.
type field struct {
	id         protowire.Number
	kind       protowire.Type
	number     int64
	bytes      []byte
	start, end int // where the whole field lies
}

func eachField(data []byte, visit func(field) error) error {
	for at := 0; at < len(data); {
		id, kind, n := protowire.ConsumeTag(data[at:])
		if n < 0 {
			return torn(n)
		}
		f := field{id: id, kind: kind, start: at}
		value := data[at+n:]
		at += n
		switch kind {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(value)
			f.number = int64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(value)
		default:
			n = protowire.ConsumeFieldValue(id, kind, value)
		}
		if n < 0 {
			return torn(n)
		}
		at += n
		f.end = at
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func torn(n int) error {
	return because(BadModel, protowire.ParseError(n), "not an ONNX file, or a torn one")
}
