// Package graph builds ONNX models: a list of nodes written down in Go, turned into the bytes
// that ONNX Runtime loads.
//
//	g := graph.New("norm")
//	x := g.Input("x", graph.Float32, "B", "N")
//	g.Output("norm", g.Sqrt(g.ReduceSum(g.Mul(x, x), false, 1)), graph.Float32, "B")
//	onnx, err := g.Marshal()
//
// The bytes are the protobuf message ModelProto of onnx/onnx.proto (field numbers are named in
// wire.go), written with protowire, so no generated code is needed. They depend on nothing but
// the calls made: the same calls give the same bytes.
//
// Mistakes that the builder can see (a constant whose length contradicts its shape, a name used
// twice, a value of another graph) are kept and reported by Marshal, so that building reads as
// arithmetic. What only shape inference can see is left to the onnx checker and ONNX Runtime.
package graph

// Type is an ONNX element type (TensorProto.DataType).
type Type int32

// The element types the builder can write.
const (
	Float32 Type = 1
	Int64   Type = 7
	Bool    Type = 9
	Float64 Type = 11
)

// Opset is the version of the default operator set a model declares; IRVersion the version of
// the file format that goes with it. ONNX Runtime 1.14 and later read both.
const (
	Opset     = 18
	IRVersion = 8
)

// Value names one tensor inside a graph: an input, a constant, or what a node returns. The zero
// Value stands for an optional input that is left out.
type Value struct {
	graph *Graph
	name  string
}
