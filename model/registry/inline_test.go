package registry

import (
	"bytes"
	"cmp"
	_ "embed"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

//go:embed testdata/external.py
var externalScript string

// joined gives a directory's model as one file.
func joined(t testing.TB, path string) ([]byte, error) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "joined.onnx")
	digest, err := joinWeights(path, to)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(to)
	must(t, err)
	if digest != sum(data) {
		t.Errorf("the digest is %s; want %s", digest, sum(data))
	}
	return data, nil
}

func TestWeightsThatPythonPutElsewhereComeBack(t *testing.T) {
	t.Parallel()
	python, folder := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3"), t.TempDir()
	modeltest.CheckONNX(t, modeltest.Plain(t)) // skips where there is no package onnx
	if output, err := exec.Command(python, "-c", externalScript, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	whole, err := os.ReadFile(filepath.Join(folder, "whole.onnx"))
	must(t, err)
	path := filepath.Join(folder, "split", modelFile)
	parts, err := os.ReadFile(path)
	must(t, err)
	if n := bytes.Count(parts, []byte("location")); n != 12 {
		t.Errorf("%d tensors are in other files; want all 12", n)
	}
	found, err := locations(parts)
	if slices.Sort(found); err != nil || !slices.Equal(found, []string{"own.bin", "rest.bin"}) {
		t.Errorf("the weights are in %q (%v)", found, err)
	}
	data, err := joined(t, path)
	must(t, err)
	got, want := predict(t, data), predict(t, whole)
	if !reflect.DeepEqual(got, want) || math.Abs(got.X-4.75) > 1e-6 || math.Abs(got.Y-10.75) > 1e-6 {
		t.Errorf("joined the model says %+v; before %+v", got, want)
	}
}

// predict runs a model of the plain contract on a spectrogram of twos.
func predict(t testing.TB, data []byte) contract.Prediction {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(data, model.Options{})
	must(t, err)
	defer m.Close()
	runner, err := m.NewRunner()
	must(t, err)
	defer runner.Close()
	input := contract.Tensor{Name: "mel_spectrogram"}
	input.Resize(1, 3, 128, 32)
	for i := range input.Data {
		input.Data[i] = 2
	}
	predictions, err := runner.Run(nil, []contract.Tensor{input})
	must(t, err)
	p := predictions[0]
	p.Confidence = 0 // NaN, which equals nothing
	return p
}

func TestJoiningIsExact(t *testing.T) {
	t.Parallel()
	plain, folder := modeltest.Plain(t), t.TempDir()
	split(t, plain, filepath.Join(folder, modelFile), "weights.data")
	data, err := joined(t, filepath.Join(folder, modelFile))
	must(t, err)
	if len(data) != len(plain) || !reflect.DeepEqual(predict(t, data), predict(t, plain)) {
		t.Errorf("joined there are %d bytes; before %d", len(data), len(plain))
	}
	write(t, filepath.Join(folder, "whole", modelFile), plain)
	if data, err := joined(t, filepath.Join(folder, "whole", modelFile)); err != nil || !bytes.Equal(data, plain) {
		t.Errorf("a model without weights elsewhere changes (%v)", err)
	}
}

func TestHostileExternalData(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.bin")
	write(t, outside, make([]byte, 64))
	folder := t.TempDir()
	write(t, filepath.Join(folder, "w.bin"), make([]byte, 64))
	must(t, os.Symlink(outside, filepath.Join(folder, "link.bin")))
	must(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	huge, err := os.Create(filepath.Join(folder, "huge.bin"))
	must(t, err)
	must(t, huge.Truncate(model.MaxModelBytes/2)) // sparse: no bytes on the disk
	must(t, huge.Close())

	var nested []byte
	for range 400 {
		nested = bytesField(1, bytesField(5, bytesField(6, nested)))
	}
	many := [][]byte{}
	for i := range maxLocations + 1 {
		many = append(many, externalTensor("location", strings.Repeat("x", i%200+1)+string(rune('a'+i/200))))
	}
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"absolute":      {modelOf(externalTensor("location", outside)), BadExternalData},
		"parent":        {modelOf(externalTensor("location", "../"+filepath.Base(filepath.Dir(outside))+"/outside.bin")), BadExternalData},
		"link":          {modelOf(externalTensor("location", "link.bin")), BadExternalData},
		"missing":       {modelOf(externalTensor("location", "absent.bin")), BadExternalData},
		"a folder":      {modelOf(externalTensor("location", "folder")), BadExternalData},
		"no location":   {modelOf(externalTensor("offset", "0")), BadExternalData},
		"in memory":     {modelOf(externalTensor("location", "*/_ORT_MEM_ADDR_/*", "offset", "140737488355328", "length", "8")), BadExternalData},
		"nul":           {modelOf(externalTensor("location", "w.bin\x00")), BadExternalData},
		"past the end":  {modelOf(externalTensor("location", "w.bin", "offset", "60", "length", "5")), BadExternalData},
		"offset past":   {modelOf(externalTensor("location", "w.bin", "offset", "65")), BadExternalData},
		"overflow":      {modelOf(externalTensor("location", "w.bin", "offset", "9223372036854775807", "length", "9223372036854775807")), BadExternalData},
		"negative":      {modelOf(externalTensor("location", "w.bin", "offset", "-1")), BadExternalData},
		"no number":     {modelOf(externalTensor("location", "w.bin", "length", "all")), BadExternalData},
		"amplification": {modelOf(externalTensor("location", "huge.bin"), externalTensor("location", "huge.bin")), TooLarge},
		"nesting":       {bytesField(7, nested), BadModel},
		"torn":          {modeltest.Plain(t)[:5000], BadModel},
		"empty":         {nil, BadModel},
		"no graph":      {numberField(1, 8), BadModel},
		"text":          {[]byte("version https://git-lfs.github.com/spec/v1\n"), BadModel},
		"torn tensor":   {modelOf(externalTensor("location", "w.bin")[:9]), BadModel},
		"torn entry":    {modelOf(append(bytesField(externalData, []byte{0x0a, 9}), numberField(dataLocation, 1)...)), BadModel},
	} {
		path := filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+".onnx")
		write(t, path, c.data)
		_, err := joined(t, path)
		var failed *Error
		if failed, _ = err.(*Error); failed == nil || failed.Code != c.code || failed.Passing() {
			t.Errorf("%s: the error is %v; want %s", name, err, c.code)
		}
	}
	if _, err := locations(modelOf(many...)); err == nil {
		t.Error("a thousand files are taken")
	}
}

