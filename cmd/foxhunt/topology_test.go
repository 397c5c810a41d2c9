package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/model/modeltest"
)

// topologyFlags parses the flags about streams.
func topologyFlags(t testing.TB, flags ...string) *topologyOptions {
	t.Helper()
	var o topologyOptions
	set := pflag.NewFlagSet("topology", pflag.ContinueOnError)
	o.register(set)
	if err := set.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return &o
}

func TestTopologyFlags(t *testing.T) {
	t.Parallel()
	all := topologyFlags(t, "--profile", "cluster", "--stream-prefix", "EU_", "--consumer", "north", "--filter", "captures.north.>",
		"--captures-per-subject", "7", "--captures-bytes", "1073741824", "--fixes-age", "1h", "--fixes-bytes", "1073741825", "--dead-age", "48h",
		"--dead-bytes", "1073741826", "--ack-wait", "90s", "--max-deliver", "5", "--max-ack-pending", "100")
	got, err := all.topology()
	if err != nil {
		t.Fatal(err)
	}
	for what, right := range map[string]bool{
		"captures": got.Captures.Name == "EU_CAPTURES" && got.Captures.Replicas == 3 && got.Captures.MaxMsgsPerSubject == 7 && got.Captures.MaxBytes == 1<<30,
		"fixes":    got.Fixes.Name == "EU_FIXES" && got.Fixes.Replicas == 3 && got.Fixes.MaxAge == time.Hour && got.Fixes.MaxBytes == 1<<30+1,
		"dead":     got.Dead.Name == "EU_DEAD" && got.Dead.Replicas == 3 && got.Dead.MaxAge == 48*time.Hour && got.Dead.MaxBytes == 1<<30+2,
		"advisories": got.Advisories.Name == "EU_ADVISORIES" && got.Advisories.Replicas == 3 &&
			got.Advisories.Subjects[0] == "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EU_CAPTURES.*",
		"workers": got.Workers.Durable == "north" && got.Workers.FilterSubject == "captures.north.>" && got.Workers.AckWait == 90*time.Second &&
			got.Workers.MaxDeliver == 5 && got.Workers.MaxAckPending == 100,
		"buckets": got.Leases.Bucket == "EU_foxhunt-leases" && got.Leases.Replicas == 3 && got.Claims.Bucket == "EU_foxhunt-claims" && got.Claims.Replicas == 3,
	} {
		if !right {
			t.Errorf("%s are not as the flags say: %+v", what, got)
		}
	}
	for _, c := range []struct{ flag, value, says string }{
		{"--profile", "many", `profile is "many"; want single or cluster`},
		{"--stream-prefix", "a.b", `the name "a.bCAPTURES" cannot be a stream's`},
		{"--consumer", "", `the name "" cannot be`},
		{"--consumer", "a b", `the name "a b" cannot be`},
		{"--filter", "fixes.>", `the filter "fixes.>" matches no captures`},
		{"--filter", "captures", `the filter "captures" matches no captures`},
		{"--filter", "captures.>.a", `the filter "captures.>.a" matches no captures`},
		{"--captures-per-subject", "0", "captures-per-subject is 0; want at least 1"},
		{"--captures-bytes", "1000", "captures-bytes is 1000; want at least 67108864"},
		{"--fixes-age", "0s", "fixes-age is 0s; want at least 1m"},
		{"--fixes-bytes", "-1", "fixes-bytes is -1"},
		{"--dead-age", "-1h", "dead-age is -1h0m0s"},
		{"--dead-bytes", "0", "dead-bytes is 0"},
		{"--ack-wait", "100ms", "ack-wait is 100ms; want 1s to 1h"},
		{"--max-deliver", "-1", "max-deliver is -1; want 2 to 1000"},
		{"--max-ack-pending", "0", "max-ack-pending is 0; want at least 1"},
	} {
		if _, err := topologyFlags(t, c.flag, c.value).topology(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v; want %q", c.flag, c.value, err, c.says)
		}
	}
}

// TestLanesAndPending expects a worker not to ask for less in flight than it works on.
func TestLanesAndPending(t *testing.T) {
	t.Parallel()
	if err := workerFlags(t, "--lanes", "8", "--max-ack-pending", "7").settle(); err == nil || !strings.Contains(err.Error(), "fewer than this worker's 8 lanes") {
		t.Errorf("8 lanes and 7 in flight: %v", err)
	}
}

