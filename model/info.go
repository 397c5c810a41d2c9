package model

import (
	"cmp"
	"strconv"

	"foxhunt/contract"
)

// The metadata keys by which a model names itself and states its accuracy, beside the contract's own key.
const (
	NameKey     = "foxhunt.name"
	VersionKey  = "foxhunt.version"
	AccuracyKey = "foxhunt.accuracy"
)

// Info describes a loaded model.
type Info struct {
	Name     string             `json:"name"`
	Version  string             `json:"version"`
	Digest   string             `json:"digest"` // SHA-256 of the file, in hexadecimal
	Bytes    int                `json:"bytes"`
	MaxBatch int                `json:"max_batch,omitempty"` // 1 for a model whose batch axis is fixed, else 0: any
	Inputs   []Value            `json:"inputs"`
	Outputs  []Value            `json:"outputs"`
	Nodes    int                `json:"nodes"` // of the main graph, before optimisation
	Contract *contract.Contract `json:"contract"`
	Accuracy string             `json:"accuracy,omitempty"` // as the model states it
	Producer string             `json:"producer,omitempty"`
	IR       int64              `json:"ir_version"`
	Opsets   map[string]int64   `json:"opsets"` // by domain; "" is the standard one
	Metadata map[string]string  `json:"metadata,omitempty"`
	Runtime  string             `json:"runtime"` // ONNX Runtime's version

	Optimized bool `json:"optimized"` // loaded from its optimised form on the disk
}

// info is what the file says of itself. The model's source may know a name and a version better.
func (h *header) info(options Options) Info {
	producer := h.producer
	if h.producerVersion != "" {
		producer += " " + h.producerVersion
	}
	info := Info{
		Name:     cmp.Or(options.Name, h.metadata[NameKey], h.graphName, "unnamed"),
		Version:  cmp.Or(options.Version, h.metadata[VersionKey], strconv.FormatInt(h.modelVersion, 10)),
		Inputs:   h.inputs,
		Outputs:  h.outputs,
		Nodes:    h.nodes,
		Accuracy: h.metadata[AccuracyKey],
		Producer: producer,
		IR:       h.irVersion,
		Opsets:   h.opsets,
		Metadata: h.metadata,
	}
	for _, value := range append(h.inputs[:len(h.inputs):len(h.inputs)], h.outputs...) {
		if len(value.Shape) > 0 && value.Shape[0].Size == 1 {
			info.MaxBatch = 1
		}
	}
	return info
}
