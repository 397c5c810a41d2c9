package modeltest

import (
	"math"
	"math/rand/v2"
	"testing"

	"foxhunt/model/graph"
)

// Plain builds a small convolutional network of the plain contract: spectrograms [B, C, 128, 32] with any B and C in,
// positions [B, 2] (degrees) and uncertainties [B, 3] (m, m, degrees) out. Its weights are fixed random numbers, so
// what it says of a place means nothing; its sizes and its cost are those of a real network.
func Plain(t testing.TB) []byte {
	g := graph.New("plain")
	g.Producer("foxhunt modeltest")
	g.Description("a small network with fixed random weights, for tests and benchmarks")
	x := g.Input("mel_spectrogram", graph.Float32, "B", "C", "128", "32")
	n := network{g, rand.New(rand.NewPCG(1, 2))}

	// Each channel goes through the same convolutions, so that C may be anything.
	y := g.Reshape(x, -1, 1, 128, 32)
	y = n.convolve(y, 1, 8)          // [B*C, 8, 64, 16]
	y = n.convolve(y, 8, 16)         // [B*C, 16, 32, 8]
	y = n.convolve(y, 16, 32)        // [B*C, 32, 16, 4]
	y = g.ReduceMean(y, false, 2, 3) // [B*C, 32]
	channels := g.Slice(g.Shape(x), 0, 0, 2)
	y = g.Node("Reshape", []graph.Value{y, g.Concat(0, channels, g.Axes(32))}) // [B, C, 32]
	y = g.ReduceMean(y, false, 1)
	y = g.Node("Relu", []graph.Value{n.dense(y, 32, 64)})

	position := g.Node("Tanh", []graph.Value{n.dense(y, 64, 2)})
	position = g.Add(g.Mul(position, g.Float32s([]int64{2}, 1, 2)), g.Float32s([]int64{2}, 45, 8))
	deviation := g.Exp(g.Node("Tanh", []graph.Value{n.dense(y, 64, 3)}))
	deviation = g.Mul(deviation, g.Float32s([]int64{3}, 1000, 300, 30))
	g.Output("positions", position, graph.Float32, "B", "2")
	g.Output("uncertainties", deviation, graph.Float32, "B", "3")
	return Marshal(t, g)
}

// Marshal gives a graph's bytes.
func Marshal(t testing.TB, g *graph.Graph) []byte {
	t.Helper()
	data, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// network adds layers with random weights to a graph.
type network struct {
	*graph.Graph
	random *rand.Rand
}

// convolve is a 3x3 convolution that halves rows and columns, and a rectifier.
func (n network) convolve(x graph.Value, from, to int64) graph.Value {
	weights := n.weights(from*9, to, from, 3, 3)
	y := n.Node("Conv", []graph.Value{x, weights}, graph.Ints("strides", 2, 2), graph.Ints("pads", 1, 1, 1, 1))
	return n.Node("Relu", []graph.Value{y})
}

func (n network) dense(x graph.Value, from, to int64) graph.Value {
	return n.MatMul(x, n.weights(from, from, to))
}

// weights are normal with a variance of 2/inputs, which keeps the signal's size through rectified layers.
func (n network) weights(inputs int64, shape ...int64) graph.Value {
	count := int64(1)
	for _, d := range shape {
		count *= d
	}
	values := make([]float32, count)
	for i := range values {
		values[i] = float32(n.random.NormFloat64() * math.Sqrt(2/float64(inputs)))
	}
	return n.Float32s(shape, values...)
}
