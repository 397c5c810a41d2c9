package graph

import (
	"encoding/binary"
	"fmt"
	"math"
)

// tensor is a constant: its content is the little-endian raw_data of a TensorProto.
type tensor struct {
	name  string
	typ   Type
	shape []int64
	raw   []byte
}

// Float32s returns a constant of the given shape; a nil shape makes a scalar.
func (g *Graph) Float32s(shape []int64, values ...float32) Value {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constant(Float32, shape, len(values), raw)
}

// Float64s returns a constant of the given shape; a nil shape makes a scalar.
func (g *Graph) Float64s(shape []int64, values ...float64) Value {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return g.constant(Float64, shape, len(values), raw)
}

// Int64s returns a constant of the given shape; a nil shape makes a scalar.
func (g *Graph) Int64s(shape []int64, values ...int64) Value {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return g.constant(Int64, shape, len(values), raw)
}

// Bools returns a constant of the given shape; a nil shape makes a scalar.
func (g *Graph) Bools(shape []int64, values ...bool) Value {
	raw := make([]byte, len(values))
	for i, v := range values {
		if v {
			raw[i] = 1
		}
	}
	return g.constant(Bool, shape, len(values), raw)
}

// Axes returns a one-dimensional int64 constant: axes, a shape, starts or ends.
func (g *Graph) Axes(values ...int64) Value {
	return g.Int64s([]int64{int64(len(values))}, values...)
}

// Float64 returns a scalar constant.
func (g *Graph) Float64(v float64) Value { return g.Float64s(nil, v) }

// Float32 returns a scalar constant.
func (g *Graph) Float32(v float32) Value { return g.Float32s(nil, v) }

// Int64 returns a scalar constant.
func (g *Graph) Int64(v int64) Value { return g.Int64s(nil, v) }

// constant adds an initialiser, or returns the one that already holds the same content.
func (g *Graph) constant(t Type, shape []int64, n int, raw []byte) Value {
	want := int64(1)
	for _, dim := range shape {
		want *= dim
	}
	if want != int64(n) {
		g.fail("a constant of shape %v has %d values; want %d", shape, n, want)
	}
	key := fmt.Sprint(t, shape, ":") + string(raw)
	if v, ok := g.constants[key]; ok {
		return v
	}
	v := Value{g, fmt.Sprintf("c%d", len(g.initialisers))}
	g.initialisers = append(g.initialisers, tensor{v.name, t, shape, raw})
	g.constants[key] = v
	return v
}
