package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/golden"
	"foxhunt/model/graph"
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

// newCheck is a check of the tests' own runtime.
func newCheck(t *testing.T) childCheck {
	return childCheck{runtime: modeltest.Runtime(t).Path(), loading: loading{cache: t.TempDir()}}
}

func TestGoodModelsPassInAChild(t *testing.T) {
	check := newCheck(t)
	check.memory = 2 << 30 // half of what models are given
	for name, data := range map[string][]byte{
		"grid": grid.File(), "small": modeltest.Small(t, "small", modeltest.Sound),
	} {
		if err := checkInChild(t.Context(), writeModel(t, data), nil, check); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if kept, err := filepath.Glob(filepath.Join(check.cache, "*")); err != nil || len(kept) != 2 {
		t.Errorf("the children leave %q (%v); want the two models, optimised", kept, err)
	}
}

func TestABadModelTakesNobodyAlong(t *testing.T) {
	small := func(flaw modeltest.Flaw) []byte { return modeltest.Small(t, "bad", flaw) }
	for name, c := range map[string]struct {
		model      []byte
		timeout    time.Duration
		code, word string
	}{
		"mixing":      {small(modeltest.Mixing), 0, golden.BatchMixed, "in a batch"},
		"not a model": {[]byte("hello"), 0, model.BadModel, "not an ONNX file"},
		"huge":        {small(modeltest.Huge), 0, codeModelTooBig, "memory"},
		"slow":        {small(modeltest.Slow), 2 * time.Second, golden.ModelTooSlow, "2s of computing"},
	} {
		t.Run(name, func(t *testing.T) {
			check := newCheck(t)
			check.timeout = c.timeout
			reason := wantModelCode(t, checkInChild(t.Context(), writeModel(t, c.model), nil, check), c.code)
			if !strings.Contains(reason, c.word) {
				t.Errorf("the sentence is %q; want %q in it", reason, c.word)
			}
		})
	}
}

// TestAChildMayTakeSoMuch bounds a good model's memory to less than ONNX Runtime alone wants.
func TestAChildMayTakeSoMuch(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("only Linux bounds the memory that a process may write to")
	}
	check := newCheck(t)
	check.memory = 1 << 20
	wantModelCode(t, checkInChild(t.Context(), writeModel(t, grid.File()), nil, check), codeModelTooBig)
}

// TestAChildThatDies runs programs in foxhunt's place that end as one does whose model brings it down.
func TestAChildThatDies(t *testing.T) {
	for name, c := range map[string]struct{ script, code, word string }{
		"a signal":       {"kill -SEGV $$", codeModelCrashed, "segmentation fault"},
		"no time left":   {"kill -XCPU $$", codeModelCrashed, "CPU time limit"},
		"a panic":        {"printf 'SIGABRT: abort\\nPC=1' >&2; exit 2", codeModelCrashed, "exit status 2: SIGABRT: abort"},
		"out of memory":  {"echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2; kill -ABRT $$", codeModelTooBig, "bad_alloc"},
		"no thread":      {"echo 'runtime/cgo: pthread_create failed: Resource temporarily unavailable' >&2; exit 2", codeModelTooBig, "pthread_create"},
		"half an answer": {"echo '{\"rules\": ['", codeModelCrashed, "<nil>"},
		"no verdict":     {"echo '{\"ok\": true}'", codeModelCrashed, "<nil>"},
		"fine, but dies": {"echo '{\"ok\": true, \"rules\": [{\"rule\": \"x\", \"result\": \"ok\"}]}'; exit 3", codeModelCrashed, "exit status 3"},
		"noise":          {"head -c 3000000 /dev/zero; printf '\\033[2Jbad' >&2; exit 1", codeModelCrashed, "\uFFFD[2Jbad"},
	} {
		t.Run(name, func(t *testing.T) {
			reason := wantModelCode(t, checkInChild(t.Context(), "model.onnx", nil, childCheck{program: script(t, c.script)}), c.code)
			if !strings.Contains(reason, c.word) {
				t.Errorf("the sentence is %q; want %q in it", reason, c.word)
			}
		})
	}
}

