package graph

// Attribute is a named parameter of a node.
type Attribute struct {
	name   string
	typ    int32 // AttributeProto.AttributeType
	i      int64
	f      float32
	s      string
	ints   []int64
	tensor *tensor
}

// AttributeProto.AttributeType.
const (
	attributeFloat  = 1
	attributeInt    = 2
	attributeString = 3
	attributeTensor = 4
	attributeInts   = 7
)

// Int is an integer attribute.
func Int(name string, v int64) Attribute { return Attribute{name: name, typ: attributeInt, i: v} }

// Ints is a list of integers.
func Ints(name string, v ...int64) Attribute {
	return Attribute{name: name, typ: attributeInts, ints: v}
}

// Float is a float32 attribute.
func Float(name string, v float32) Attribute {
	return Attribute{name: name, typ: attributeFloat, f: v}
}

// String is a string attribute.
func String(name, v string) Attribute {
	return Attribute{name: name, typ: attributeString, s: v}
}

// Tensor is an attribute that holds the content of a constant of the graph (the fill value of
// ConstantOfShape, say, which must have the shape [1]).
func Tensor(name string, v Value) Attribute {
	a := Attribute{name: name, typ: attributeTensor, tensor: &tensor{}}
	if v.graph == nil {
		return a
	}
	for _, t := range v.graph.initialisers {
		if t.name == v.name {
			a.tensor = &tensor{typ: t.typ, shape: t.shape, raw: t.raw}
			return a
		}
	}
	v.graph.fail("attribute %s: %q is not a constant", name, v.name)
	return a
}
