package model_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// alone marks a process that runs one test by itself, because it starts and stops the process's only runtime.
const alone = "FOXHUNT_TEST_ALONE"

// TestRuntimeStartsStopsAndStaysQuiet runs itself in a process of its own, and reads what that writes.
func TestRuntimeStartsStopsAndStaysQuiet(t *testing.T) {
	if os.Getenv(alone) != "" {
		startAndStop(t, os.Getenv(alone))
		return
	}
	library := modeltest.Runtime(t).Path()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), alone+"="+library)
	output, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if coverage := "coverage: "; string(output) != "PASS\n" && !startsWith(output, "PASS\n"+coverage) {
		t.Errorf("the process writes\n%s; want nothing but PASS: failing runs must not write to stderr", output)
	}
}

func startsWith(output []byte, prefix string) bool {
	return len(output) >= len(prefix) && string(output[:len(prefix)]) == prefix
}

func startAndStop(t *testing.T, library string) {
	text := filepath.Join(t.TempDir(), "libonnxruntime.so")
	write(t, text, []byte("not a library"))
	for _, wrong := range []string{text, "libc.so.6"} {
		_, err := model.Start(wrong)
		wantCode(t, err, model.BadRuntime)
	}
	runtime, err := model.Start(library)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.Version() != model.RuntimeVersion || runtime.Path() != library {
		t.Errorf("runtime is %s of %s", runtime.Version(), runtime.Path())
	}
	_, err = model.Start(library)
	wantCode(t, err, model.AlreadyStarted)

	m, err := runtime.Load(mirror(t), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Run(nil, mirrorInput([4]float32{4, 9, 1, 11}))
	wantCode(t, err, model.RunFailed)
	_, err = runtime.Load(unknownOperator(t), model.Options{})
	wantCode(t, err, model.BadModel)

	wantCode(t, runtime.Stop(), model.InUse)
	m.Close()
	wantCode(t, runtime.Stop(), model.InUse) // the runner still holds the session
	r.Close()
	for range 2 { // the second Stop does nothing
		if err := runtime.Stop(); err != nil {
			t.Error(err)
		}
	}
	_, err = runtime.Load(mirror(t), model.Options{})
	wantCode(t, err, model.Closed)

	again, err := model.Start(library)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Load(mirror(t), model.Options{}); err != nil {
		t.Error(err)
	}
}
