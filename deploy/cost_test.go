package deploy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"foxhunt/jetstream"
)

// BenchmarkCosts sends fresh captures of three receivers (27 KB) through docker-compose.yml's NATS, Redis and one worker, and
// reads what each process took of a processor, and what NATS wrote to its disk; then the same with deploy/cluster.yml's three
// servers, whose figures are added up: what docs/scaling.md reckons with. Processor
// time hardly depends on what else the machine does, as the time that passes would.
//
//	go test ./deploy -run '^$' -bench Costs -benchtime 1x
func BenchmarkCosts(b *testing.B) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		b.Skip("the figures come from Linux's /proc")
	}
	for name, c := range map[string]compose{"single": readCompose(b, "../docker-compose.yml", siteUser), "cluster": withCluster(b)} {
		b.Run(name, func(b *testing.B) {
			worker := c.Services["worker"]
			worker.Command = append(worker.Command, "--bundles=loadtest.load")
			worker.Scale = 1
			c.Services["worker"] = worker
			s := newStack(b, c)
			if name == "cluster" {
				s.upCluster(b)
			}
			s.up(b, "worker")
			s.load(b, 2)
			s.awaitFixes(b, users*2)
			s.measure(b)
		})
	}
}

func (s *stack) measure(b *testing.B) {
	costs := map[string]cost{}
	for name, instances := range s.running {
		costs[name] = costOf(b, instances[0])
	}
	stored := s.cached(b)
	b.ResetTimer()
	for range b.N {
		s.load(b, 100)
	}
	done := float64(users * 100 * b.N)
	s.awaitFixes(b, users*2+done)
	b.StopTimer()
	sums := map[string]cost{} // of servers of a cluster
	for name, before := range costs {
		after, kind := costOf(b, s.running[name][0]), strings.Split(name, "-")[0]
		sums[kind] = cost{sums[kind].processor + after.processor - before.processor, sums[kind].written + after.written - before.written}
	}
	for kind, c := range sums {
		b.ReportMetric(c.processor*1e3/done, kind+"-ms/capture")
	}
	b.ReportMetric(sums["nats"].written/done, "written-B/capture")
	b.ReportMetric((s.cached(b)-stored)/done, "cached-B/capture")
	b.ReportMetric(s.fixBytes(b), "B/fix")
}

const users = 16

// load has users send so many captures each.
func (s *stack) load(b *testing.B, requests int) {
	b.Helper()
	cmd := exec.Command(programs(b).foxhunt, "loadtest", "--users", strconv.Itoa(users), "--requests", strconv.Itoa(requests), "--repeat", "0",
		"--nats", "tls://"+s.addresses["nats:4222"], "--nats-ca", filepath.Join(s.site, "deploy/secrets/tls/ca.pem"),
		"--nats-nkey", filepath.Join(s.site, "deploy/secrets/operator.nk"))
	// Whether service levels were met is not asked here, but whether all captures have their fixes, by whoever calls this.
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState == nil {
		b.Fatalf("loadtest: %v\n%s", err, out)
	}
}

// cost is what a process has used since its start.
type cost struct {
	processor float64 // seconds
	written   float64 // bytes, to disks
}

func costOf(b *testing.B, i *instance) cost {
	b.Helper()
	folder := fmt.Sprintf("/proc/%d/", i.cmd.Process.Pid)
	_, fields, _ := strings.Cut(readFile(b, folder+"stat"), ") ")
	words := strings.Fields(fields)
	if len(words) < 13 {
		b.Fatalf("%sstat has %d fields", folder, len(words))
	}
	const ticks = 100 // a second: what Linux tells programs
	user, err1 := strconv.ParseFloat(words[11], 64)
	system, err2 := strconv.ParseFloat(words[12], 64)
	written := regexp.MustCompile(`(?m)^write_bytes: (\d+)`).FindStringSubmatch(readFile(b, folder+"io"))
	if err1 != nil || err2 != nil || written == nil {
		b.Fatalf("%s: %v, %v", folder, err1, err2)
	}
	bytes, _ := strconv.ParseFloat(written[1], 64) // digits
	return cost{processor: (user + system) / ticks, written: bytes}
}

// awaitFixes waits until the worker has published so many since its start.
func (s *stack) awaitFixes(b *testing.B, want float64) {
	b.Helper()
	var have float64
	waitFor(b, fmt.Sprint(want, " fixes"), func() bool {
		have = number(b, `(?m)^foxhunt_fixes_total (\S+)$`, s.metrics(b, "worker"))
		return have == want
	}, func() string { return fmt.Sprint(have) })
}

// metrics is the page of a service's first process.
func (s *stack) metrics(t testing.TB, name string) string {
	t.Helper()
	response, err := http.Get("http://" + s.listens(s.running[name][0]) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fixBytes is what a fix takes in its stream.
func (s *stack) fixBytes(b *testing.B) float64 {
	b.Helper()
	response, err := http.Get("http://" + s.listens(s.running["nats"][0]) + "/jsz?accounts=true&streams=true")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	var page struct {
		Accounts []struct {
			Streams []struct {
				Name  string
				State struct{ Messages, Bytes float64 }
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		b.Fatal(err)
	}
	for _, account := range page.Accounts {
		for _, stream := range account.Streams {
			if stream.Name == jetstream.StreamFixes && stream.State.Messages > 0 {
				return stream.State.Bytes / stream.State.Messages
			}
		}
	}
	b.Fatal("NATS tells of no fixes")
	return 0
}

// cached are the bytes of memory that Redis holds for fixes.
func (s *stack) cached(b *testing.B) float64 {
	b.Helper()
	out, err := exec.Command(programs(b).foxhunt, "cache", "stats", "--redis", "redis://"+s.addresses["redis:6379"], "--redis-user", "worker",
		"--redis-password-file", filepath.Join(s.site, "deploy/secrets/redis.password")).Output()
	if err != nil {
		b.Fatal(err)
	}
	return number(b, `, (\d+) bytes of memory`, string(out))
}

func number(b *testing.B, pattern, text string) float64 {
	b.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		b.Fatalf("no %s in\n%s", pattern, text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
