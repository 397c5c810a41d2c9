package graph

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers below are those of onnx/onnx.proto (IR version 8). Fields are written in
// ascending order, packed where the schema says so.

// message is a protobuf message under construction.
type message []byte

func (m *message) varint(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

func (m *message) text(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

// model writes a ModelProto.
func (g *Graph) model() []byte {
	var m message
	m.varint(1, IRVersion)
	m.text(2, g.producer)
	m.varint(5, g.version)
	m.text(6, g.description)
	m.bytes(7, g.graph())
	var opset message // OperatorSetIdProto; the empty domain is the default one
	opset.text(1, "")
	opset.varint(2, Opset)
	m.bytes(8, opset)
	for _, p := range g.metadata {
		var entry message // StringStringEntryProto
		entry.text(1, p.key)
		entry.text(2, p.value)
		m.bytes(14, entry)
	}
	return m
}

// graph writes a GraphProto.
func (g *Graph) graph() []byte {
	var m message
	for i := range g.nodes {
		m.bytes(1, g.nodes[i].marshal())
	}
	m.text(2, g.name)
	for i := range g.initialisers {
		m.bytes(5, g.initialisers[i].marshal())
	}
	for i := range g.inputs {
		m.bytes(11, g.inputs[i].marshal())
	}
	for i := range g.outputs {
		m.bytes(12, g.outputs[i].marshal())
	}
	for i := range g.shapes {
		m.bytes(13, g.shapes[i].marshal())
	}
	return m
}

// marshal writes a NodeProto.
func (n *node) marshal() []byte {
	var m message
	for _, name := range n.inputs {
		m.text(1, name)
	}
	for _, name := range n.outputs {
		m.text(2, name)
	}
	m.text(4, n.op)
	for i := range n.attrs {
		m.bytes(5, n.attrs[i].marshal())
	}
	return m
}

// marshal writes an AttributeProto.
func (a *Attribute) marshal() []byte {
	var m message
	m.text(1, a.name)
	switch a.typ {
	case attributeFloat:
		m = protowire.AppendTag(m, 2, protowire.Fixed32Type)
		m = protowire.AppendFixed32(m, math.Float32bits(a.f))
	case attributeInt:
		m.varint(3, a.i)
	case attributeString:
		m.text(4, a.s)
	case attributeTensor:
		m.bytes(5, a.tensor.marshal())
	case attributeInts:
		for _, v := range a.ints {
			m.varint(8, v)
		}
	}
	m.varint(20, int64(a.typ))
	return m
}

// marshal writes a TensorProto.
func (t *tensor) marshal() []byte {
	var m message
	for _, dim := range t.shape {
		m.varint(1, dim)
	}
	m.varint(2, int64(t.typ))
	if t.name != "" {
		m.text(8, t.name)
	}
	m.bytes(9, t.raw)
	return m
}

// marshal writes a ValueInfoProto whose type is a tensor.
func (v *valueInfo) marshal() []byte {
	var shape message // TensorShapeProto
	for _, dim := range v.shape {
		var d message // TensorShapeProto.Dimension
		if n, err := strconv.ParseInt(dim, 10, 64); err == nil {
			d.varint(1, n)
		} else {
			d.text(2, dim)
		}
		shape.bytes(1, d)
	}
	var tensorType message // TypeProto.Tensor
	tensorType.varint(1, int64(v.typ))
	tensorType.bytes(2, shape)
	var typ message // TypeProto
	typ.bytes(1, tensorType)
	var m message
	m.text(1, v.name)
	m.bytes(2, typ)
	return m
}