func TestExternalDataAsItMayBe(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "below", "w.bin"), []byte("0123456789"))
	must(t, os.Symlink("below/w.bin", filepath.Join(folder, "link.bin")))
	path := filepath.Join(folder, modelFile)
	write(t, path, modelOf(
		externalTensor("location", "below/../below/w.bin", "offset", "2", "length", "3"),
		externalTensor("location", "link.bin", "offset", "8", "checksum", "ignored"),
		bytesField(rawData, []byte("kept")),
	))
	data, err := joined(t, path)
	must(t, err)
	want := modelOf(
		slices.Concat(numberField(2, 1), bytesField(8, []byte("weights")), bytesField(rawData, []byte("234"))),
		slices.Concat(numberField(2, 1), bytesField(8, []byte("weights")), bytesField(rawData, []byte("89"))),
		bytesField(rawData, []byte("kept")),
	)
	if !bytes.Equal(data, want) {
		t.Errorf("joined it is %x; want %x", data, want)
	}
}

func FuzzInline(f *testing.F) {
	f.Add(modelOf(externalTensor("location", "w.bin", "offset", "2", "length", "3")))
	f.Add(modelOf(externalTensor("location", "../w.bin")))
	f.Add(append(modelOf(), bytesField(25, bytesField(11, bytesField(5, externalTensor("location", "w.bin"))))...))
	folder := f.TempDir()
	write(f, filepath.Join(folder, "w.bin"), []byte("0123456789"))
	root, err := os.OpenRoot(folder)
	must(f, err)
	f.Cleanup(func() { root.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := inline(data, root)
		if err != nil || out == nil {
			return
		}
		var text bytes.Buffer
		must(t, out.writeTo(&text, root))
		if int64(text.Len()) != out.size {
			t.Fatalf("%d bytes were written, %d announced", text.Len(), out.size)
		}
		again, err := inline(text.Bytes(), root)
		if err != nil || again != nil {
			t.Fatalf("joined twice it is another (%v)", err)
		}
		if _, _, n := protowire.ConsumeField(text.Bytes()); n < 0 {
			t.Fatal("what was joined is no protobuf")
		}
	})
}
