package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"foxhunt/messages"
	"foxhunt/model/modeltest"
	"foxhunt/rollout"
	"foxhunt/serving"
)

// smallFile writes a model of next to no cost, whose digest follows from its name.
func smallFile(t testing.TB, name string, flaw modeltest.Flaw) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".onnx")
	if err := os.WriteFile(path, modeltest.Small(t, name, flaw, "foxhunt.accuracy", "120"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// model runs foxhunt model, which is to succeed.
func (h *house) model(t testing.TB, args ...string) string {
	t.Helper()
	return must(t, append([]string{"model", args[0], "--nats", h.server.ClientURL()}, args[1:]...)...)
}

// push puts a small model into the object store and gives its reference.
func (h *house) push(t testing.TB, name string, flaw modeltest.Flaw) string {
	t.Helper()
	var pushed struct{ Name, Version string }
	out := h.model(t, "push", smallFile(t, name, flaw), "--name", "fox", "--json")
	if err := json.Unmarshal([]byte(out), &pushed); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return "nats:" + pushed.Name + "@" + pushed.Version
}

// locate publishes a capture of so many receivers and gives its fix.
func (h *house) locate(t testing.TB, receiving int) *messages.Fix {
	t.Helper()
	h.publish(t, captureSubject("demo", "a"), wire(t, fields{"rx": receivers(receiving)}))
	return h.nextFix(t)
}

// fixedBy waits until a model of this name, by its own graph, makes the fixes.
func (h *house) fixedBy(t testing.TB, version string) {
	t.Helper()
	waitFor(t, "fixes by version "+version, func() bool { return h.locate(t, 3).Model.Version == version })
}

// TestServesThePlan takes a worker from its default model to another and back, and to one that is bad.
func TestServesThePlan(t *testing.T) {
	h := newHouse(t)
	process, _ := h.startWorker(t, "--name", "w1", "--model-poll", "100ms")
	address := process.http.address()
	if fix := h.locate(t, 3); fix.Model.Name != "grid" {
		t.Errorf("before any plan the fix is of %+v", fix.Model)
	}
	h.model(t, "promote", h.push(t, "first", modeltest.Sound))
	h.fixedBy(t, "1")
	waitFor(t, "the reload counted", func() bool { v, _ := metric(t, address, `foxhunt_model_reloads_total{arm="champion"}`); return v == 1 })
	h.model(t, "promote", h.push(t, "second", modeltest.Sound))
	h.fixedBy(t, "2")
	h.model(t, "promote", "--unchecked", h.push(t, "third", modeltest.NaN))
	waitFor(t, "a refusal", func() bool {
		n, _ := metric(t, address, `foxhunt_model_load_failures_total{code="golden_not_finite"}`)
		return n == 1
	})
	if fix := h.locate(t, 3); fix.Model.Version != "2" {
		t.Errorf("with a bad model promoted the fix is of %+v", fix.Model)
	}
	if v, _ := metric(t, address, "foxhunt_model_plan_followed"); v != 0 {
		t.Error("the metrics say that the plan is followed")
	}
	waitFor(t, "an event", func() bool { return strings.Contains(h.model(t, "events", "--json"), `"kind":"refused"`) })
	h.testRefused(t, address)
	h.model(t, "rollback")
	waitFor(t, "the plan followed", func() bool { v, _ := metric(t, address, "foxhunt_model_plan_followed"); return v == 1 })
	h.fixedBy(t, "2")
	h.model(t, "rollback")
	h.fixedBy(t, "1")
	h.testWell(t, address)
}

// testRefused asks a worker that does not serve the plan's champion.
func (h *house) testRefused(t *testing.T, address string) {
	ctx := t.Context()
	out, err := command(ctx, "model", "reload", "--nats", h.server.ClientURL())
	if err == nil || exitCode(err) != 1 || !strings.Contains(out, "refused: golden_not_finite") || !strings.Contains(out, "fox 2") {
		t.Errorf("model reload: %v\n%s", err, out)
	}
	out, err = command(ctx, "model", "status", "--nats", h.server.ClientURL())
	if err == nil || !strings.Contains(out, "w1, champion nats:fox@3: golden_not_finite") {
		t.Errorf("model status: %v\n%s", err, out)
	}
	status, body := postNothing(t, address, "/api/v1/models/reload", nil)
	var answer reloadAnswer
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusConflict || err != nil || answer.Worker != "w1" || answer.Posts[0].Outcome != serving.Refused {
		t.Errorf("a reload over HTTP: %d %s", status, body)
	}
	if _, body := get(t, address, "/api/v1/models/health"); !strings.Contains(body, `"status": "degraded"`) {
		t.Errorf("health: %s", body)
	}
}

// testWell asks a worker at which all is well.
func (h *house) testWell(t *testing.T, address string) {
	if out := h.model(t, "reload", "--worker", "w1"); !strings.Contains(out, "unchanged") {
		t.Errorf("model reload:\n%s", out)
	}
	out := h.model(t, "status")
	for _, want := range []string{"w1", "champion", "nats:fox@1", "fox 1", "100.0 %", " ms"} {
		if !strings.Contains(out, want) {
			t.Errorf("model status does not say %q:\n%s", want, out)
		}
	}
	var status []workerStatus
	if err := json.Unmarshal([]byte(h.model(t, "status", "--json")), &status); err != nil || len(status) != 1 || status[0].Models[0].Model.Accuracy != "120" || status[0].Arms[0].Fixes < 1 {
		t.Errorf("model status --json: %+v, %v", status, err)
	}
	for page, wants := range map[string][]string{
		"info":        {`"name": "fox"`, `"version": "1"`, `"alias": null`, `"digest": "`, `"inputs": [`, `"contract": {`, `"accuracy": "120"`, `"plan_followed": true`},
		"versions":    {`"arm": "champion"`, `"reference": "nats:fox@1"`, `"previous": [`},
		"performance": {`"latency_ms": {`, `"success_rate": 1`, `"p99": `},
		"health":      {`"status": "ok"`, `"model_loaded": true`, `"cache_available": true`},
	} {
		status, body := get(t, address, "/api/v1/models/"+page)
		for _, want := range wants {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %d, without %s:\n%s", page, status, want, body)
			}
		}
	}
	if status, _ := postNothing(t, address, "/api/v1/models/reload", nil); status != http.StatusOK {
		t.Errorf("a reload over HTTP answers %d", status)
	}
	// A page in somebody's browser, one whose name was made to mean this machine, and a token where none is asked for.
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Host": {"evil.example"}}} {
		if status, _ := postNothing(t, address, "/api/v1/models/reload", header); status != http.StatusForbidden {
			t.Errorf("a reload with %v answers %d", header, status)
		}
	}
}

