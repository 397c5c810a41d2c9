package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/cache"
	"foxhunt/cache/redistest"
	"foxhunt/jetstream"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// redisOnly looks at nothing but a Redis.
func redisOnly(t testing.TB, url string) findings {
	t.Helper()
	var options *cache.RedisOptions
	if url != "" {
		options = &cache.RedisOptions{URL: url}
	}
	f := &Facts{Redis: gatherRedis(soon(t), options)}
	all := findings{}
	for _, check := range []func(*Facts) []Finding{checkRedis, checkRedisMemory, checkRedisVersion} {
		for _, finding := range check(f) {
			all[finding.Code] = append(all[finding.Code], finding)
		}
	}
	return all
}

func TestRedis(t *testing.T) {
	t.Parallel()
	all := redisOnly(t, redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru").URL())
	all.want(t, "redis", OK, "answers after")
	all.want(t, "redis_memory", OK, "of 64 MiB with allkeys-lru")
	all.want(t, "redis_version", OK, "Redis is ")
	all = redisOnly(t, redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "noeviction").URL())
	all.want(t, "redis_memory", Warning, "maxmemory-policy is noeviction")

	server := redistest.Start(t, "--requirepass", "hunter2")
	all = redisOnly(t, server.URL())
	all.want(t, "redis", Warning, "NOAUTH")
	all = redisOnly(t, "redis://:hunter2@"+server.Addr)
	all.want(t, "redis_memory", Warning, "maxmemory is not set")
	server.Kill()
	all = redisOnly(t, "redis://:hunter2@"+server.Addr)
	all.want(t, "redis", Warning, "refused")
	if len(all["redis_memory"])+len(all["redis_version"]) != 0 {
		t.Errorf("one fault became many: %v", all)
	}

	primary := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+primary.URL()[len("redis://127.0.0.1:"):])
	redisOnly(t, replica.URL()).want(t, "redis", Warning, "takes no writes")
	redisOnly(t, redistest.Start(t, "--rename-command", "INFO", "").URL()).want(t, "redis", Unknown, "not INFO")
	redisOnly(t, "http://127.0.0.1").want(t, "redis", Warning, "cannot be read")
	redisOnly(t, "").want(t, "redis", Unknown, "no Redis was named")
}

// No slow and no old Redis is at hand.
func TestRedisJudged(t *testing.T) {
	f := &Facts{Redis: Fact[cache.RedisState]{Value: cache.RedisState{Latency: 6 * time.Millisecond, Version: "6.0.16"}}}
	wantOf(t, checkRedis(f), "redis", Warning, "answers after 6ms")
	wantOf(t, checkRedisVersion(f), "redis_version", Warning, "6.0.16")
	f.Redis.Value.Version = "none"
	wantOf(t, checkRedisVersion(f), "redis_version", Unknown, "none")
}

func loaded(t testing.TB, o Options) *Facts {
	t.Helper()
	return &Facts{Runtime: within(soon(t), func() (Runtime, error) { return gatherRuntime(o) })}
}

