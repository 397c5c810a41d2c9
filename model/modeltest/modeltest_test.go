package modeltest_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"foxhunt/model"
	"foxhunt/model/modeltest"
)

func TestPlainIsAlwaysTheSame(t *testing.T) {
	data := modeltest.Plain(t)
	if !bytes.Equal(data, modeltest.Plain(t)) {
		t.Error("two builds of the plain model differ")
	}
	modeltest.CheckONNX(t, data)
	m, err := modeltest.Runtime(t).Load(data, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if modeltest.Runtime(t).Version() != m.Info().Runtime {
		t.Error("a second call gives another runtime")
	}
}

// needs names a helper that a child process of these tests calls.
const needs = "FOXHUNT_TEST_NEEDS"

// TestChild is what the tests below run in a process of its own, with its own environment.
func TestChild(t *testing.T) {
	switch os.Getenv(needs) {
	case "runtime":
		modeltest.Runtime(t)
	case "python":
		modeltest.CheckONNX(t, modeltest.Plain(t))
	case "valid":
		modeltest.CheckONNX(t, []byte("not a model"))
	}
}

func child(environment ...string) (string, error) {
	command := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestMissingToolsSkipHereAndFailInCI(t *testing.T) {
	cases := []struct{ tool, variable, sentence string }{
		{"runtime", "FOXHUNT_ONNXRUNTIME=/absent.so", "/absent.so is not a file"},
		{"python", "FOXHUNT_PYTHON=/absent/python", "model/modeltest/requirements.txt"},
	}
	for _, c := range cases {
		output, err := child(needs+"="+c.tool, c.variable, "CI=")
		if err != nil || !strings.Contains(output, "--- SKIP") || !strings.Contains(output, c.sentence) {
			t.Errorf("without the %s: %v\n%s; want a skip that says %q", c.tool, err, output, c.sentence)
		}
		output, err = child(needs+"="+c.tool, c.variable, "CI=true")
		if err == nil || !strings.Contains(output, "--- FAIL") || !strings.Contains(output, c.sentence) {
			t.Errorf("without the %s in CI: %v\n%s; want a failure that says %q", c.tool, err, output, c.sentence)
		}
	}
}

func TestCheckerFailsOnWhatIsNoModel(t *testing.T) {
	modeltest.CheckONNX(t, modeltest.Plain(t)) // skips where there is no checker
	if output, err := child(needs + "=valid"); err == nil || !strings.Contains(output, "onnx refuses the model") {
		t.Errorf("%v\n%s; want the checker's refusal", err, output)
	}
}
