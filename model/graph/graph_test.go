package graph_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"foxhunt/model/graph"
)

// norm builds the example of the package comment.
func norm() *graph.Graph {
	g := graph.New("norm")
	g.Producer("foxhunt")
	g.Version(3)
	g.Metadata("unit", "m")
	x := g.Input("x", graph.Float32, "B", "3")
	y := g.Add(g.Mul(x, x), g.Float32(0))
	g.Output("norm", g.Sqrt(g.ReduceSum(y, false, 1)), graph.Float32, "B")
	return g
}

func TestSameCallsSameBytes(t *testing.T) {
	first, err := norm().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := norm().Marshal()
	if !bytes.Equal(first, second) {
		t.Error("the same calls gave different bytes")
	}
}

func TestEqualConstantsAreStoredOnce(t *testing.T) {
	g := graph.New("constants")
	a, b := g.Float64s([]int64{2}, 1, 2), g.Float64s([]int64{2}, 1, 2)
	c := g.Float64s([]int64{1, 2}, 1, 2)
	if a != b {
		t.Error("equal constants are two values")
	}
	if a == c {
		t.Error("constants of different shapes are one value")
	}
	if _, n := g.Size(); n != 2 {
		t.Errorf("%d constants; want 2", n)
	}
}

// fields splits a message into its fields; a field that repeats keeps all its contents.
func fields(t *testing.T, m []byte) map[protowire.Number][][]byte {
	t.Helper()
	out := map[protowire.Number][][]byte{}
	for len(m) > 0 {
		num, typ, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, typ, m[n:])
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		value := m[n : n+size]
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		out[num] = append(out[num], value)
		m = m[n+size:]
	}
	return out
}

func TestModelLayout(t *testing.T) {
	data, err := norm().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	model := fields(t, data)
	if got := string(model[2][0]); got != "foxhunt" {
		t.Errorf("producer_name %q", got)
	}
	if got, _ := protowire.ConsumeVarint(model[5][0]); got != 3 {
		t.Errorf("model_version %d", got)
	}
	property := fields(t, model[14][0])
	if string(property[1][0]) != "unit" || string(property[2][0]) != "m" {
		t.Errorf("metadata_props %q %q", property[1][0], property[2][0])
	}
	g := fields(t, model[7][0])
	var ops []string
	for _, n := range g[1] {
		ops = append(ops, string(fields(t, n)[4][0]))
	}
	if got := strings.Join(ops, " "); got != "Mul Add ReduceSum Sqrt Identity" {
		t.Errorf("nodes %s", got)
	}
	input := fields(t, g[11][0])
	tensorType := fields(t, fields(t, input[2][0])[1][0])
	dims := fields(t, tensorType[2][0])[1]
	if string(fields(t, dims[0])[2][0]) != "B" {
		t.Errorf("first dimension % x; want the name B", dims[0])
	}
	if n, _ := protowire.ConsumeVarint(fields(t, dims[1])[1][0]); n != 3 {
		t.Errorf("second dimension %d; want 3", n)
	}
}

func TestMistakesAreReported(t *testing.T) {
	for want, build := range map[string]func(g *graph.Graph){
		"no output":             func(*graph.Graph) {},
		"3 values; want 4":      func(g *graph.Graph) { g.Float32s([]int64{2, 2}, 1, 2, 3) },
		"is declared twice":     func(g *graph.Graph) { g.Input("x", graph.Int64); g.Input("x", graph.Int64) },
		"belongs to graph":      func(g *graph.Graph) { g.Neg(graph.New("other").Float32(1)) },
		"want a number or":      func(g *graph.Graph) { g.Input("x", graph.Int64, "-3") },
		"has no name":           func(g *graph.Graph) { g.Input("", graph.Int64) },
		"is not a constant":     func(g *graph.Graph) { graph.Tensor("value", g.Neg(g.Int64(1))) },
		"metadata key k is dec": func(g *graph.Graph) { g.Metadata("k", "a"); g.Metadata("k", "b") },
	} {
		g := graph.New("wrong")
		build(g)
		_, err := g.Marshal()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want an error with %q", err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "bad_graph: ") {
			t.Errorf("%v has no code", err)
		}
	}
}

func TestAStatedShapeIsWritten(t *testing.T) {
	g := graph.New("shaped")
	count := g.Input("count", graph.Int64)
	index := g.Shaped(g.Range(g.Int64(0), count, g.Int64(1)), graph.Int64, "N")
	g.Output("index", index, graph.Int64, "N")
	data, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	written := fields(t, fields(t, data)[7][0])
	if len(written[13]) != 1 {
		t.Fatalf("%d value_infos; want one", len(written[13]))
	}
	output := string(fields(t, written[1][0])[2][0])
	if got := string(fields(t, written[13][0])[1][0]); got != output {
		t.Errorf("the shape is of %q; want %q, the Range's output", got, output)
	}
	g.Shaped(index, graph.Int64, "")
	if _, err := g.Marshal(); err == nil {
		t.Error("a dimension without a name is taken")
	}
}
