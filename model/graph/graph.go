package graph

import (
	"errors"
	"fmt"
	"strconv"
)

// Graph is a model under construction. It is not safe for concurrent use.
type Graph struct {
	name         string
	producer     string
	version      int64
	description  string
	inputs       []valueInfo
	outputs      []valueInfo
	initialisers []tensor
	constants    map[string]Value // content of an initialiser -> its value
	nodes        []node
	shapes       []valueInfo
	metadata     []property
	names        map[string]bool // graph inputs, outputs and metadata keys taken
	errs         []error
}

type valueInfo struct {
	name  string
	typ   Type
	shape []string
}

type node struct {
	op      string
	inputs  []string
	outputs []string
	attrs   []Attribute
}

type property struct{ key, value string }

// New starts an empty graph. The name is the one ONNX tools show.
func New(name string) *Graph {
	return &Graph{name: name, constants: map[string]Value{}, names: map[string]bool{}}
}

// Producer states which program wrote the model.
func (g *Graph) Producer(name string) { g.producer = name }

// Version states the model's version number.
func (g *Graph) Version(v int64) { g.version = v }

// Description states in a sentence what the model does.
func (g *Graph) Description(text string) { g.description = text }

// Metadata adds a key to the model's metadata_props, where the program that serves it reads it.
func (g *Graph) Metadata(key, value string) {
	g.claim("metadata key", key)
	g.metadata = append(g.metadata, property{key, value})
}

// Input declares a tensor that the caller gives. A dimension is a number, or a name for one that
// is known only at run time.
func (g *Graph) Input(name string, t Type, shape ...string) Value {
	g.claim("input or output", name)
	g.inputs = append(g.inputs, g.valueInfo(name, t, shape))
	return Value{g, name}
}

// Output declares that the caller gets v under this name.
func (g *Graph) Output(name string, v Value, t Type, shape ...string) {
	g.claim("input or output", name)
	g.outputs = append(g.outputs, g.valueInfo(name, t, shape))
	g.nodes = append(g.nodes, node{op: "Identity", inputs: []string{g.use(v)}, outputs: []string{name}})
}

// Node adds an operator of the default operator set with one output.
func (g *Graph) Node(op string, inputs []Value, attrs ...Attribute) Value {
	return g.Nodes(op, 1, inputs, attrs...)[0]
}

// Nodes adds an operator with several outputs.
func (g *Graph) Nodes(op string, outputs int, inputs []Value, attrs ...Attribute) []Value {
	n := node{op: op, attrs: attrs}
	for _, in := range inputs {
		n.inputs = append(n.inputs, g.use(in))
	}
	values := make([]Value, outputs)
	for i := range values {
		name := "v" + strconv.Itoa(len(g.nodes))
		if i > 0 {
			name += "." + strconv.Itoa(i)
		}
		values[i] = Value{g, name}
		n.outputs = append(n.outputs, name)
	}
	g.nodes = append(g.nodes, n)
	return values
}

// Shaped states a value's type and shape where they do not follow from the operators, as of Range or NonZero, and
// returns the value. A dimension is a number or a name, and those with one name are of one size: ONNX Runtime plans its
// memory by them, and for every value of unknown shape it searches in vain among all buffers that are free.
func (g *Graph) Shaped(v Value, t Type, shape ...string) Value {
	g.shapes = append(g.shapes, g.valueInfo(g.use(v), t, shape))
	return v
}

// Size counts nodes and constants, for tests and tools.
func (g *Graph) Size() (nodes, constants int) { return len(g.nodes), len(g.initialisers) }

// use checks that a value may be an input of a node of this graph and returns its name.
func (g *Graph) use(v Value) string {
	if v.graph != nil && v.graph != g {
		g.fail("value %q belongs to graph %q", v.name, v.graph.name)
	}
	return v.name
}

func (g *Graph) valueInfo(name string, t Type, shape []string) valueInfo {
	for i, dim := range shape {
		if n, err := strconv.ParseInt(dim, 10, 64); dim == "" || err == nil && n < 0 {
			g.fail("%s: dimension %d is %q; want a number or a name", name, i, dim)
		}
	}
	return valueInfo{name, t, shape}
}

func (g *Graph) claim(what, name string) {
	key := what + " " + name
	if name == "" {
		g.fail("an %s has no name", what)
	} else if g.names[key] {
		g.fail("%s is declared twice", key)
	}
	g.names[key] = true
}

func (g *Graph) fail(format string, args ...any) {
	g.errs = append(g.errs, fmt.Errorf("bad_graph: "+format, args...))
}

// Marshal returns the model's bytes, or every mistake made while building it.
func (g *Graph) Marshal() ([]byte, error) {
	errs := g.errs
	if len(g.outputs) == 0 {
		errs = append(errs, errors.New("bad_graph: the graph has no output"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return g.model(), nil
}
