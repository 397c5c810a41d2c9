package model

import (
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// message builds a protobuf message out of length-delimited fields and numbers.
type message []byte

func (m message) bytes(id protowire.Number, value []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, id, protowire.BytesType), value)
}

func (m message) number(id protowire.Number, value uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, id, protowire.VarintType), value)
}

func TestExternalDataIsFoundWhereverItHides(t *testing.T) {
	external := message{}.number(14, 1)                                     // TensorProto.data_location = EXTERNAL
	location := message{}.bytes(13, message{}.bytes(1, []byte("location"))) // TensorProto.external_data
	inAttribute := func(id protowire.Number, value []byte) []byte {
		return message{}.bytes(5, message{}.bytes(id, value))
	}
	nested := message{}.bytes(1, inAttribute(5, external)) // a graph whose node has the tensor
	cases := map[string]message{
		"initializer":            message{}.bytes(5, external),
		"initializer's location": message{}.bytes(5, location),
		"sparse values":          message{}.bytes(15, message{}.bytes(1, external)),
		"sparse indices":         message{}.bytes(15, message{}.bytes(2, external)),
		"attribute":              message{}.bytes(1, inAttribute(5, external)),
		"attribute's tensors":    message{}.bytes(1, inAttribute(10, external)),
		"sparse attribute":       message{}.bytes(1, inAttribute(22, message{}.bytes(1, external))),
		"subgraph":               message{}.bytes(1, inAttribute(6, nested)),
		"subgraphs":              message{}.bytes(1, inAttribute(11, message{}.bytes(5, external))),
		"subgraph's sparse":      message{}.bytes(1, inAttribute(6, message{}.bytes(15, message{}.bytes(1, external)))),
	}
	for name, graph := range cases {
		h, err := readHeader(message{}.bytes(7, graph))
		if err != nil || !h.externalData {
			t.Errorf("%s: external data is not found (%v)", name, err)
		}
	}
	function := message{}.bytes(7, nil).bytes(25, message{}.bytes(7, inAttribute(5, external)))
	if h, err := readHeader(function); err != nil || !h.externalData {
		t.Errorf("function: external data is not found (%v)", err)
	}
	if h, err := readHeader(message{}.bytes(7, message{}.bytes(5, message{}.number(14, 0)))); err != nil || h.externalData {
		t.Errorf("a tensor that says its data is inside counts as external (%v)", err)
	}
	var refusal *Error
	_, err := new(Runtime).Load(message{}.bytes(7, cases["subgraph"]), Options{})
	if !errors.As(err, &refusal) || refusal.Code != ExternalData {
		t.Errorf("Load gives %v; want %s", err, ExternalData)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	graph := message{}
	for range 200 {
		graph = message{}.bytes(1, message{}.bytes(5, message{}.bytes(6, graph)))
	}
	var refusal *Error
	if _, err := readHeader(message{}.bytes(7, graph)); !errors.As(err, &refusal) || refusal.Code != BadModel {
		t.Errorf("200 graphs within each other give %v", err)
	}
}

func TestHeaderReadsWhatOldAndOddFilesHold(t *testing.T) {
	tensorType := func(element uint64) message { return message{}.bytes(1, message{}.number(1, element)) }
	value := func(name string, kind message) message { return message{}.bytes(1, []byte(name)).bytes(2, kind) }
	graph := message{}.
		bytes(2, []byte("g")).
		bytes(11, value("x", tensorType(10))).
		bytes(11, value("weights", tensorType(1))).
		bytes(5, message{}.bytes(8, []byte("weights"))).
		bytes(12, value("s", message{}.bytes(4, nil))). // a sequence
		bytes(12, value("f8", tensorType(17)))
	h, err := readHeader(message{}.number(1, 3).bytes(3, []byte("1.0")).
		bytes(8, message{}.bytes(1, []byte("ai.onnx")).number(2, 9)).
		bytes(8, message{}.bytes(1, []byte("ai.onnx.ml")).number(2, 2)).
		bytes(7, graph))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.inputs) != 1 || h.inputs[0].String() != "x float16" {
		t.Errorf("inputs are %v; want x alone, for the weights are inside", h.inputs)
	}
	if h.outputs[0].Type != "not a tensor" || h.outputs[1].Type != "type 17" {
		t.Errorf("outputs are %v", h.outputs)
	}
	if h.opsets[""] != 9 || h.opsets["ai.onnx.ml"] != 2 {
		t.Errorf("opsets are %v", h.opsets)
	}
	if info := h.info(Options{}); info.Name != "g" || info.Version != "0" || info.Producer != " 1.0" {
		t.Errorf("info is %+v", info)
	}
	if (Dim{}).String() != "?" {
		t.Errorf("a free axis without a name reads %q", Dim{})
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte(message{}.bytes(7, message{}.bytes(1, message{}.bytes(5, message{}.bytes(6, nil))))))
	f.Add([]byte(message{}.bytes(14, message{}.bytes(1, []byte("k")).bytes(2, []byte("v")))))
	f.Add([]byte("\x3a\xff\xff\xff\xff\x0f"))
	f.Add([]byte(append(message{}.bytes(7, nodeOf("Twice", "pkg")), message{}.bytes(25, message{}.text(10, "pkg").bytes(7, nil))...)))
	f.Add([]byte(message{}.bytes(7, message{}.bytes(15, message{}.number(3, 1<<40).bytes(3, []byte{0x80})))))
	f.Add([]byte(message{}.bytes(7, message{}.bytes(11, message{}.text(1, "x\a").bytes(2, message{}.bytes(1, message{}.bytes(2, repeated(1, nil, 17))))))))
	f.Add([]byte(message{}.bytes(7, message{}.text(2, "\xff")).bytes(8, message{}.text(1, "ai.onnx").number(2, 18))))
	f.Fuzz(func(t *testing.T, data []byte) {
		var refusal *Error
		if _, err := readHeader(data); err != nil && !errors.As(err, &refusal) {
			t.Errorf("%v has no code", err)
		}
	})
}

// TestDimensionsAsJSON come back as they were.
func TestDimensionsAsJSON(t *testing.T) {
	for _, d := range []Dim{{Size: 3}, {Symbol: "B"}, {}} {
		text, err := json.Marshal(d)
		back := Dim{Size: 9, Symbol: "X"}
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != d {
			t.Errorf("%+v becomes %s and then %+v, %v", d, text, back, err)
		}
	}
	if err := json.Unmarshal([]byte("{}"), &Dim{}); err == nil {
		t.Error("an object is taken for a dimension")
	}
}
