package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/model/graph"
	"foxhunt/model/modeltest"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// fleet is a NATS server with foxhunt's streams, for commands about models.
type fleet struct {
	*jetstreamtest.Server
	conn *jetstream.Conn
	dir  string
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	s := jetstreamtest.Start(t)
	return &fleet{s, s.Connect(t), t.TempDir()}
}

// run runs foxhunt model.
func (f *fleet) run(t testing.TB, args ...string) (out, log string, err error) {
	t.Helper()
	var stdout, stderr syncBuffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	root := newRoot()
	root.SetArgs(append([]string{"model", args[0], "--nats", f.ClientURL()}, args[1:]...))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

// waitingLine is what a command says while a loaded machine takes its time to answer.
var waitingLine = regexp.MustCompile(`(?m)^.* level=INFO msg="waiting for NATS at .*\n`)

// must runs what is to succeed, with nothing else to say on standard error.
func (f *fleet) must(t testing.TB, args ...string) string {
	t.Helper()
	out, log, err := f.run(t, args...)
	if err != nil || waitingLine.ReplaceAllString(log, "") != "" {
		t.Fatalf("foxhunt model %s: %v\n%s%s", strings.Join(args, " "), err, out, log)
	}
	return out
}

// refused runs what is to fail with words.
func (f *fleet) refused(t testing.TB, want string, args ...string) {
	t.Helper()
	if out, _, err := f.run(t, args...); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("foxhunt model %s: %v, want %q\n%s", strings.Join(args, " "), err, want, out)
	}
}

