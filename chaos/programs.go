package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"foxhunt/model/modeltest"
)

// Programs are the binaries that the scenarios run, built once, and what the workers need besides.
type Programs struct {
	Foxhunt string // with the build tag chaos: captures of the sessions in worker/poison_chaos.go harm their worker
	NATS    string
	folder  string
}

// BuildPrograms builds the binaries into a new folder, foxhunt under the race detector where race says so.
func BuildPrograms(race bool) (*Programs, error) {
	folder, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return nil, err
	}
	p := &Programs{Foxhunt: filepath.Join(folder, "foxhunt"), NATS: filepath.Join(folder, "nats-server"), folder: folder}
	foxhunt := []string{"build", "-tags", "chaos", "-o", p.Foxhunt, "foxhunt/cmd/foxhunt"}
	if race {
		foxhunt = append([]string{"build", "-race"}, foxhunt[1:]...)
	}
	for _, args := range [][]string{{"build", "-o", p.NATS, "github.com/nats-io/nats-server/v2"}, foxhunt} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out), p.Remove())
		}
	}
	return p, nil
}

// Remove removes the binaries.
func (p *Programs) Remove() error { return os.RemoveAll(p.folder) }

// environment is the caller's own without foxhunt's variables, and with the ONNX Runtime that tests use. Without one the
// test is skipped.
func environment(t testing.TB) []string {
	env := []string{"FOXHUNT_ONNXRUNTIME=" + modeltest.Runtime(t).Path()}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FOXHUNT_") {
			env = append(env, variable)
		}
	}
	return env
}