// The library is started and stopped several times, which one process may do one after the other.
func TestRuntime(t *testing.T) {
	path, err := model.FindRuntime(os.Getenv("FOXHUNT_ONNXRUNTIME"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	plain := modeltest.Plain(t)
	o := Options{Runtime: path, Load: func(r *model.Runtime) (*model.Model, error) { return r.Load(plain, model.Options{}) }}
	f := loaded(t, o)
	wantOf(t, checkRuntime(f), "onnx_runtime", OK, "ONNX Runtime 1.")
	wantOf(t, checkModel(f), "model", OK, "model plain")

	o.Load = func(r *model.Runtime) (*model.Model, error) { return r.Load([]byte("no model"), model.Options{}) }
	f = loaded(t, o)
	wantOf(t, checkRuntime(f), "onnx_runtime", OK)
	wantOf(t, checkModel(f), "model", Error, "bad_model")
	o.Load = nil
	wantOf(t, checkModel(loaded(t, o)), "model", Error, "no model was named")

	other, err := model.Start(path)
	if err != nil {
		t.Fatal(err)
	}
	wantOf(t, checkRuntime(loaded(t, o)), "onnx_runtime", Unknown, "already_started")
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestNoRuntime(t *testing.T) {
	f := loaded(t, Options{Runtime: "/absent/lib.so"})
	wantOf(t, checkRuntime(f), "onnx_runtime", Error, "/absent/lib.so is not a file")
	if len(checkModel(f)) != 0 {
		t.Error("a model was judged without a runtime")
	}
	wantOf(t, checkRuntime(&Facts{Runtime: Fact[Runtime]{Err: errNoAnswer}}), "onnx_runtime", Unknown, "no answer in time")
	library := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(library, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOf(t, checkRuntime(loaded(t, Options{Runtime: library})), "onnx_runtime", Error, "bad_runtime")
	t.Chdir(t.TempDir()) // from where no library is found
	wantOf(t, checkRuntime(loaded(t, Options{})), "onnx_runtime", Unknown, "no_runtime")
}

func TestThisMachine(t *testing.T) {
	f := &Facts{Machine: gatherMachine(soon(t), t.TempDir())}
	f.Inventory.Err = errors.New("not looked at")
	for _, finding := range append(checkFiles(f), append(checkDisk(f), checkProcessors(f)...)...) {
		if finding.Severity == Unknown {
			t.Errorf("%+v", finding)
		}
	}
	if d := f.Machine.Disk.Value; d.Size == 0 || d.Free > d.Size {
		t.Errorf("the disk is %+v", d)
	}
	if clock := checkClock(f); runtime.GOOS == "linux" && clock[0].Severity == Unknown {
		t.Errorf("%+v", clock)
	}
	f.Machine = gatherMachine(soon(t), "/absent")
	wantOf(t, checkDisk(f), "disk", Unknown, "/absent")
	f.Machine = gatherMachine(soon(t), "")
	wantOf(t, checkDisk(f), "disk", Unknown, "was not named")
}

func TestMachineJudged(t *testing.T) {
	f := &Facts{}
	f.Inventory.Err = errors.New("not looked at")
	f.Machine.Files.Value = []FileLimit{{"this process", 1 << 20}, {"nats-server (process 3)", 1024}}
	wantOf(t, checkFiles(f), "files_limit", Warning, "nats-server (process 3) may open 1024 files")

	const gib = 1 << 30
	for free, want := range map[uint64]Severity{gib / 2: Error, 2 * gib: Warning, 20 * gib: OK} {
		f.Machine.Disk.Value = Disk{Path: "/data", Size: 100 * gib, Free: free}
		wantOf(t, checkDisk(f), "disk", want, "of 100 GiB are free at /data")
	}
	f.Machine.Disk.Value = Disk{Path: "/data", Size: 100 * gib, Free: 20 * gib}
	stream := jetstream.StreamState{Info: &js.StreamInfo{Config: js.StreamConfig{MaxBytes: 30 * gib}, State: js.StreamState{Bytes: 5 * gib}}}
	f.Inventory = Fact[*jetstream.Inventory]{Value: &jetstream.Inventory{Streams: []jetstream.StreamState{stream}}}
	wantOf(t, checkDisk(f), "disk", Warning, "20 GiB of 100 GiB are free", "may grow by 25 GiB")

	for _, c := range []struct {
		p    Processors
		want Severity
	}{
		{Processors{Threads: 8, CPUs: 8}, OK}, {Processors{Threads: 4, CPUs: 8}, Info}, {Processors{Threads: 16, CPUs: 8}, Warning},
		{Processors{Threads: 2, CPUs: 8, Quota: 2}, OK}, {Processors{Threads: 8, CPUs: 8, Quota: 2}, Warning}, {Processors{Threads: 1, CPUs: 8, Quota: 0.5}, Warning},
	} {
		f.Machine.Processors.Value = c.p
		wantOf(t, checkProcessors(f), "processors", c.want)
	}
	f.Machine.Clock.Value = Clock{Synchronised: true, MaxError: 20 * time.Millisecond}
	wantOf(t, checkClock(f), "clock_sync", OK, "20ms")
	f.Machine.Clock.Value = Clock{}
	wantOf(t, checkClock(f), "clock_sync", Warning, "nothing keeps")
}
