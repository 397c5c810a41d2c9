// Package prometheus_test holds the rules, the dashboards and the runbook against promtool, against a real Prometheus that
// scrapes a real foxhunt, and against the program's own flags.
package prometheus_test

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 2 * time.Minute

// tool finds one of Prometheus' programs. Without it the test is skipped, or, where the environment has CI=true, fails.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: apt-get install prometheus", name)
	default:
		t.Skipf("%s is missing: apt-get install prometheus", name)
	}
	return path
}

// waitFor polls until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, patience)
		}
	}
}
