package model_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/graph"
	"foxhunt/model/modeltest"
)

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var broken *model.Error
	if !errors.As(err, &broken) || broken.Code != code {
		t.Errorf("error is %v; want code %s", err, code)
		return
	}
	if broken.Reason == "" || !strings.HasPrefix(err.Error(), code+": ") {
		t.Errorf("error reads %q; want the code and a sentence", err)
	}
}

func TestModelsOfTheTestsAreValidONNX(t *testing.T) {
	modeltest.CheckONNX(t, modeltest.Plain(t))
	modeltest.CheckONNX(t, mirror(t))
}

func TestLoadReadsTheContractOfTheMetadata(t *testing.T) {
	data := mirror(t)
	m := load(t, data, model.Options{})
	if !reflect.DeepEqual(m.Contract(), mirrorContract()) {
		t.Errorf("contract is %s", m.Contract().JSON())
	}
	digest := sha256.Sum256(data)
	info := m.Info()
	want := model.Info{
		Name: "mirror", Version: "7", Digest: hex.EncodeToString(digest[:]), Bytes: len(data),
		Inputs: []model.Value{
			{Name: "where", Type: "float32", Shape: []model.Dim{{Symbol: "B"}, {Symbol: "R"}, {Size: 3}}},
			{Name: "sigma", Type: "float32", Shape: []model.Dim{{Symbol: "B"}, {Symbol: "R"}}},
		},
		Contract: m.Contract(), Accuracy: "0 m", Producer: "foxhunt tests",
		IR: graph.IRVersion, Opsets: map[string]int64{"": graph.Opset}, Runtime: model.RuntimeVersion,
	}
	if len(info.Outputs) != 5 || info.Outputs[1].String() != "spread float32 [B, 3]" || info.Nodes == 0 {
		t.Errorf("outputs are %v of %d nodes", info.Outputs, info.Nodes)
	}
	if len(info.Metadata) != 3 {
		t.Errorf("metadata is %v", info.Metadata)
	}
	info.Outputs, info.Nodes, info.Metadata = nil, 0, nil
	if !reflect.DeepEqual(info, want) {
		t.Errorf("info is\n%+v; want\n%+v", info, want)
	}
}

func TestInfoIsJSON(t *testing.T) {
	m := load(t, modeltest.Plain(t), model.Options{Name: "front", Version: "2"})
	var back struct {
		Name, Version, Digest string
		Inputs                []struct {
			Name, Type string
			Shape      []any
		}
	}
	if err := json.Unmarshal(asJSON(t, m.Info()), &back); err != nil {
		t.Fatal(err)
	}
	if back.Name != "front" || back.Version != "2" || len(back.Digest) != 64 {
		t.Errorf("identity is %s %s %s", back.Name, back.Version, back.Digest)
	}
	if want := []any{"B", "C", 128.0, 32.0}; !reflect.DeepEqual(back.Inputs[0].Shape, want) {
		t.Errorf("input's shape is %v; want %v", back.Inputs[0].Shape, want)
	}
}

func TestPlainModelNeedsNoContract(t *testing.T) {
	m := load(t, modeltest.Plain(t), model.Options{})
	if want := contract.Plain("mel_spectrogram", 3); !reflect.DeepEqual(m.Contract(), want) {
		t.Errorf("contract is %s; want %s", m.Contract().JSON(), want.JSON())
	}
}

func TestPlainModelOfFixedChannelsTakesThatManyReceivers(t *testing.T) {
	m := load(t, plainLike(t, shape("1", "3", "128", "32"), shape("1", "2"), shape("1", "2")), model.Options{})
	if got := m.Contract().Receivers; got.Min != 3 || got.Max != 3 {
		t.Errorf("receivers are %+v; want 3", got)
	}
	if m.Contract().Output(contract.Sigma) == nil || m.Info().MaxBatch != 1 {
		t.Errorf("contract is %s, batch %d; want sigma and 1", m.Contract().JSON(), m.Info().MaxBatch)
	}
	r := newRunner(t, m)
	if _, err := r.Run(nil, spectrogram(1, 3)); err != nil {
		t.Error(err)
	}
	_, err := r.Run(nil, spectrogram(2, 3))
	wantCode(t, err, model.BadInput)
	_, err = r.Run(nil, spectrogram(1, 2))
	wantCode(t, err, model.BadInput)
}

func TestLoadFileFindsTheSidecar(t *testing.T) {
	bare := modeltest.Marshal(t, mirrorGraph())
	for _, sidecar := range []string{"m.onnx.contract.json", "foxhunt.contract"} {
		folder := t.TempDir()
		path := filepath.Join(folder, "m.onnx")
		write(t, path, bare)
		_, err := modeltest.Runtime(t).LoadFile(path, model.Options{})
		wantCode(t, err, model.NoContract)
		write(t, filepath.Join(folder, sidecar), mirrorContract().JSON())
		m, err := modeltest.Runtime(t).LoadFile(path, model.Options{})
		if err != nil {
			t.Fatalf("with %s: %v", sidecar, err)
		}
		if m.Close(); m.Contract().Frame != contract.ENU {
			t.Errorf("with %s: contract is %s", sidecar, m.Contract().JSON())
		}
	}
}

