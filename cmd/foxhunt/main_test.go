package main

import (
	"os"
	"slices"
	"testing"
)

// TestMain lets the tests' program stand in for foxhunt where that runs itself: to check a model in a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && slices.Equal(os.Args[1:3], []string{"model", "check"}) {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}