// write makes an ONNX file of so many bytes and a few more, or, of 0, a model that may serve: a small one, as every command that
// puts it into the plan tries it first.
func (f *fleet) write(t testing.TB, name string, size int) string {
	t.Helper()
	path := filepath.Join(f.dir, name)
	data := modeltest.Small(t, "net", modeltest.Sound)
	if size > 0 {
		data = paddedModel(t, size)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *fleet) plan(t testing.TB) rollout.Plan {
	t.Helper()
	var plan rollout.Plan
	if err := json.Unmarshal([]byte(f.must(t, "plan", "--json")), &plan); err != nil {
		t.Fatal(err)
	}
	return plan
}

// events are the kinds of those told so far.
func (f *fleet) events(t testing.TB) string {
	t.Helper()
	var kinds []string
	for line := range strings.Lines(f.must(t, "events", "--json")) {
		var e rollout.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.V != 1 || e.By == "" || e.Sentence == "" || e.At.IsZero() {
			t.Errorf("%s: %v", line, err)
		}
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

// TestModelRollout takes a model from a file to champion and back.
func TestModelRollout(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.refused(t, "nothing was promoted yet", "plan")
	if out := f.must(t, "list"); !strings.Contains(out, "no models") {
		t.Errorf("list:\n%s", out)
	}
	if out := f.must(t, "promote", "grid", "--by", "ops", "--note", "what serves"); out != "champion: what each worker's --model says -> grid\n" {
		t.Errorf("promote: %s", out)
	}
	file := f.write(t, "net.onnx", 0)
	out := f.must(t, "push", file, "--name", "net", "--note", "first try", "--by", "me")
	if !strings.Contains(out, "nats:net@1: ") || !strings.Contains(out, "SHA-256 ") {
		t.Errorf("push: %s", out)
	}
	f.must(t, "push", file, "--name", "net", "--version", "v2")
	f.refused(t, "model_exists", "push", file, "--name", "net", "--version", "v2")
	if out := f.must(t, "promote", "nats:net@1"); !strings.HasPrefix(out, "champion: grid -> nats:net@1 (") {
		t.Errorf("promote: %s", out)
	}
	plan := f.plan(t)
	if len(plan.Champion.Digest) != 64 || plan.Changed.By == "" || len(plan.Previous) != 1 {
		t.Errorf("the plan is %+v", plan)
	}
	if out := f.must(t, "list"); !strings.Contains(out, "champion") || !strings.Contains(out, "first try") || !strings.Contains(out, "nats:net@v2") {
		t.Errorf("list:\n%s", out)
	}
	if out := f.must(t, "rollback"); !strings.HasSuffix(out, " -> grid\n") {
		t.Errorf("rollback: %s", out)
	}
	f.refused(t, "no_previous", "rollback")
	if out := f.must(t, "plan"); !strings.Contains(out, "champion  grid") || !strings.Contains(out, "changed") {
		t.Errorf("plan:\n%s", out)
	}
	if got, want := f.events(t), "promoted pushed pushed promoted rolled_back"; got != want {
		t.Errorf("events: %s, want %s", got, want)
	}
}

func TestModelSplitAndShadow(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.refused(t, "no_champion", "split", "grid", "--share", "30")
	f.must(t, "promote", "grid")
	f.must(t, "push", f.write(t, "net.onnx", 0), "--name", "net")
	f.must(t, "push", f.write(t, "other.onnx", 1000), "--name", "other")
	before := time.Now()
	out := f.must(t, "split", "nats:net", "--share", "30%", "--for", "1h", "--lead", "20s", "--max-error-rate", "2.5%")
	if !strings.Contains(out, "challenger: none -> nats:net@1 (") || !strings.Contains(out, "30 % from") || !strings.Contains(out, "more than 2.5 % fail") {
		t.Errorf("split: %s", out)
	}
	s := f.plan(t).Challenger
	if s.Share != 30 || s.MaxErrorRate != 0.025 || s.Until.Sub(s.Since) != time.Hour || s.Since.Sub(before) < 19*time.Second || s.Model != "nats:net@1" {
		t.Errorf("the split is %+v", s)
	}
	f.must(t, "split", "nats:net", "--share", "60")
	if now := f.plan(t).Challenger; now.ID != s.ID || now.Share != 60 {
		t.Errorf("the split became %+v", now)
	}
	f.refused(t, "no_contract", "shadow", "nats:other") // what workers would refuse does not get into the plan
	f.refused(t, "split_running", "split", "nats:other", "--unchecked", "--share", "10")
	f.refused(t, "split_running", "promote", "nats:other", "--unchecked")
	if out := f.must(t, "shadow", "nats:other", "--unchecked", "--share", "50", "--for", "2h"); !strings.Contains(out, "shadow: none -> nats:other@1 (") {
		t.Errorf("shadow: %s", out)
	}
	if out := f.must(t, "list"); !strings.Contains(out, "challenger 60%") || !strings.Contains(out, "shadow 50%") || !strings.Contains(out, "grid") {
		t.Errorf("list:\n%s", out)
	}
	f.refused(t, "in the plan as challenger", "delete", "net@1")
	if out := f.must(t, "stop", "split", "--note", "too slow"); !strings.Contains(out, " -> none") {
		t.Errorf("stop: %s", out)
	}
	if out := f.must(t, "stop", "shadow"); !strings.Contains(out, "shadow: nats:other@1") {
		t.Errorf("stop: %s", out)
	}
	f.refused(t, "no_split", "stop", "split")
	f.refused(t, "no_shadow", "stop", "shadow")
	f.refused(t, "invalid argument", "stop", "champion")
	if out := f.must(t, "plan"); !strings.Contains(out, "too slow") {
		t.Errorf("plan:\n%s", out)
	}
	f.must(t, "delete", "other@1")
	f.refused(t, "no_model", "shadow", "nats:other")
	if got, want := f.events(t), "promoted pushed pushed split split shadow stopped stopped deleted"; got != want {
		t.Errorf("events: %s, want %s", got, want)
	}
}

// TestModelReferences: what the plan keeps of each kind of reference.
func TestModelReferences(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	file := f.write(t, "net.onnx", 0)
	f.must(t, "push", file, "--name", "net")
	var m jetstream.Model
	if err := json.Unmarshal([]byte(f.must(t, "push", file, "--name", "net", "--json")), &m); err != nil || m.Version != "2" {
		t.Fatalf("pushed %+v, %v", m, err)
	}
	for _, test := range []struct {
		args   []string
		model  string
		pinned bool
	}{
		{[]string{"nats:net"}, "nats:net@2", true},
		{[]string{"nats:net", "--moving"}, "nats:net", false},
		{[]string{"nats:net@1"}, "nats:net@1", true},
		{[]string{file}, "file:" + file, false},
		{[]string{file, "--pin"}, "file:" + file, true},
		{[]string{"grid"}, "grid", false},
	} {
		f.must(t, append([]string{"promote"}, test.args...)...)
		if got := f.plan(t).Champion; got.Model != test.model || (got.Digest == m.Digest) != test.pinned {
			t.Errorf("%v: the champion is %+v", test.args, got)
		}
	}
	for _, test := range []struct{ want, model string }{
		{"bad_ref", "nats:"}, {"bad_ref", "what:ever"}, {"no_model", "nats:none"}, {"no_model", "nats:net@7"}, {"no_model", "none"},
	} {
		f.refused(t, test.want, "promote", test.model)
	}
	f.refused(t, "one of them", "promote", "nats:net", "--pin", "--moving")
	_, log, err := f.run(t, "promote", "/models/elsewhere.onnx") // workers have disks of their own
	if err != nil || !strings.Contains(log, "cannot be looked up here") {
		t.Errorf("a file that is not here: %v\n%s", err, log)
	}
	if _, _, err := f.run(t, "promote", "/models/another.onnx", "--pin"); err == nil {
		t.Error("what cannot be looked at cannot be pinned")
	}
}

// TestModelRolloutInAFile is the same on a single machine, without NATS.
func TestModelRolloutInAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rollout.json")
	model := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(model, modeltest.Small(t, "net", modeltest.Sound), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		return must(t, append(append([]string{"model"}, args...), "--rollout-file", path)...)
	}
	run("promote", "grid")
	run("split", model, "--share", "20", "--for", "10m")
	run("shadow", model, "--pin")
	run("stop", "shadow")
	run("promote", model)
	if out := run("rollback", "--note", "back"); !strings.HasSuffix(out, " -> grid\n") {
		t.Errorf("rollback: %s", out)
	}
	if out := run("plan"); !strings.Contains(out, "champion  grid") || !strings.Contains(out, "back") {
		t.Errorf("plan:\n%s", out)
	}
	if _, err := command(t.Context(), "model", "promote", "/none.onnx", "--rollout-file", path); err == nil || !strings.Contains(err.Error(), "no_model") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestTwoOperators change the plan at once, again and again: each change is made.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.must(t, "promote", "grid")
	const each = 5
	var working sync.WaitGroup
	for _, who := range []string{"ann", "bob"} {
		working.Go(func() {
			for i := range each {
				if _, log, err := f.run(t, "promote", fmt.Sprintf("/models/%s-%d.onnx", who, i), "--by", who); err != nil {
					t.Errorf("%s: %v\n%s", who, err, log)
				}
			}
		})
	}
	working.Wait()
	plan := f.plan(t)
	seen := map[string]bool{plan.Champion.Model: true}
	for _, arm := range plan.Previous {
		seen[arm.Model] = true
	}
	if len(seen) != 2*each+1 || len(plan.Previous) != 2*each {
		t.Errorf("%d models were champion; want %d: %+v", len(seen), 2*each+1, plan)
	}
}

// TestPushLarge pushes 100 MB, and fetches them as a worker does.
func TestPushLarge(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	file := f.write(t, "large.onnx", 100<<20)
	began := time.Now()
	f.must(t, "push", file, "--name", "large")
	pushed := time.Since(began)
	sources, err := modelSources(f.conn, jetstream.DefaultTopology(), registry.MLflowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := registry.NewStore(t.TempDir(), sources)
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	ref, _ := registry.ParseRef("nats:large")
	artifact, err := store.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := store.Get(t.Context(), artifact)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(file)
	got, err := os.ReadFile(stored.Path)
	if err != nil || !bytes.Equal(got, want) || stored.Digest != artifact.Digest {
		t.Errorf("%d bytes came back, want %d; %v", len(got), len(want), err)
	}
	t.Logf("pushed in %v, fetched in %v", pushed, time.Since(began))
}

// TestInterruptedModelPush leaves no half of a model.
func TestInterruptedModelPush(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	file := f.write(t, "large.onnx", 64<<20)
	objects, err := f.conn.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels)
	if err != nil || len(objects) != 0 {
		t.Fatalf("there are %v, %v", objects, err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := command(ctx, "model", "push", file, "--name", "net", "--nats", f.ClientURL())
		ended <- err
	}()
	waitFor(t, "a part of the model", func() bool {
		counts, err := f.conn.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels)
		return err == nil && len(counts) > 0
	})
	interrupt()
	if err := <-ended; err == nil {
		t.Skip("the push was done before it was interrupted")
	}
	if out := f.must(t, "list"); !strings.Contains(out, "no models") {
		t.Errorf("list:\n%s", out)
	}
	waitFor(t, "an empty store", func() bool {
		counts, err := f.conn.Subjects(t.Context(), "OBJ_"+jetstream.BucketModels)
		return err == nil && len(counts) == 0
	})
	f.refused(t, "no_model", "promote", "nats:net")
	f.refused(t, "timeout", "push", file, "--name", "net", "--timeout", "1ms")
}

// TestPushedContract: the contract beside a model goes with it, and comes back with it.
func TestPushedContract(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	file := f.write(t, "net.onnx", 1000)
	const contract = `{"inputs":[]}`
	if err := os.WriteFile(file+".contract.json", []byte(contract), 0o600); err != nil {
		t.Fatal(err)
	}
	f.must(t, "push", file, "--name", "net")
	source := natsModels{f.conn, jetstream.DefaultTopology()}
	ref, _ := registry.ParseRef("nats:net")
	artifact, err := source.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := fetchOnce(t.Context(), registry.Sources{registry.KindNATS: source}, artifact)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.remove()
	if string(stored.Sidecar) != contract || stored.Digest != artifact.Digest {
		t.Errorf("it came with %q", stored.Sidecar)
	}
}

// TestNATSModelErrors are the registry's.
func TestNATSModelErrors(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.must(t, "push", f.write(t, "net.onnx", 300_000), "--name", "net")
	source := natsModels{f.conn, jetstream.DefaultTopology()}
	ref, _ := registry.ParseRef("nats:net@1")
	artifact, err := source.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	codeOf := func(err error) string {
		var e *registry.Error
		if errors.As(err, &e) {
			return e.Code
		}
		return fmt.Sprint(err)
	}
	if err := source.Fetch(t.Context(), artifact, filepath.Join(f.dir, "none")); codeOf(err) != registry.StoreFailed {
		t.Errorf("without a folder: %v", err)
	}
	gone := artifact
	gone.Version = "9"
	if err := source.Fetch(t.Context(), gone, f.dir); codeOf(err) != registry.NoModel {
		t.Errorf("a version that is not there: %v", err)
	}
	stream, err := f.objects(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := source.Fetch(t.Context(), artifact, t.TempDir()); codeOf(err) != registry.BadModel {
		t.Errorf("a damaged model: %v", err)
	}
	if _, err := source.Resolve(t.Context(), registry.Ref{Kind: registry.KindNATS, Name: "a b"}); codeOf(err) != registry.BadRef {
		t.Errorf("a bad name: %v", err)
	}
	f.Shutdown()
	waitFor(t, "the loss of the connection", func() bool { return !f.conn.Connected() })
	if _, err := source.Resolve(t.Context(), ref); codeOf(err) != registry.Away {
		t.Errorf("without a server: %v", err)
	}
}

// plain is JetStream without foxhunt, to change what foxhunt has stored.
func (f *fleet) plain(t testing.TB) natsjs.JetStream {
	t.Helper()
	nc, err := nats.Connect(f.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stream, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func (f *fleet) objects(t testing.TB) (natsjs.Stream, error) {
	t.Helper()
	return f.plain(t).Stream(t.Context(), "OBJ_"+jetstream.BucketModels)
}

// TestModelFlags are refused before anything is opened.
func TestModelFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string]string{
		"share is 0%":      "split grid",
		"share is 100%":    "split grid --share 100",
		"in percent":       "split grid --share 130",
		"percent":          "split grid --share x",
		"lead is":          "split grid --share 3 --lead 2h",
		"share is 0.5%":    "shadow grid --share 0.5",
		"for is":           "shadow grid --for -1s",
		"no name":          "push x.onnx",
		"timeout is":       "push x.onnx --name a --timeout 0s",
		"names no version": "delete net",
		"last is":          "events --last 0s",
		"not_connected":    "plan --nats nats://127.0.0.1:1",
		"accepts 1 arg(s)": "promote",
		"unknown command":  "plan extra",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := command(ctx, append([]string{"model"}, strings.Fields(args)...)...)
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("model %s: %v; want %q", args, err, want)
		}
	}
}

// TestForeignEvents: whoever may publish events may say anything in them.
func TestForeignEvents(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for _, body := range []string{"no JSON", `{"by":"\u001b[2J","kind":"pushed","sentence":"` + strings.Repeat("a", 5000) + `","code":"c"}`} {
		if err := f.conn.PublishEvent(t.Context(), "odd", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	out := f.must(t, "events")
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "an event that cannot be read") || strings.Contains(out, "pushed") || len(out) > 1000 {
		t.Errorf("events:\n%s", out)
	}
	ctx, stop := context.WithCancel(t.Context())
	var stdout syncBuffer
	root := newRoot()
	root.SetArgs([]string{"model", "events", "--follow", "--json", "--nats", f.ClientURL()})
	root.SetOut(&stdout)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	waitFor(t, "the events so far", func() bool { return strings.Count(stdout.String(), "\n") == 2 })
	f.must(t, "promote", "grid")
	waitFor(t, "another event", func() bool { return strings.Contains(stdout.String(), `"promoted"`) })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPlanOfStrangers: a plan that cannot be read is neither followed nor written over.
func TestPlanOfStrangers(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	kv, err := f.plain(t).KeyValue(t.Context(), jetstream.BucketRollout)
	if err != nil {
		t.Fatal(err)
	}
	for code, value := range map[string]string{"bad_plan": "nonsense", "newer_plan": `{"v":2}`} {
		if _, err := kv.PutString(t.Context(), "plan", value); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"plan"}, {"promote", "grid"}, {"rollback"}, {"list"}} {
			f.refused(t, code, args...)
		}
	}
}

// paddedModel is an ONNX file of so many bytes and a few more.
func paddedModel(t testing.TB, size int) []byte {
	t.Helper()
	g := graph.New("padded")
	g.Output("y", g.Input("x", graph.Float32, "1"), graph.Float32, "1")
	g.Metadata("padding", strings.Repeat("0123456789abcde\n", size/16))
	data, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRollbackOnce: of two people who go back from the same champion one does, also where the other was some seconds later and
// says what to go back from.
func TestRollbackOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plan.json")
	p := plans{store: rollout.NewStore(rollout.FileEntry(file))}
	models := []string{"nats:net@1", "nats:net@2", "nats:net@3"}
	for _, ref := range models {
		if _, err := p.update(t.Context(), &rollout.Event{}, func(plan *rollout.Plan) error {
			return plan.Promote(rollout.Arm{Model: ref}, rollout.NewChange(time.Now(), "me", ""))
		}); err != nil {
			t.Fatal(err)
		}
	}
	seen, _, err := p.store.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for _, by := range []string{"ann", "bob"} {
		go func() {
			_, err := p.rollback(t.Context(), seen.Champion, rollout.NewChange(time.Now(), by, ""))
			results <- err
		}()
	}
	one, two := <-results, <-results
	if (one == nil) == (two == nil) || !strings.Contains(fmt.Sprint(one, two), "champion meanwhile") {
		t.Errorf("the two of them: %v, %v", one, two)
	}
	run := func(args ...string) error {
		root := newRoot()
		root.SetArgs(append([]string{"model", "rollback", "--rollout-file", file}, args...))
		root.SetOut(&syncBuffer{})
		return root.ExecuteContext(t.Context())
	}
	if err := run("--from", models[2]); err == nil || !strings.Contains(err.Error(), "the champion is nats:net@2") {
		t.Errorf("from what is champion no more: %v", err)
	}
	if err := run("--from", models[1]); err != nil {
		t.Error(err)
	}
	if now, _, err := p.store.Plan(t.Context()); err != nil || now.Champion.Model != models[0] {
		t.Errorf("champion is %s, %v", now.Champion, err)
	}
}
