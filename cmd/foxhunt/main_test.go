package main

import (
	"os"
	"slices"
	"testing"
)

// TestMain lets the tests' program stand in for foxhunt: where that runs itself, to check a model in a process of its own, and
// for stations, of which tests run many.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && (slices.Equal(os.Args[1:3], []string{"model", "check"}) || os.Args[1] == "station") {
		main()
		os.Exit(0)
	}
	os.Exit(runIn(m))
}

// runIn runs the tests with folders for models of their own, and none of the user's.
func runIn(m *testing.M) int {
	folder, err := os.MkdirTemp("", "foxhunt-models-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	for _, variable := range []string{"FOXHUNT_MODEL_CACHE", "FOXHUNT_MODELS_DIR"} {
		if err := os.Setenv(variable, folder); err != nil {
			panic(err)
		}
	}
	return m.Run()
}