func TestMetadataGoesBeforeTheSidecar(t *testing.T) {
	m := load(t, mirror(t), model.Options{Sidecar: []byte("not even JSON")})
	if m.Contract().Frame != contract.ENU {
		t.Errorf("contract is %s", m.Contract().JSON())
	}
}

func TestLoadFileRefusals(t *testing.T) {
	runtime, folder := modeltest.Runtime(t), t.TempDir()
	_, err := runtime.LoadFile(filepath.Join(folder, "absent.onnx"), model.Options{})
	wantCode(t, err, model.Unreadable)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
	_, err = runtime.LoadFile(folder, model.Options{})
	wantCode(t, err, model.Unreadable)

	path := filepath.Join(folder, "m.onnx")
	write(t, path, modeltest.Marshal(t, mirrorGraph()))
	write(t, path+".contract.json", make([]byte, 2<<20))
	_, err = runtime.LoadFile(path, model.Options{})
	wantCode(t, err, model.TooLarge)
	os.Remove(path + ".contract.json")
	if err := os.Mkdir(path+".contract.json", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = runtime.LoadFile(path, model.Options{})
	wantCode(t, err, model.Unreadable)
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func shape(dims ...string) []string { return dims }

// plainLike is a model with the plain contract's names and any declared shapes.
func plainLike(t testing.TB, input, positions, uncertainties []string) []byte {
	g := graph.New("plainlike")
	x := g.Input("mel_spectrogram", graph.Float32, input...)
	mean := g.Reshape(g.ReduceMean(x, true), 1, 1)
	one := g.Add(g.Mul(mean, g.Float32(0)), g.Float32s([]int64{1, 2}, 1, 1))
	g.Output("positions", one, graph.Float32, positions...)
	g.Output("uncertainties", one, graph.Float32, uncertainties...)
	return modeltest.Marshal(t, g)
}

// edited is the mirror network with a contract that was changed.
func edited(t testing.TB, edit func(*contract.Contract)) []byte {
	c := mirrorContract()
	edit(c)
	g := mirrorGraph()
	g.Metadata(contract.MetadataKey, string(c.JSON()))
	return modeltest.Marshal(t, g)
}

func TestLoadRefusals(t *testing.T) {
	plain := modeltest.Plain(t)
	cases := []struct {
		name, code string
		data       []byte
		sidecar    string
	}{
		{"nothing", model.BadModel, nil, ""},
		{"text", model.BadModel, []byte("this is not a model"), ""},
		{"an ORT-format file", model.BadModel, []byte("\x20\x00\x00\x00ORTM\x00\x00\x00\x00"), ""},
		{"truncated", model.BadModel, plain[:len(plain)/2], ""},
		{"no graph", model.BadModel, []byte{8, 8}, ""},
		{"unknown operator", model.BadModel, unknownOperator(t), ""},
		{"two inputs and no contract", model.NoContract, modeltest.Marshal(t, mirrorGraph()), ""},
		{"input of 3 axes", model.NoContract, plainLike(t, shape("B", "128", "32"), shape("B", "2"), shape("B", "2")), ""},
		{"other output names", model.NoContract, otherOutputs(t), ""},
		{"uncertainties of 4", model.NoContract, plainLike(t, shape("B", "C", "128", "32"), shape("B", "2"), shape("B", "4")), ""},
		{"64 fixed channels", model.NoContract, plainLike(t, shape("B", "64", "128", "32"), shape("B", "2"), shape("B", "2")), ""},
		{"64 bands", model.BadShape, plainLike(t, shape("B", "C", "64", "32"), shape("B", "2"), shape("B", "2")), ""},
		{"positions of 3", model.BadShape, plainLike(t, shape("B", "C", "128", "32"), shape("B", "3"), shape("B", "2")), ""},
		{"a batch fixed at 4", model.BadShape, plainLike(t, shape("4", "C", "128", "32"), shape("4", "2"), shape("4", "2")), ""},
		{"positions of 1 axis", model.BadShape, plainLike(t, shape("B", "C", "128", "32"), shape("2"), shape("B", "2")), ""},
		{"not a contract", model.BadContract, modeltest.Marshal(t, mirrorGraph()), "{]"},
		{"contract of another version", model.BadContract, edited(t, func(c *contract.Contract) { c.Version = 9 }), ""},
		{"missing input", model.MissingInput, edited(t, func(c *contract.Contract) { c.Inputs[0].Name = "elsewhere" }), ""},
		{"unfed input", model.UnfedInput, edited(t, func(c *contract.Contract) { c.Inputs = c.Inputs[:1] }), ""},
		{"missing output", model.MissingOutput, edited(t, func(c *contract.Contract) { c.Outputs[0].Name = "elsewhere" }), ""},
		{"input of another feature", model.BadShape, edited(t, func(c *contract.Contract) { c.Inputs[0].Feature = contract.ReceiverMask }), ""},
		{"integer input", model.BadType, integerInput(t), ""},
		{"integer output", model.BadType, integerOutput(t), ""},
		{"fixed receivers, free contract", model.BadShape, fixedReceivers(t, contract.Receivers{Min: 2, Max: 3}), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := modeltest.Runtime(t).Load(c.data, model.Options{Sidecar: []byte(c.sidecar)})
			if err == nil {
				m.Close()
			}
			wantCode(t, err, c.code)
		})
	}
	if err := loadAndClose(t, fixedReceivers(t, contract.Receivers{Min: 3, Max: 3})); err != nil {
		t.Errorf("fixed receivers that the contract fixes, too: %v", err)
	}
}

func TestLoadRefusesWhatIsTooLarge(t *testing.T) {
	// The size is checked before any byte is read, so the pages of this slice are never touched.
	_, err := modeltest.Runtime(t).Load(make([]byte, model.MaxModelBytes+1), model.Options{})
	wantCode(t, err, model.TooLarge)
}

func loadAndClose(t testing.TB, data []byte) error {
	m, err := modeltest.Runtime(t).Load(data, model.Options{})
	if err != nil {
		return err
	}
	return m.Close()
}

func unknownOperator(t testing.TB) []byte {
	g := graph.New("unknown")
	x := g.Input("x", graph.Float32, "B", "C", "128", "32")
	y := g.Node("FoxhuntNoSuchOperator", []graph.Value{x})
	g.Output("positions", y, graph.Float32, "B", "2")
	g.Output("uncertainties", y, graph.Float32, "B", "2")
	return modeltest.Marshal(t, g)
}

func otherOutputs(t testing.TB) []byte {
	g := graph.New("others")
	x := g.Input("x", graph.Float32, "B", "C", "128", "32")
	g.Output("somewhere", x, graph.Float32, "B", "2")
	return modeltest.Marshal(t, g)
}

func integerInput(t testing.TB) []byte {
	g := graph.New("integers")
	x := g.Input("x", graph.Int64, "B", "C", "128", "32")
	y := g.Cast(x, graph.Float32)
	g.Output("positions", y, graph.Float32, "B", "2")
	g.Output("uncertainties", y, graph.Float32, "B", "2")
	return modeltest.Marshal(t, g)
}

func integerOutput(t testing.TB) []byte {
	g := graph.New("integers")
	x := g.Input("x", graph.Float32, "B", "C", "128", "32")
	g.Output("positions", g.Cast(x, graph.Int64), graph.Int64, "B", "2")
	g.Output("uncertainties", x, graph.Float32, "B", "2")
	return modeltest.Marshal(t, g)
}

// fixedReceivers is a model of exactly 3 receivers under a contract that takes so many.
func fixedReceivers(t testing.TB, receivers contract.Receivers) []byte {
	c := mirrorContract()
	c.Receivers = receivers
	c.Inputs, c.Outputs = c.Inputs[:1], c.Outputs[:2]
	g := graph.New("three")
	where := g.Input("where", graph.Float32, "B", "3", "3")
	g.Output("place", g.Slice(g.ReduceMean(where, false, 1), 1, 0, 2), graph.Float32, "B", "2")
	g.Output("spread", g.Squeeze(g.Slice(where, 1, 0, 1), 1), graph.Float32, "B", "3")
	g.Metadata(contract.MetadataKey, string(c.JSON()))
	return modeltest.Marshal(t, g)
}

func TestHostileBytesAreRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	plain := modeltest.Plain(t)
	for range 300 {
		noise := make([]byte, random.IntN(200))
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		if err := loadAndClose(t, noise); err == nil {
			t.Fatalf("noise loads: %x", noise)
		}
		if err := loadAndClose(t, plain[:random.IntN(len(plain))]); err == nil {
			t.Fatal("a truncated model loads")
		}
	}
	// Bytes changed here and there may leave a model that loads, but nothing worse.
	for range 300 {
		data := append([]byte(nil), plain...)
		for range 1 + random.IntN(4) {
			data[random.IntN(2000)] = byte(random.Uint32())
		}
		var refusal *model.Error
		if err := loadAndClose(t, data); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("a damaged model gives %v, which has no code", err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(mirror(f))
	f.Add(integerOutput(f)) // small seeds: large ones are long in minimising
	f.Add([]byte("\x20\x00\x00\x00ORTM"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var refusal *model.Error
		if err := loadAndClose(t, data); err != nil && !errors.As(err, &refusal) {
			t.Errorf("%v has no code", err)
		}
	})
}
