package graph_test

import (
	"testing"

	"foxhunt/model/graph"
	"foxhunt/model/modeltest"
)

// TestCheckerAcceptsEveryOperator builds a graph with every method of the builder and lets the
// onnx package judge operators, attributes, types and shapes. What they compute is tested where
// they are used: model/grid holds a graph of most of them against plain Go.
func TestCheckerAcceptsEveryOperator(t *testing.T) {
	g := graph.New("all")
	g.Description("every operator once")
	x := g.Input("x", graph.Float32, "B", "6")
	y := g.Mul(g.Add(x, g.Float32(1)), g.Sub(x, g.Float32s([]int64{6}, 1, 2, 3, 4, 5, 6)))
	y = g.Div(g.Max(y, x), g.Add(g.Abs(g.Min(y, x)), g.Float32(1)))
	y = g.Sqrt(g.Exp(g.Neg(g.Log(g.Clip(y, g.Float32(0.5), g.Float32(2))))))
	small := g.And(g.Less(y, x), g.Or(g.Greater(y, g.Float32(3)), g.Not(g.Equal(x, y))))
	small = g.And(small, g.Bools([]int64{6}, true, false, true, true, false, true))
	y = g.Where(small, y, g.Node("Softmax", []graph.Value{x}, graph.Int("axis", 1)))

	doubled := g.Cast(g.Mul(g.Cast(y, graph.Float64), g.Float64(2)), graph.Float32)
	image := g.Unsqueeze(g.Reshape(doubled, 0, 2, 3), 1)
	image = g.MaxPool(image, 3, 3, 1, 1, 1, 1)
	image = g.Node("LeakyRelu", []graph.Value{image}, graph.Float("alpha", 0.25))
	matrix := g.Squeeze(image, 1) // [B, 2, 3]
	product := g.MatMul(g.Transpose(matrix, 0, 2, 1), g.Concat(2, matrix, g.Slice(matrix, 2, 0, 2)))
	g.Output("product", product, graph.Float32, "B", "3", "5")

	top, at := g.TopK(y, 2, 1)
	best := g.ArgMax(y, 1, true)
	g.Output("top", top, graph.Float32, "B", "2")
	g.Output("picked", g.GatherElements(x, at, 1), graph.Float32, "B", "2")
	g.Output("best", g.GatherElements(x, best, 1), graph.Float32, "B", "1")
	sums := g.Concat(1, g.ReduceSum(x, true, 1), g.ReduceMean(x, true, 1), g.ReduceMax(x, true, 1), g.ReduceMin(x, true, 1))
	g.Output("sums", sums, graph.Float32, "B", "4")

	size := g.Gather(g.Shape(x), g.Int64(0), 0)
	g.Output("rows", g.Range(g.Int64(0), size, g.Int64(1)), graph.Int64, "B")
	g.Output("places", g.NonZero(small), graph.Int64, "2", "N")
	zeros := g.Node("ConstantOfShape", []graph.Value{g.Shape(x)}, graph.Tensor("value", g.Float32s([]int64{1}, 7)))
	g.Output("sevens", zeros, graph.Float32, "B", "6")
	letters := g.Node("DepthToSpace", []graph.Value{g.Float32s([]int64{1, 4, 1, 1}, 1, 2, 3, 4)}, graph.Int("blocksize", 2), graph.String("mode", "CRD"))
	g.Output("letters", letters, graph.Float32, "1", "1", "2", "2")

	data, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	modeltest.CheckONNX(t, data)
}
