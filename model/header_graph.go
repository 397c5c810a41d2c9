package model

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
		return first(err, h.bound())
	case 12:
		value, err := readValue(f.bytes)
		h.outputs = append(h.outputs, value)
		return first(err, h.bound())
	case 15:
		return h.sparseTensor(f.bytes)
	}
	return nil
}

// node looks through a node's attributes for tensors and graphs within, and notes whose operator it is.
func (h *header) node(message []byte, depth int) error { // NodeProto
	if depth > maxNesting {
		return refuse(BadModel, "graphs are nested more than %d deep", maxNesting)
	}
	if h.allNodes++; h.allNodes > maxNodes {
		return refuse(TooLarge, "the model has more than %d nodes", maxNodes)
	}
	var operator, domain string
	err := eachField(message, func(f field) error {
		switch f.id {
		case 4:
			operator = string(f.bytes)
		case 5:
			return h.attribute(f.bytes, depth)
		case 7:
			domain = string(f.bytes)
		}
		return nil
	})
	h.operators[domain] = operator
	return first(err, h.bound())
}

func (h *header) attribute(message []byte, depth int) error { // AttributeProto
	return eachField(message, func(f field) error {
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
	return first(err, h.bound(), h.tensor(message))
}

func (h *header) tensor(message []byte) error { // TensorProto
	size := newSize()
	return eachField(message, func(f field) error {
		switch {
		case f.id == 1:
			return size.times(f)
		case f.id == 13 || f.id == 14 && f.number == 1:
			h.externalData = true
		}
		return nil
	})
}

func (h *header) sparseTensor(message []byte) error { // SparseTensorProto: ONNX Runtime makes it dense
	size := newSize()
	return eachField(message, func(f field) error {
		switch f.id {
		case 1, 2:
			return h.tensor(f.bytes)
		case 3:
			return size.times(f)
		}
		return nil
	})
}
