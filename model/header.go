package model

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// header is what can be read of an ONNX file without running it. The field numbers below are those of onnx.proto
// (github.com/onnx/onnx/blob/main/onnx/onnx.proto).
type header struct {
	irVersion, modelVersion   int64
	producer, producerVersion string
	graphName                 string
	opsets                    map[string]int64 // by domain; the standard operators' domain is ""
	metadata                  map[string]string
	inputs, outputs           []Value
	nodes                     int
	externalData              bool

	initializers map[string]bool // older files list their weights among the inputs too
	hasGraph     bool
}

// maxNesting bounds how deep graphs within graphs may go; it is what protobuf's own parsers allow.
const maxNesting = 100

// readHeader walks an ONNX file. The walk copies names and metadata only, so hostile bytes cannot make it allocate
// more than they hold.
func readHeader(data []byte) (*header, error) {
	h := &header{opsets: map[string]int64{}, metadata: map[string]string{}, initializers: map[string]bool{}}
	if err := eachField(data, h.modelField); err != nil {
		return nil, err
	}
	if !h.hasGraph {
		return nil, refuse(BadModel, "the file holds no ONNX graph")
	}
	fed := h.inputs[:0]
	for _, input := range h.inputs {
		if !h.initializers[input.Name] {
			fed = append(fed, input)
		}
	}
	h.inputs = fed
	return h, nil
}

// field is one protobuf field: number holds a varint's value, bytes a length-delimited one's.
type field struct {
	id     protowire.Number
	number int64
	bytes  []byte
}

func eachField(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		id, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return notProtobuf(n)
		}
		message = message[n:]
		f := field{id: id}
		switch kind {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(message)
			f.number = int64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(id, kind, message)
		}
		if n < 0 {
			return notProtobuf(n)
		}
		message = message[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func notProtobuf(n int) error {
	return refuse(BadModel, "not an ONNX file: %v", protowire.ParseError(n))
}

func (h *header) modelField(f field) error { // ModelProto
	switch f.id {
	case 1:
		h.irVersion = f.number
	case 2:
		h.producer = string(f.bytes)
	case 3:
		h.producerVersion = string(f.bytes)
	case 5:
		h.modelVersion = f.number
	case 7:
		h.hasGraph = true
		return eachField(f.bytes, h.graphField)
	case 8:
		return h.opset(f.bytes)
	case 14:
		key, value, err := readPair(f.bytes)
		h.metadata[key] = value
		return err
	case 25: // a function: a graph that nodes call by name
		return eachField(f.bytes, func(f field) error {
			if f.id == 7 {
				return h.node(f.bytes, 1)
			}
			return nil
		})
	}
	return nil
}

func (h *header) opset(message []byte) error { // OperatorSetIdProto
	var domain string
	var version int64
	err := eachField(message, func(f field) error {
		switch f.id {
		case 1:
			domain = string(f.bytes)
		case 2:
			version = f.number
		}
		return nil
	})
	if domain == "ai.onnx" { // the standard domain's other name
		domain = ""
	}
	h.opsets[domain] = version
	return err
}

func readPair(message []byte) (key, value string, err error) { // StringStringEntryProto
	err = eachField(message, func(f field) error {
		switch f.id {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
		return nil
	})
	return key, value, err
}

func (h *header) graphField(f field) error { // the main GraphProto
	switch f.id {
	case 1:
		h.nodes++
		return h.node(f.bytes, 1)
	case 2:
		h.graphName = string(f.bytes)
	case 5:
		return h.initializer(f.bytes)
	case 11:
		value, err := readValue(f.bytes)
		h.inputs = append(h.inputs, value)
		return err
	case 12:
		value, err := readValue(f.bytes)
		h.outputs = append(h.outputs, value)
		return err
	case 15:
		return h.sparseTensor(f.bytes)
	}
	return nil
}

// node looks through a node's attributes for tensors and graphs within.
func (h *header) node(message []byte, depth int) error { // NodeProto
	if depth > maxNesting {
		return refuse(BadModel, "graphs are nested more than %d deep", maxNesting)
	}
	return eachField(message, func(f field) error {
		if f.id != 5 {
			return nil
		}
		return eachField(f.bytes, func(f field) error { // AttributeProto
			switch f.id {
			case 5, 10:
				return h.tensor(f.bytes)
			case 22, 23:
				return h.sparseTensor(f.bytes)
			case 6, 11:
				return h.subgraph(f.bytes, depth+1)
			}
			return nil
		})
	})
}

func (h *header) subgraph(message []byte, depth int) error { // a GraphProto inside a node
	return eachField(message, func(f field) error {
		switch f.id {
		case 1:
			return h.node(f.bytes, depth)
		case 5:
			return h.tensor(f.bytes)
		case 15:
			return h.sparseTensor(f.bytes)
		}
		return nil
	})
}

func (h *header) initializer(message []byte) error { // a TensorProto of the main graph
	err := eachField(message, func(f field) error {
		if f.id == 8 {
			h.initializers[string(f.bytes)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return h.tensor(message)
}

func (h *header) tensor(message []byte) error { // TensorProto
	return eachField(message, func(f field) error {
		if f.id == 13 || f.id == 14 && f.number == 1 {
			h.externalData = true
		}
		return nil
	})
}

func (h *header) sparseTensor(message []byte) error { // SparseTensorProto
	return eachField(message, func(f field) error {
		if f.id == 1 || f.id == 2 {
			return h.tensor(f.bytes)
		}
		return nil
	})
}
