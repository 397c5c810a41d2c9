// Package modeltest gives tests and benchmarks what they need to run real models: a started ONNX Runtime, small real
// networks, and the reference checker for models that Go wrote.
package modeltest

import (
	"os"
	"sync"
	"testing"

	"foxhunt/model"
)

// started is the test process's one ONNX Runtime, which the library allows once a process. It lives until the process
// ends: tests that share it end at different times.
var started = sync.OnceValues(func() (*model.Runtime, error) {
	path, err := model.FindRuntime(os.Getenv("FOXHUNT_ONNXRUNTIME"))
	if err != nil {
		return nil, err
	}
	return model.Start(path)
})

// Runtime gives the test process's ONNX Runtime, started at the first call. Where the library is missing the test is
// skipped with the sentence that says how to get it; with CI=true it fails.
func Runtime(t testing.TB) *model.Runtime {
	t.Helper()
	runtime, err := started()
	if err != nil {
		missing(t, "%v", err)
	}
	return runtime
}

// missing ends a test that lacks a tool: skipped on a person's machine, failed in CI, which has every tool.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
