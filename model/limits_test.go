package model

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// text is a field that holds words.
func (m message) text(id protowire.Number, value string) message { return m.bytes(id, []byte(value)) }

// repeated is the same field so many times.
func repeated(id protowire.Number, value []byte, times int) message {
	return message(strings.Repeat(string(message{}.bytes(id, value)), times))
}

func nodeOf(operator, domain string) message {
	return message{}.bytes(1, message{}.text(4, operator).text(7, domain))
}

func wantRefused(t *testing.T, name string, data []byte, code, word string) {
	t.Helper()
	var refused *Error
	if _, err := readHeader(data); !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.Reason, word) {
		t.Errorf("%s: %v; want %s and %q", name, err, code, word)
	}
}

func TestFilesBeyondTheLimitsAreRefused(t *testing.T) {
	tensor := func(dims ...uint64) message {
		m := message{}
		for _, d := range dims {
			m = m.number(1, d)
		}
		return m
	}
	packed := protowire.AppendVarint(protowire.AppendVarint(nil, 1<<20), 1<<20)
	metadata := func(key, value string) message {
		return message{}.bytes(7, nil).bytes(14, message{}.text(1, key).text(2, value))
	}
	input := func(name, axis string) message {
		dim := message{}.bytes(1, message{}.text(2, axis))
		return message{}.bytes(11, message{}.text(1, name).bytes(2, message{}.bytes(1, message{}.number(1, 1).bytes(2, dim))))
	}
	axes := message{}.bytes(11, message{}.bytes(2, message{}.bytes(1, message{}.bytes(2, repeated(1, nil, 17)))))
	sparse := message{}.bytes(15, message{}.number(3, 1<<20).number(3, 1<<20))
	in := func(graph message) message { return message{}.bytes(7, graph) }
	many := message{}.bytes(7, nil)
	for i := range 1001 {
		many = many.bytes(8, message{}.text(1, strings.Repeat("d", i)))
	}
	cases := map[string]struct {
		data       message
		code, word string
	}{
		"nodes":                {in(repeated(1, nil, maxNodes+1)), TooLarge, "nodes"},
		"weights as inputs":    {in(repeated(11, nil, maxValues+1)), TooLarge, "weights, inputs"},
		"inputs":               {in(repeated(11, nil, maxPorts+1)), TooLarge, "65 inputs"},
		"axes":                 {in(axes), TooLarge, "axes"},
		"operator sets":        {many, TooLarge, "1000 entries"},
		"a dense tensor":       {in(message{}.bytes(5, tensor(1<<20, 1<<20))), TooLarge, "elements"},
		"a packed tensor":      {in(message{}.bytes(5, message{}.bytes(1, packed))), TooLarge, "elements"},
		"packed wrongly":       {in(message{}.bytes(5, message{}.bytes(1, []byte{0x80}))), BadModel, "not an ONNX file"},
		"a negative dimension": {in(message{}.bytes(5, tensor(1<<63))), TooLarge, "negative"},
		"a sparse tensor":      {in(sparse), TooLarge, "elements"},
		"metadata":             {metadata("k", strings.Repeat("x", maxText)), TooLarge, "bytes of metadata"},
		"a long name":          {metadata(NameKey, strings.Repeat("x", 129)), BadModel, NameKey},
		"a version that rings": {metadata(VersionKey, "1\a"), BadModel, VersionKey},
		"a bell in an input":   {in(input("x\a", "B")), BadModel, "printed"},
		"a bell in an axis":    {in(input("x", "\x1b[2J")), BadModel, "axis of x"},
	}
	for name, c := range cases {
		wantRefused(t, name, c.data, c.code, c.word)
	}
	if h, err := readHeader(in(message{}.bytes(2, []byte("\x1b[2J")))); err != nil || h.info(Options{}).Name != "unnamed" {
		t.Errorf("a graph's name that would act on a terminal: %v", err)
	}
}

func TestOperatorsThatTheRuntimeLacksAreRefused(t *testing.T) {
	for _, domain := range []string{"", "ai.onnx", "ai.onnx.ml", "com.microsoft"} {
		if _, err := readHeader(message{}.bytes(7, nodeOf("Add", domain))); err != nil {
			t.Errorf("domain %q: %v", domain, err)
		}
	}
	evil := nodeOf("Shell", "evil.corp")
	wantRefused(t, "a node", message{}.bytes(7, evil), CustomOperator, `operator "Shell" of domain "evil.corp"`)
	nested := message{}.bytes(1, message{}.bytes(5, message{}.bytes(6, evil)))
	wantRefused(t, "a node within a node", message{}.bytes(7, nested), CustomOperator, "evil.corp")
	function := message{}.bytes(25, message{}.text(1, "Twice").text(10, "pkg.local").bytes(7, message{}.text(4, "Add")))
	if _, err := readHeader(append(message{}.bytes(7, nodeOf("Twice", "pkg.local")), function...)); err != nil {
		t.Errorf("a function that the file brings itself: %v", err)
	}
	function = message{}.bytes(25, message{}.text(10, "pkg.local").bytes(7, message{}.text(4, "Shell").text(7, "evil.corp")))
	wantRefused(t, "a node within a function", append(message{}.bytes(7, nil), function...), CustomOperator, "evil.corp")
}
