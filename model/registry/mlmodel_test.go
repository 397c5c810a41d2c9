package registry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMLmodel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"artifact_path: x\nflavors:\n  onnx:\n    code: null\n    data: model.onnx\n    providers:\n    - CPUExecutionProvider\nrun_id: 7\n": "model.onnx",
		"flavors: {python_function: {data: a}, onnx: {data: 'b/c d.onnx'}}\nsignature:\n  inputs: '[{\"type\": \"tensor\"}]'\n":              "b/c d.onnx",
		"flavors:\r\n  # what it is\r\n\r\n  onnx:\r\n    data: \"ä.onnx\"\r\n":                                                              "ä.onnx",
	} {
		path := filepath.Join(t.TempDir(), mlmodelFile)
		write(t, path, []byte(text))
		if got, err := readMLmodel(path); err != nil || got != want {
			t.Errorf("%q names %q (%v); want %q", text, got, err, want)
		}
	}
	// Each of these is small, and would take minutes or gigabytes if it were believed.
	bomb := "a: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for _, next := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		alias := "*a" + string(next[0]-1)
		bomb += "  a" + next + ": &a" + next + " [" + strings.Repeat(alias+",", 8) + alias + "]\n"
	}
	for _, text := range []string{
		"flavors:\n  onnx:\n    " + bomb + "    data: *a9\n", strings.Replace("flavors:\n  "+bomb+"  onnx: *a9\n", "a:", "a0:", 1),
		"flavors: " + strings.Repeat("[", maxMLmodelBytes-10), "flavors: " + strings.Repeat("[", maxFlavoursBytes-10), strings.Repeat("[", maxMLmodelBytes-10),
		"flavors:\n  sklearn: {}\n  \"py\\u001b[31m\": {}\n", "flavors:\n  onnx: model.onnx\n", "flavors:\n", "",
	} {
		path := filepath.Join(t.TempDir(), mlmodelFile)
		write(t, path, []byte(text))
		name, err := readMLmodel(path)
		refused(t, err, NoONNX)
		if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%.40q names %q (%q)", text, name, err)
		}
	}
}

func FuzzMLmodel(f *testing.F) {
	f.Add([]byte("flavors:\n  onnx:\n    data: model.onnx\n"))
	f.Add([]byte("flavors: {onnx: &a {data: *a}}"))
	path := filepath.Join(f.TempDir(), mlmodelFile)
	f.Fuzz(func(t *testing.T, text []byte) {
		must(t, os.WriteFile(path, text, 0o600))
		if name, err := readMLmodel(path); err == nil && !filepath.IsLocal(name) {
			t.Fatalf("%q names %q", text, name)
		}
	})
}
