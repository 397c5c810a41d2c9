package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
	"foxhunt/model/registry/mlflowtest"
)

// figures asks the tests that print figures to measure with the default model, and for long enough.
var figures = flag.Bool("figures", false, "measure with variants of the default model, at length")

// fleetModel writes a model that serves: a small one, or a variant of the default one for figures.
func fleetModel(t testing.TB, n int) string {
	t.Helper()
	if !*figures {
		return smallFile(t, fmt.Sprint("variant", n), modeltest.Sound)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("grid%d.onnx", n))
	value := fmt.Sprint(n)
	entry := append([]byte{0x0a, 1, 'n', 0x12, byte(len(value))}, value...) // one more entry of metadata_props, key and value
	data := append(append(append([]byte{}, grid.File()...), 0x72, byte(len(entry))), entry...)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// programFleet is three worker processes under a steady stream of captures.
type programFleet struct {
	*house
	addresses []string
	stop      func() (sent int) // the captures
}

func (p *program) startFleet(t *testing.T, flags ...string) *programFleet {
	t.Helper()
	f := &programFleet{house: newHouse(t)}
	args := []string{"worker", "--nats", f.server.ClientURL(), "--bundles", "*.*", "--http-listen", "127.0.0.1:0", "--lanes", "2", "--cache-bytes", "0"}
	var workers []*running
	for i := range 3 {
		workers = append(workers, p.start(t, append(append(args, "--name", fmt.Sprint("w", i+1)), flags...)...))
	}
	for _, w := range workers {
		_, address := w.ready(t)
		f.addresses = append(f.addresses, address)
	}
	ctx, stop := context.WithCancel(context.Background())
	sent := make(chan int, 1)
	go func() { sent <- f.feed(ctx, t) }()
	f.stop = sync.OnceValue(func() int { stop(); return <-sent })
	t.Cleanup(func() { f.stop() })
	return f
}

// feed publishes 60 captures a second until ctx ends, and says how many it were.
func (f *programFleet) feed(ctx context.Context, t *testing.T) (sent int) {
	tick := time.NewTicker(time.Second / 60)
	defer tick.Stop()
	for ; ; sent++ {
		select {
		case <-ctx.Done():
			return sent
		case <-tick.C:
		}
		capture := wire(t, fields{"rx": receivers(3), "id": messages.NewCaptureID()})
		if _, err := f.js.Publish(t.Context(), captureSubject("demo", "a"), capture); err != nil {
			t.Error(err)
			return sent
		}
	}
}

// served waits until each worker has made a fix with a version as champion, and logs how long that took from began.
func (f *programFleet) served(t *testing.T, what string, began time.Time, version string) {
	t.Helper()
	took := make([]time.Duration, len(f.addresses))
	waitFor(t, "fixes of version "+version+" by all workers", func() bool {
		missing := 0
		for i, address := range f.addresses {
			if took[i] != 0 {
				continue
			}
			missing++
			var answer performanceAnswer
			_, body := get(t, address, "/api/v1/models/performance")
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%v\n%s", err, body)
			}
			if arm := answer.Arms[0]; arm.Version == version && arm.Fixes > 0 {
				took[i] = time.Since(began)
				missing--
			}
		}
		return missing == 0
	})
	t.Logf("%s: first fix of version %s by each of three workers after %v", what, version, took)
}

// refused waits until every worker has refused a model, and serves on.
func (f *programFleet) refused(t *testing.T, version string) {
	t.Helper()
	for _, address := range f.addresses {
		waitFor(t, "a refusal", func() bool {
			n, _ := metric(t, address, `foxhunt_model_load_failures_total{code="golden_not_finite"}`)
			return n == 1
		})
		if _, body := get(t, address, "/api/v1/models/info"); !strings.Contains(body, fmt.Sprintf(`"version": %q`, version)) {
			t.Errorf("after a bad model: %s", body)
		}
	}
	waitFor(t, "an event of each", func() bool {
		return strings.Count(f.model(t, "events", "--json"), `"kind":"refused"`) == len(f.addresses)
	})
}

