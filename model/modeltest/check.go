package modeltest

import (
	"bytes"
	"cmp"
	_ "embed"
	"os"
	"os/exec"
	"strings"
	"testing"
)

//go:embed check_onnx.py
var checkScript string

//go:embed shapes_onnx.py
var shapesScript string

// CheckONNX fails the test when the Python package onnx finds fault with a model's bytes. The Python is the one
// FOXHUNT_PYTHON names, else python3; where it has no package onnx the test is skipped, or fails with CI=true.
func CheckONNX(t testing.TB, data []byte) {
	t.Helper()
	Python(t, checkScript, data)
}

// UnknownShapes lists the values whose shapes onnx's inference cannot find, as operator and name. Python is found as in
// [CheckONNX].
func UnknownShapes(t testing.TB, data []byte) []string {
	t.Helper()
	return strings.FieldsFunc(Python(t, shapesScript, data), func(r rune) bool { return r == '\n' })
}

// Python runs a script that imports onnx, with data on its standard input, and gives what it prints. A script that
// fails fails the test.
func Python(t testing.TB, script string, data []byte) string {
	t.Helper()
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import onnx").Run(); err != nil {
		missing(t, "%s cannot import onnx; make a virtual environment with model/modeltest/requirements.txt and name its python in FOXHUNT_PYTHON", python)
	}
	var stderr bytes.Buffer
	run := exec.Command(python, "-c", script)
	run.Stdin, run.Stderr = bytes.NewReader(data), &stderr
	output, err := run.Output()
	if err != nil {
		t.Fatalf("onnx refuses the model: %v\n%s", err, stderr.Bytes())
	}
	return string(output)
}
