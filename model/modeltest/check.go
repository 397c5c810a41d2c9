package modeltest

import (
	"bytes"
	"cmp"
	_ "embed"
	"os"
	"os/exec"
	"testing"
)

//go:embed check_onnx.py
var checkScript string

// CheckONNX fails the test when the Python package onnx finds fault with a model's bytes. The Python is the one
// FOXHUNT_PYTHON names, else python3; where it has no package onnx the test is skipped, or fails with CI=true.
func CheckONNX(t testing.TB, data []byte) {
	t.Helper()
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import onnx").Run(); err != nil {
		missing(t, "%s cannot import onnx; make a virtual environment with model/modeltest/requirements.txt and name its python in FOXHUNT_PYTHON", python)
	}
	check := exec.Command(python, "-c", checkScript)
	check.Stdin = bytes.NewReader(data)
	if output, err := check.CombinedOutput(); err != nil {
		t.Fatalf("onnx refuses the model: %v\n%s", err, output)
	}
}