// complete ends the captures, and wants one fix of each and no dead letter.
func (f *programFleet) complete(t *testing.T) {
	t.Helper()
	sent := f.stop()
	f.waitUntilEmpty(t)
	if n := f.fixesOf(t, "fixes.demo.a"); n != sent {
		t.Errorf("%d fixes of %d captures", n, sent)
	}
	if n := f.stored(t, "DEAD"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// testModelsNATS needs nothing but NATS: push, promote, and back.
func (p *program) testModelsNATS(t *testing.T) {
	f := p.startFleet(t)
	push := func(path string) string {
		f.model(t, "push", path, "--name", "fox")
		return "nats:fox"
	}
	began := time.Now()
	f.model(t, "promote", "--unchecked", push(fleetModel(t, 1)))
	f.served(t, "push and promote", began, "1")
	push(fleetModel(t, 2))
	began = time.Now()
	f.model(t, "promote", "--unchecked", "nats:fox@2")
	f.served(t, "promote", began, "2")
	f.model(t, "promote", "--unchecked", push(smallFile(t, "bad", modeltest.NaN)))
	f.refused(t, "2")
	f.model(t, "rollback") // to what serves
	began = time.Now()
	f.model(t, "rollback")
	f.served(t, "rollback", began, "1")
	if out := f.model(t, "reload"); strings.Count(out, "unchanged") != 3 {
		t.Errorf("model reload:\n%s", out)
	}
	f.complete(t)
}

// testModelsMLflow moves an alias of a real MLflow server, and workers follow it.
func (p *program) testModelsMLflow(t *testing.T) {
	s := mlflowtest.Start(t)
	first := s.LogFiles(t, mlflowtest.Version{Model: "fox", Path: fleetModel(t, 1)})
	s.Alias(t, "fox", "champion", first)
	f := p.startFleet(t, "--model", "models:/fox@champion", "--mlflow", s.URL)
	f.served(t, "start", time.Now(), first)
	second := s.LogFiles(t, mlflowtest.Version{Model: "fox", Path: fleetModel(t, 2)})
	began := time.Now()
	s.Alias(t, "fox", "champion", second)
	f.served(t, "alias moved", began, second)
	bad := s.LogFiles(t, mlflowtest.Version{Model: "fox", Path: smallFile(t, "bad", modeltest.NaN)})
	s.Alias(t, "fox", "champion", bad)
	f.refused(t, second)
	began = time.Now()
	s.Alias(t, "fox", "champion", first)
	f.served(t, "alias moved back", began, first)
	s.Kill(t) // what serves needs no server, nor does a worker that starts where the model is known
	out, err := command(t.Context(), "model", "reload", "--nats", f.server.ClientURL())
	if exitCode(err) != exitPassing || strings.Count(out, "waiting: away") != 3 {
		t.Errorf("a reload without the server: %v\n%s", err, out)
	}
	w := p.start(t, "worker", "--nats", f.server.ClientURL(), "--bundles", "*.*", "--http-listen", "127.0.0.1:0", "--model", "models:/fox@champion", "--mlflow", s.URL)
	_, address := w.ready(t)
	if _, body := get(t, address, "/api/v1/models/info"); !strings.Contains(body, fmt.Sprintf(`"version": %q`, first)) || !strings.Contains(body, `"plan_followed": false`) {
		t.Errorf("a worker that starts without the server: %s", body)
	}
	f.complete(t)
}

// testHangup sends SIGHUP: it is a reload. A worker whose terminal goes away stops, as nobody sees it any more.
func (p *program) testHangup(t *testing.T) {
	h := newHouse(t)
	w := p.start(t, "worker", "--nats", h.server.ClientURL(), "--http-listen", "127.0.0.1:0", "--bundles", "*.*")
	w.ready(t)
	if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a word about a reload", func() bool { return strings.Contains(w.log.String(), "reloaded, as SIGHUP asks") })
	w.stop(t, syscall.SIGTERM)

	ours, theirs := terminal(t)
	w = p.startWith(t, &syscall.SysProcAttr{Setsid: true, Setctty: true}, theirs, "worker", "--nats", h.server.ClientURL(), "--http-listen", "127.0.0.1:0")
	theirs.Close()
	w.ready(t)
	ours.Close() // which hangs up
	w.wait(t)
}
