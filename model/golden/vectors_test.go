package golden_test

import (
	"errors"
	"strings"
	"testing"

	"foxhunt/model"
	"foxhunt/model/golden"
	"foxhunt/model/modeltest"
)

// vectors of the small model: it puts the emitter into the midst of (100, 200) and (300, 400) and adds a tenth of the
// levels' mean of -110 dB.
const vectors = `{"version": 1, "atol": 0.001, "rtol": 1e-6, "vectors": [{
	"inputs": {"where": {"shape": [1, 2, 3], "data": [100, 200, 0, 300, 400, 0]}, "level": {"shape": [1, 2], "data": "AADIwgAA8MI="}},
	"outputs": {"place": {"shape": [1, 2], "data": [189, 289]}, "sure": {"shape": [1, 1], "data": [0.5]}}}]}`

func check(t *testing.T, text string) error {
	t.Helper()
	return golden.Check(t.Context(), load(t, modeltest.Small(t, "sound", modeltest.Sound, golden.MetadataKey, text)))
}

func TestGoldenVectorsAreReproduced(t *testing.T) {
	if err := check(t, vectors); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, code, word string }{
		"another place":        {"189", "189.1", golden.NotReproduced, `value 0 of output "place" is 189`},
		"another confidence":   {"[0.5]", "[0.4]", golden.NotReproduced, `"sure"`},
		"an unknown output":    {`"sure"`, `"weather"`, golden.BadVectors, "an output that the contract does not"},
		"a missing input":      {`"where"`, `"when"`, golden.BadVectors, "bad_input"},
		"another shape":        {"[1, 2, 3]", "[2, 1, 3]", golden.BadVectors, "bad_input"},
		"a hostile shape":      {"[1, 2, 3]", "[-1, 9223372036854775807, 3]", golden.BadVectors, "bad_input"},
		"too few values":       {"[189, 289]", "[189]", golden.BadVectors, "gives 1 values"},
		"too few of the input": {", 400, 0]", ", 400]", golden.BadVectors, "bad_input"},
	} {
		err := check(t, strings.Replace(vectors, c.from, c.to, 1))
		if wantCode(t, err, c.code); err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v; want %q", name, err, c.word)
		}
	}
}

func TestWhatIsNoGoldenVector(t *testing.T) {
	for name, c := range map[string]struct{ from, to, word string }{
		"a version of tomorrow":  {`"version": 1`, `"version": 2`, "version is 2"},
		"a tolerance below zero": {`"atol": 0.001`, `"atol": -1`, "atol is -1"},
		"no tolerance":           {`"atol": 0.001, "rtol": 1e-6`, `"atol": 0`, "one above"},
		"any tolerance":          {`"atol": 0.001`, `"atol": 1e999`, "cannot unmarshal"},
		"a misspelt key":         {`"atol"`, `"tolerance"`, "unknown field"},
		"two of them":            {vectors, vectors + vectors, "something follows"},
		"half a value":           {"AADIwgAA8MI=", "AADIwgAA8A==", "illegal base64"},
		"no base64":              {"AADIwgAA8MI=", "?", "illegal base64"},
		"words":                  {"[100,", `["x",`, "cannot unmarshal"},
		"no output":              {`{"place": {"shape": [1, 2], "data": [189, 289]}, "sure": {"shape": [1, 1], "data": [0.5]}}`, "{}", "names no output"},
		"nothing":                {vectors, `{"version":1,"atol":1,"vectors":[]}`, "0 vectors"},
		"too many":               {vectors, `{"version":1,"atol":1,"vectors":[` + strings.Repeat("{},", 64) + `{}]}`, "65 vectors"},
	} {
		_, err := golden.ParseVectors([]byte(strings.Replace(vectors, c.from, c.to, 1)))
		if wantCode(t, err, golden.BadVectors); err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v; want %q", name, err, c.word)
		}
	}
}

// TestAnExportedModelReproducesItsVectors: the model is Python's, and its vectors are of another program than ONNX
// Runtime.
func TestAnExportedModelReproducesItsVectors(t *testing.T) {
	data := modeltest.Exported(t)
	modeltest.CheckONNX(t, data)
	m := load(t, data)
	if info := m.Info(); info.Name != "python" || info.Version != "3" || info.Producer != "onnx.helper" || info.Metadata[golden.MetadataKey] == "" {
		t.Errorf("the model calls itself %s %s of %s", info.Name, info.Version, info.Producer)
	}
	if err := golden.Check(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func FuzzParseVectors(f *testing.F) {
	f.Add([]byte(vectors))
	f.Add([]byte(`{"version":1,"atol":1,"vectors":[{"outputs":{"x":{"shape":[1],"data":"AAAA"}}}]}`))
	f.Add([]byte(`{"vectors":[{"inputs":{"x":{"data":null}}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := golden.ParseVectors(text)
		var refused *model.Error
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("%v has no code", err)
		}
		if err == nil && (v.Version != 1 || len(v.Vectors) == 0) {
			t.Errorf("%q gives %+v", text, v)
		}
	})
}
