package graph

// Each method adds the ONNX operator of the same name and returns its output; see
// https://onnx.ai/onnx/operators/ for what it does. Elementwise operators broadcast.

// Add returns a + b.
func (g *Graph) Add(a, b Value) Value { return g.binary("Add", a, b) }

// Sub returns a - b.
func (g *Graph) Sub(a, b Value) Value { return g.binary("Sub", a, b) }

// Mul returns a times b.
func (g *Graph) Mul(a, b Value) Value { return g.binary("Mul", a, b) }

// Div returns a / b.
func (g *Graph) Div(a, b Value) Value { return g.binary("Div", a, b) }

// Max returns the larger of a and b.
func (g *Graph) Max(a, b Value) Value { return g.binary("Max", a, b) }

// Min returns the smaller of a and b.
func (g *Graph) Min(a, b Value) Value { return g.binary("Min", a, b) }

// Less returns a < b as bool.
func (g *Graph) Less(a, b Value) Value { return g.binary("Less", a, b) }

// Greater returns a > b as bool.
func (g *Graph) Greater(a, b Value) Value { return g.binary("Greater", a, b) }

// Equal returns a == b as bool.
func (g *Graph) Equal(a, b Value) Value { return g.binary("Equal", a, b) }

// And returns a && b.
func (g *Graph) And(a, b Value) Value { return g.binary("And", a, b) }

// Or returns a || b.
func (g *Graph) Or(a, b Value) Value { return g.binary("Or", a, b) }

// MatMul returns the matrix product over the last two dimensions.
func (g *Graph) MatMul(a, b Value) Value { return g.binary("MatMul", a, b) }

// Not returns !x.
func (g *Graph) Not(x Value) Value { return g.unary("Not", x) }

// Neg returns -x.
func (g *Graph) Neg(x Value) Value { return g.unary("Neg", x) }

// Abs returns |x|.
func (g *Graph) Abs(x Value) Value { return g.unary("Abs", x) }

// Sqrt returns the square root of x.
func (g *Graph) Sqrt(x Value) Value { return g.unary("Sqrt", x) }

// Exp returns e to the x.
func (g *Graph) Exp(x Value) Value { return g.unary("Exp", x) }

// Log returns the natural logarithm of x.
func (g *Graph) Log(x Value) Value { return g.unary("Log", x) }

// Shape returns the dimensions of x as int64.
func (g *Graph) Shape(x Value) Value { return g.unary("Shape", x) }

// NonZero returns the indices of the elements that are not zero, [rank, count].
func (g *Graph) NonZero(x Value) Value { return g.unary("NonZero", x) }

// Where returns a where the condition holds, b elsewhere.
func (g *Graph) Where(condition, a, b Value) Value {
	return g.Node("Where", []Value{condition, a, b})
}

// Clip returns x limited to [low, high]; both are scalars of x's type.
func (g *Graph) Clip(x, low, high Value) Value { return g.Node("Clip", []Value{x, low, high}) }

// Cast converts x to another element type.
func (g *Graph) Cast(x Value, to Type) Value {
	return g.Node("Cast", []Value{x}, Int("to", int64(to)))
}

// Range returns start, start + delta, ... below limit.
func (g *Graph) Range(start, limit, delta Value) Value {
	return g.Node("Range", []Value{start, limit, delta})
}

// Reshape gives x another shape: 0 copies a dimension, -1 stands for what is left.
func (g *Graph) Reshape(x Value, shape ...int64) Value {
	return g.Node("Reshape", []Value{x, g.Axes(shape...)})
}

// Unsqueeze inserts dimensions of size 1 at the given axes of the result.
func (g *Graph) Unsqueeze(x Value, axes ...int64) Value {
	return g.Node("Unsqueeze", []Value{x, g.Axes(axes...)})
}

// Squeeze removes dimensions of size 1.
func (g *Graph) Squeeze(x Value, axes ...int64) Value {
	return g.Node("Squeeze", []Value{x, g.Axes(axes...)})
}

// Transpose permutes the dimensions.
func (g *Graph) Transpose(x Value, perm ...int64) Value {
	return g.Node("Transpose", []Value{x}, Ints("perm", perm...))
}

// Concat joins values along an axis.
func (g *Graph) Concat(axis int64, values ...Value) Value {
	return g.Node("Concat", values, Int("axis", axis))
}

// Gather picks slices of x along an axis: a scalar index removes the axis.
func (g *Graph) Gather(x, indices Value, axis int64) Value {
	return g.Node("Gather", []Value{x, indices}, Int("axis", axis))
}

// GatherElements picks, along an axis, the elements that indices of the same rank name.
func (g *Graph) GatherElements(x, indices Value, axis int64) Value {
	return g.Node("GatherElements", []Value{x, indices}, Int("axis", axis))
}

// Slice returns x[start:end] along an axis.
func (g *Graph) Slice(x Value, axis, start, end int64) Value {
	return g.Node("Slice", []Value{x, g.Axes(start), g.Axes(end), g.Axes(axis)})
}

// ReduceSum sums over axes, which stay as size 1 if keep.
func (g *Graph) ReduceSum(x Value, keep bool, axes ...int64) Value {
	return g.reduce("ReduceSum", x, keep, axes)
}

// ReduceMean averages over axes, which stay as size 1 if keep.
func (g *Graph) ReduceMean(x Value, keep bool, axes ...int64) Value {
	return g.reduce("ReduceMean", x, keep, axes)
}

// ReduceMax takes the maximum over axes, which stay as size 1 if keep.
func (g *Graph) ReduceMax(x Value, keep bool, axes ...int64) Value {
	return g.reduce("ReduceMax", x, keep, axes)
}

// ReduceMin takes the minimum over axes, which stay as size 1 if keep.
func (g *Graph) ReduceMin(x Value, keep bool, axes ...int64) Value {
	return g.reduce("ReduceMin", x, keep, axes)
}

// ArgMax returns the index of the first maximum along an axis, which stays as size 1 if keep.
func (g *Graph) ArgMax(x Value, axis int64, keep bool) Value {
	return g.Node("ArgMax", []Value{x}, Int("axis", axis), Int("keepdims", flag(keep)))
}

// TopK returns the k largest values along an axis, largest first, and their indices.
func (g *Graph) TopK(x Value, k, axis int64) (values, indices Value) {
	out := g.Nodes("TopK", 2, []Value{x, g.Axes(k)}, Int("axis", axis))
	return out[0], out[1]
}

// MaxPool takes the maximum over a window of a [N, C, H, W] tensor, at every place (stride 1).
// pads are the rows and columns added at the top, left, bottom and right.
func (g *Graph) MaxPool(x Value, height, width int64, pads ...int64) Value {
	return g.Node("MaxPool", []Value{x}, Ints("kernel_shape", height, width), Ints("pads", pads...))
}

func (g *Graph) unary(op string, x Value) Value { return g.Node(op, []Value{x}) }

func (g *Graph) binary(op string, a, b Value) Value { return g.Node(op, []Value{a, b}) }

func (g *Graph) reduce(op string, x Value, keep bool, axes []int64) Value {
	return g.Node(op, []Value{x, g.Axes(axes...)}, Int("keepdims", flag(keep)))
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}
