package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestGatewaySchema has Schemathesis make up requests from /openapi.json, right ones and wrong ones, and hold what the
// gateway answers against it: no undocumented status, type or field, no wrong request taken, no right one refused but
// for what testdata/hooks.py lists as beyond a schema, nothing without the token, no fault of the server's own.
func TestGatewaySchema(t *testing.T) {
	python := pythonWithSchemathesis(t)
	h := newHouse(t)
	h.startWorker(t, "--model", plainFile(t), "--bundles", "*.*")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := h.startGateway(t, "--token-file", token, "--deadline", "30s", "--sample-rate", "12000", "--center-frequency", "77500", "--position", "45,7.5")
	fixed := g.predict(t, oneSample(1))
	if fixed.status != http.StatusOK {
		t.Fatalf("%d %s", fixed.status, fixed.body)
	}
	config := filepath.Join(t.TempDir(), "schemathesis.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, schemathesisConfig, fixed.Fix.CaptureID), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks, err := filepath.Abs("../../gateway/testdata/hooks.py")
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, python, "-m", "schemathesis.cli", "--config-file", config, "run", "http://"+g.address+"/openapi.json",
		"--header", "Authorization: Bearer "+g.token, "--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "1",
		"--generation-database", "none", "--no-color")
	run.Dir = t.TempDir()
	run.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS="+hooks)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("schemathesis: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	for _, code := range []string{"200", "400", "401", "405", "415"} { // it did get so far
		n, _ := metric(t, g.address, `foxhunt_gateway_requests_total{code="`+code+`",route="`+predictPage+`"}`)
		t.Logf("%v requests for a prediction were answered with %s", n, code)
		if n < 2 {
			t.Errorf("only %v requests for a prediction were answered with %s", n, code)
		}
	}
}

// schemathesisConfig names a capture that has a fix, and says what a schema cannot: which captures can be located, such
// as those of receivers that heard at the same time.
const schemathesisConfig = `
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "422"]

[[operations]]
include-name = "GET /api/v1/fixes/{capture_id}"
parameters = { "path.capture_id" = "%s" }
`

// pythonWithSchemathesis is the interpreter that FOXHUNT_PYTHON names, or python3. Where it has no Schemathesis the test is
// skipped; with CI=true it fails.
func pythonWithSchemathesis(t *testing.T) string {
	t.Helper()
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import schemathesis").Run(); err != nil {
		say := t.Skipf
		if os.Getenv("CI") == "true" {
			say = t.Fatalf
		}
		say("%s has no schemathesis (%v): make python, or pip install -r gateway/testdata/requirements.txt and name the interpreter in FOXHUNT_PYTHON", python, err)
	}
	return python
}
