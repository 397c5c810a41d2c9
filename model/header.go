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

	initializers map[string]bool   // older files list their weights among the inputs too
	operators    map[string]string // by domain: an operator of it that a node names
	functions    map[string]bool   // domains of the functions that the file brings itself
	allNodes     int               // those of graphs within nodes and of functions, too
	hasGraph     bool
}

// readHeader walks an ONNX file. The walk copies names and metadata only, and no more of them than limits.go allows, so
// hostile bytes cannot make it allocate much more than they hold.
func readHeader(data []byte) (*header, error) {
	h := &header{opsets: map[string]int64{}, metadata: map[string]string{}, initializers: map[string]bool{},
		operators: map[string]string{}, functions: map[string]bool{}}
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
	return h, h.check()
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
		return first(err, h.bound())
	case 25:
		return h.function(f.bytes)
	}
	return nil
}

func (h *header) function(message []byte) error { // FunctionProto: a graph that nodes call by name
	var domain string
	err := eachField(message, func(f field) error {
		switch f.id {
		case 7:
			return h.node(f.bytes, 1)
		case 10:
			domain = string(f.bytes)
		}
		return nil
	})
	h.functions[domain] = true
	return first(err, h.bound())
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
	return first(err, h.bound())
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
