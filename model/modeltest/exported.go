package modeltest

import (
	_ "embed"
	"testing"
)

//go:embed export_onnx.py
var exportScript string

// Exported gives a model that Python's onnx wrote, not foxhunt: of the plain contract for three receivers, with golden
// vectors that onnx's reference evaluator computed. Python is found as in [CheckONNX].
func Exported(t testing.TB) []byte {
	t.Helper()
	return []byte(Python(t, exportScript, nil))
}
