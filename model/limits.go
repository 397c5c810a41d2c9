package model

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// What a model's file may hold. Real models stay far below; what is above only fills memory.
const (
	maxNesting  = 16        // graphs within graphs; protobuf's own parsers end at 33
	maxNodes    = 200_000   // with those of graphs within
	maxValues   = 200_000   // weights, and inputs and outputs as the file lists them
	maxPorts    = 64        // inputs and outputs that a run feeds and fetches
	maxAxes     = 16        // of one input or output
	maxEntries  = 1_000     // of metadata, operator sets, domains and functions each
	maxText     = 16 << 20  // bytes of metadata
	maxName     = 512       // bytes of the name of an input, an output or an axis
	maxIdentity = 128       // bytes of a model's name and version, which every fix carries
	maxElements = 512 << 20 // of one tensor
)

// runtimeDomains are the operators' domains that ONNX Runtime brings itself. com.microsoft.nchwc is what it writes when
// it saves an optimised model.
var runtimeDomains = map[string]bool{"": true, "ai.onnx": true, "ai.onnx.ml": true, "com.microsoft": true, "com.microsoft.nchwc": true}

// bound refuses as soon as there is more of anything than the walk should keep.
func (h *header) bound() error {
	switch {
	case len(h.initializers)+len(h.inputs)+len(h.outputs) > maxValues:
		return refuse(TooLarge, "the model has more than %d weights, inputs and outputs", maxValues)
	case max(len(h.metadata), len(h.opsets), len(h.operators), len(h.functions)) > maxEntries:
		return refuse(TooLarge, "the model has more than %d entries of metadata, operator sets or domains", maxEntries)
	}
	return nil
}

// check looks at what the whole walk found.
func (h *header) check() error {
	text := 0
	for key, value := range h.metadata {
		text += len(key) + len(value)
	}
	if text > maxText {
		return refuse(TooLarge, "the model has %d bytes of metadata; want at most %d", text, maxText)
	}
	for _, key := range []string{NameKey, VersionKey} {
		if !isPrintable(h.metadata[key], maxIdentity) {
			return refuse(BadModel, "the metadata's %s is longer than %d bytes, or holds what cannot be printed", key, maxIdentity)
		}
	}
	if !isPrintable(h.graphName, maxIdentity) { // exporters choose it; a model with no other name is "unnamed" then
		h.graphName = ""
	}
	for domain, operator := range h.operators {
		if !runtimeDomains[domain] && !h.functions[domain] {
			return refuse(CustomOperator, "the model uses operator %.64q of domain %.64q, which ONNX Runtime does not bring; "+
				"foxhunt loads no libraries of custom operators: export the model with standard ones", operator, domain)
		}
	}
	return h.checkPorts()
}

// checkPorts bounds inputs and outputs, whose names stand in sentences for people.
func (h *header) checkPorts() error {
	for _, ports := range [][]Value{h.inputs, h.outputs} {
		if len(ports) > maxPorts {
			return refuse(TooLarge, "the model has %d inputs or outputs; want at most %d", len(ports), maxPorts)
		}
		for _, v := range ports {
			if !isPrintable(v.Name, maxName) {
				return refuse(BadModel, "the name of an input or output is longer than %d bytes, or holds what cannot be printed", maxName)
			}
			for _, d := range v.Shape {
				if !isPrintable(d.Symbol, maxName) {
					return refuse(BadModel, "the name of an axis of %s is longer than %d bytes, or holds what cannot be printed", v.Name, maxName)
				}
			}
		}
	}
	return nil
}

func isPrintable(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })
}

// size multiplies a tensor's dimensions, which may claim any number of elements.
type size struct{ elements int64 }

func newSize() *size { return &size{1} }

// times takes a field of dimensions: one number, or several packed together.
func (s *size) times(f field) error {
	if f.bytes == nil {
		return s.multiply(f.number)
	}
	for packed := f.bytes; len(packed) > 0; {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return notProtobuf(n)
		}
		if err := s.multiply(int64(v)); err != nil {
			return err
		}
		packed = packed[n:]
	}
	return nil
}

func (s *size) multiply(by int64) error {
	if by < 0 || by > 0 && s.elements > maxElements/by {
		return refuse(TooLarge, "a tensor has a negative dimension, or more than %d elements", maxElements)
	}
	s.elements *= by
	return nil
}

// first is the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