// postNothing posts nothing to a page.
func postNothing(t testing.TB, address, path string, header http.Header) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	request.Host = header.Get("Host")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestReloadToken: with a token, who has it may ask, from wherever.
func TestReloadToken(t *testing.T) {
	h := newHouse(t)
	process, _ := h.startWorker(t)
	process.options.reloadToken = "a token of sixteen"
	for token, want := range map[string]int{"": http.StatusUnauthorized, "Bearer another": http.StatusUnauthorized, "Bearer a token of sixteen": http.StatusOK} {
		header := http.Header{"Host": {"foxhunt.example"}}
		if token != "" {
			header.Set("Authorization", token)
		}
		if status, body := postNothing(t, process.http.address(), "/api/v1/models/reload", header); status != want {
			t.Errorf("with %q: %d %s; want %d", token, status, body, want)
		}
	}
}

// TestFailingChallenger is stopped for the whole fleet, by captures that it cannot locate; not one of them is without its fix.
func TestFailingChallenger(t *testing.T) {
	h := newHouse(t)
	for i := range 2 {
		h.startWorker(t, "--name", fmt.Sprint("w", i+1))
	}
	h.model(t, "promote", "grid")
	h.model(t, "split", h.push(t, "narrow", modeltest.Sound), "--share", "99", "--for", "1h", "--max-error-rate", "10%", "--lead", "0s")
	waitFor(t, "the challenger", func() bool { return h.locate(t, 3).Arm == messages.ArmChallenger })
	var plan rollout.Plan
	waitFor(t, "the split stopped", func() bool {
		if fix := h.locate(t, 5); fix.Model.Name != "grid" { // more receivers than the challenger takes
			t.Errorf("a fix of %+v", fix.Model)
		}
		if err := json.Unmarshal([]byte(h.model(t, "plan", "--json")), &plan); err != nil {
			t.Fatal(err)
		}
		return plan.Challenger.Stopped != nil
	})
	if s := plan.Challenger.Stopped; !strings.HasPrefix(s.By, "w") || !strings.Contains(s.Reason, "captures") {
		t.Errorf("stopped: %+v", s)
	}
	waitFor(t, "no challenger", func() bool { return !strings.Contains(h.model(t, "status"), "challenger") })
	waitFor(t, "an event", func() bool { return strings.Contains(h.model(t, "events", "--json"), `"kind":"stopped"`) })
	if n := h.stored(t, "DEAD"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestNoWorkerAnswers is passing: one may be on its way.
func TestNoWorkerAnswers(t *testing.T) {
	h := newHouse(t)
	for _, args := range [][]string{{"reload"}, {"status"}, {"reload", "--worker", "nobody"}} {
		_, err := command(t.Context(), append([]string{"model", args[0], "--nats", h.server.ClientURL()}, args[1:]...)...)
		if exitCode(err) != exitPassing {
			t.Errorf("model %v: %v", args, err)
		}
	}
	if _, err := command(t.Context(), "model", "status", "--nats", h.server.ClientURL(), "--timeout", "0s"); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}
}

// TestRolloutFile: on a single machine the plan may be in a file, which an editor may write, too.
func TestRolloutFile(t *testing.T) {
	h := newHouse(t)
	plan := filepath.Join(t.TempDir(), "rollout.json")
	model := smallFile(t, "first", modeltest.Sound)
	h.startWorker(t, "--rollout-file", plan, "--model-poll", "100ms")
	h.model(t, "promote", model, "--rollout-file", plan)
	waitFor(t, "fixes by the file", func() bool { return h.locate(t, 3).Model.Name == "first" })
	if err := os.WriteFile(model, modeltest.Small(t, "changed", modeltest.Sound), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "fixes by what the file has become", func() bool { return h.locate(t, 3).Model.Name == "changed" })
}
