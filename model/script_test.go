package model_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"foxhunt/model/modeltest"
)

const script = "../scripts/fetch-onnxruntime.sh"

func TestScriptPrintsTheLibraryThatFindRuntimeFinds(t *testing.T) {
	if os.Getenv("FOXHUNT_ONNXRUNTIME") != "" {
		t.Skip("FOXHUNT_ONNXRUNTIME names another library")
	}
	library := modeltest.Runtime(t).Path() // skips where there is none: tests do not fetch
	command := exec.Command(script)
	command.Stderr = os.Stderr
	if output, err := command.Output(); err != nil || string(output) != library+"\n" {
		t.Errorf("the script prints %q (%v); FindRuntime gives %q", output, err, library)
	}
}

func TestScriptSaysWhatToDoOnAnUnknownPlatform(t *testing.T) {
	command := exec.Command(script)
	command.Env = append(os.Environ(), "GOOS=plan9", "GOARCH=386")
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "plan9-386") || !strings.Contains(string(output), "--onnxruntime PATH") {
		t.Errorf("the script ends with %v and says %q", err, output)
	}
}
