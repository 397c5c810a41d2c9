package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"foxhunt/model"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

// writeModel puts a model into a file of the test's own.
func writeModel(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantModelCode wants a refusal of a model with that code, and gives its sentence.
func wantModelCode(t *testing.T, err error, code string) string {
	t.Helper()
	var refused *model.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("%v; want %s", err, code)
	}
	return refused.Reason
}

func TestGoodModelsPassInAChild(t *testing.T) {
	check := childCheck{runtime: modeltest.Runtime(t).Path(), loading: loading{cache: t.TempDir()}}
	for name, data := range map[string][]byte{"grid": grid.File(), "plain": modeltest.Plain(t)} {
		if err := checkInChild(t.Context(), writeModel(t, data), nil, check); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if kept, err := filepath.Glob(filepath.Join(check.cache, "*")); err != nil || len(kept) != 2 {
		t.Errorf("the children leave %q (%v); want the two models, optimised", kept, err)
	}
}