// TestFilters are those of pools, alone and beside each other.
func TestFilters(t *testing.T) {
	t.Parallel()
	for _, filter := range []string{"captures.>", "captures.*.*", "captures.north.>", "captures.north.st-1", "captures.*.st1"} {
		if _, err := topologyFlags(t, "--filter", filter).topology(); err != nil {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

// TestApply expects differences to be told one by one, and to be changed with --apply alone.
func TestApply(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	flags := []string{"--model", plainFile(t), "--dead-age", "1h", "--ack-wait", "20s"}
	start := func(more ...string) string {
		t.Helper()
		var log syncBuffer
		options := workerFlags(t, append(flags, more...)...)
		if err := options.settle(); err != nil {
			t.Fatal(err)
		}
		process, err := newWorkerProcess(t.Context(), servePages(t), h.conn, modeltest.Runtime(t), options, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		process.close()
		return log.String()
	}
	dead := `kind=stream name=DEAD field=max_age is=336h0m0s want=1h0m0s`
	wait := `kind=consumer name=workers field=ack_wait is=30s want=20s`
	if log := start(); strings.Count(log, "--apply changes it") != 2 || !strings.Contains(log, dead) || !strings.Contains(log, wait) {
		t.Errorf("two differences are told so:\n%s", log)
	}
	if log := start("--apply"); strings.Count(log, "msg=changed") != 2 || !strings.Contains(log, `field=ack_wait was=30s is=20s`) {
		t.Errorf("two changes are told so:\n%s", log)
	}
	if log := start(); strings.Contains(log, "field=") {
		t.Errorf("after --apply something differs:\n%s", log)
	}
	consumer, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers)
	if err != nil || consumer.CachedInfo().Config.AckWait != 20*time.Second {
		t.Errorf("the consumer is %+v, %v", consumer.CachedInfo().Config, err)
	}
}

// TestSplitPool replaces the one consumer by two with subjects of their own.
func TestSplitPool(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	open := func(flags ...string) error {
		options := workerFlags(t, append(flags, "--model", plainFile(t))...)
		if err := options.settle(); err != nil {
			t.Fatal(err)
		}
		process, err := newWorkerProcess(t.Context(), servePages(t), h.conn, modeltest.Runtime(t), options, quietLog())
		if err == nil {
			process.close()
		}
		return err
	}
	north := []string{"--consumer", "north", "--filter", "captures.north.>"}
	if err := open(north...); err == nil || !strings.Contains(err.Error(), "choose filters that do not overlap") {
		t.Errorf("a pool within another: %v", err)
	}
	if err := h.js.DeleteConsumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers); err != nil {
		t.Fatal(err)
	}
	if err := open(north...); err != nil {
		t.Error(err)
	}
	south := openProcess(t, h.conn, modeltest.Runtime(t), workerFlags(t, "--model", plainFile(t), "--consumer", "south", "--filter", "captures.south.>"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- south.run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		south.close()
	}()
	for _, network := range []string{"north", "south"} {
		h.publish(t, captureSubject(network, "a"), []byte("no capture"))
	}
	if letter := h.nextDead(t); letter.Subject != "captures.south.a" {
		t.Errorf("the pool of the south took %s", letter.Subject)
	}
	left, err := h.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "one capture left for the other pool", func() bool {
		info, err := left.Info(t.Context(), natsjs.WithSubjectFilter("captures.>"))
		return err == nil && len(info.State.Subjects) == 1 && info.State.Subjects["captures.north.a"] == 1
	})
}

// TestUpIsOneServer expects up to say what a cluster needs in its place.
func TestUpIsOneServer(t *testing.T) {
	t.Parallel()
	if _, err := command(t.Context(), "up", "--profile", "cluster"); err == nil || !strings.Contains(err.Error(), "needs three: run nats-servers") {
		t.Errorf("up --profile cluster: %v", err)
	}
	up := upOptions{http: "127.0.0.1:0", nats: "0.0.0.0:0", dataDir: t.TempDir()}
	if err := up.serve(t.Context(), modeltest.Runtime(t), io.Discard, quietLog()); err == nil || !strings.Contains(err.Error(), "on this machine only") {
		t.Errorf("up --nats-listen 0.0.0.0:0: %v", err)
	}
}

// TestDefaultsAreDocumented holds the table of docs/operations.md against the flags.
func TestDefaultsAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`--.*?`"+`) \| (.*?) \|`).FindAllStringSubmatch(string(doc), -1) {
		defaults := strings.Split(strings.ReplaceAll(row[2], "`", ""), ", ")
		for i, flag := range strings.Split(strings.ReplaceAll(row[1], "`", ""), ", ") {
			documented[strings.TrimPrefix(flag, "--")] = strings.Replace(defaults[i], "none", "", 1)
		}
	}
	var o topologyOptions
	set := pflag.NewFlagSet("topology", pflag.ContinueOnError)
	o.register(set)
	set.VisitAll(func(f *pflag.Flag) {
		if value, ok := documented[f.Name]; f.Name != "apply" && (!ok || value != f.DefValue) {
			t.Errorf("docs/operations.md has %q as the default of --%s; it is %q", value, f.Name, f.DefValue)
		}
	})
}