// TestNoVerdict: where the machine, and not the model, is in the way of a check, nothing is said of the model, unless its checks
// are killed again and again.
func TestNoVerdict(t *testing.T) {
	refused := (*model.Error)(nil)
	err := checkInChild(t.Context(), "model.onnx", nil, childCheck{program: filepath.Join(t.TempDir(), "none")})
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &refused) {
		t.Errorf("a process that cannot be started: %v", err)
	}
	w := workerModels{kills: map[string]int{}}
	for n := 1; n <= 2*mostKills; n++ {
		err := checkInChild(t.Context(), "model.onnx", nil, childCheck{program: script(t, "kill -KILL $$")})
		if !errors.Is(err, errKilled) {
			t.Fatalf("a check that is killed: %v", err)
		}
		if _ = w.judgeKills("other", nil); errors.As(w.judgeKills("one", err), &refused) != (n%mostKills == 0) {
			t.Errorf("after %d kills: %v", n, refused)
		}
	}
	if refused == nil || refused.Code != codeModelCrashed {
		t.Errorf("refused with %v", refused)
	}
	for n := 1; n < 2*mostKills; n++ { // a good check in between
		if err := w.judgeKills("one", errKilled); err != errKilled {
			t.Errorf("%d: %v", n, err)
		}
		if err := w.judgeKills("one", context.Canceled); err != context.Canceled || w.kills["one"] != 1 {
			t.Errorf("an overtaken check: %v, kills %v", err, w.kills)
		}
		_ = w.judgeKills("one", nil)
	}
}

func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foxhunt")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAChildKnowsNoSecrets has the child write down what it was told.
func TestAChildKnowsNoSecrets(t *testing.T) {
	t.Setenv("FOXHUNT_REDIS", "redis://:secret@host")
	t.Setenv("MLFLOW_TRACKING_TOKEN", "secret")
	out := filepath.Join(t.TempDir(), "out")
	program := script(t, fmt.Sprintf("{ env; echo $*; } >%s", out))
	wantModelCode(t, checkInChild(t.Context(), "-model.onnx", []byte("{}"), childCheck{program: program}), codeModelCrashed)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") || !strings.Contains(string(text), "PATH=") {
		t.Errorf("the child is told\n%s", text)
	}
	if !strings.Contains(string(text), "-- -model.onnx") {
		t.Errorf("a file whose name looks like a flag is not kept apart from flags:\n%s", text)
	}
}

func TestACheckThatIsGivenUpEndsItsChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	ended := make(chan error, 1)
	go func() {
		ended <- checkInChild(ctx, "model.onnx", nil, childCheck{program: script(t, "touch "+started+"; sleep 600")})
	}()
	waitFor(t, "the child runs", func() bool { _, err := os.Stat(started); return err == nil })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want what ended the check", err)
	}
}

// TestAModelWithASidecar takes its contract from beside it, in the child as well.
func TestAModelWithASidecar(t *testing.T) {
	g := graph.New("bare")
	where := g.Input("where", graph.Float32, "B", "R", "3")
	place := g.Slice(g.ReduceMean(where, false, 1), 1, 0, 2)
	g.Output("place", place, graph.Float32, "B", "2")
	g.Output("spread", g.Add(g.Mul(place, g.Float32(0)), g.Float32(100)), graph.Float32, "B", "2")
	path, check := writeModel(t, modeltest.Marshal(t, g)), newCheck(t)
	wantModelCode(t, checkInChild(t.Context(), path, nil, check), model.NoContract)
	c := contract.Contract{Version: contract.Version, Frame: contract.ENU, Receivers: contract.Receivers{Min: 2, Max: 4},
		Inputs:  []contract.Input{{Name: "where", Feature: contract.ReceiverPosition}},
		Outputs: []contract.Output{{Name: "place", Kind: contract.Position}, {Name: "spread", Kind: contract.Sigma}}}
	if err := checkInChild(t.Context(), path, c.JSON(), check); err != nil {
		t.Error(err)
	}
}

func TestModelCheckPrintsEveryRule(t *testing.T) {
	report := checkReport{Model: "m.onnx"}
	for _, f := range []golden.Finding{
		{Rule: "loads"}, {Rule: "answers", Refusal: &model.Error{Code: golden.NotFinite, Reason: "a \x1b[2J of it"}}, {Rule: "repeats", Skipped: true},
	} {
		report.add(f)
	}
	var out strings.Builder
	if err := report.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"loads    ok", "answers  refused", "repeats  skipped"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, out.String())
		}
	}
	if err := report.refusal(); err == nil || err.Error() != "golden_not_finite: a \uFFFD[2J of it" || report.OK {
		t.Errorf("the refusal reads %q", err)
	}
	text, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(text), `"ok":false`) || !strings.Contains(string(text), `"code":"golden_not_finite"`) {
		t.Errorf("as JSON: %s (%v)", text, err)
	}
}
