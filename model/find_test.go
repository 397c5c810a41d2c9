package model

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindRuntimeTakesTheNamedLibrary(t *testing.T) {
	library := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(library, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := FindRuntime(library); err != nil || got != library {
		t.Errorf("FindRuntime gives %q, %v; want %q", got, err, library)
	}
	for _, wrong := range []string{library + ".absent", filepath.Dir(library)} {
		if _, err := FindRuntime(wrong); !isNoRuntime(err) || !strings.Contains(err.Error(), wrong) {
			t.Errorf("FindRuntime(%q) gives %v; want %s and the path", wrong, err, NoRuntime)
		}
	}
}

func TestFindRuntimeLooksUpToTheProjectsFolder(t *testing.T) {
	project, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(project, "a", "b")
	library := filepath.Join(project, cachedLibrary())
	for _, folder := range []string{deep, filepath.Dir(library)} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The project's own go.mod keeps the search from whatever lies above the test's folder.
	if err := os.WriteFile(filepath.Join(project, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	_, err = FindRuntime("")
	if !isNoRuntime(err) || !strings.Contains(err.Error(), "make onnxruntime") || !strings.Contains(err.Error(), "--onnxruntime") {
		t.Errorf("without a library: %v; want what to run", err)
	}
	if err := os.WriteFile(library, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := FindRuntime(""); err != nil || got != library {
		t.Errorf("FindRuntime gives %q, %v; want %q", got, err, library)
	}
	// A go.mod in between ends the search: what lies above is another project.
	if err := os.WriteFile(filepath.Join(project, "a", "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := FindRuntime(""); !isNoRuntime(err) {
		t.Errorf("FindRuntime looks past a go.mod and gives %q, %v", got, err)
	}
}

func isNoRuntime(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == NoRuntime
}
