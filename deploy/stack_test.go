package deploy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"foxhunt/model"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = time.Minute

// stack runs a compose file's services as processes of this machine: the same commands, environments and files, with
// folders in the place of containers' roots, and ports of the loopback in the place of their names.
type stack struct {
	site      string // a folder with the configuration, and with secrets of its own
	services  map[string]service
	secrets   map[string]struct{ File string }
	volumes   string            // a folder of folders
	addresses map[string]string // of host:port as the files have it
	running   map[string][]*instance
	runtime   string
}

// instance is one process of a service.
type instance struct {
	name   string
	root   string // its container's root, as far as it has files of its own
	cmd    *exec.Cmd
	log    syncBuffer
	ended  chan struct{} // closed at the end
	err    error         // after the end
	health []string      // its health check
}

func newStack(t testing.TB, c compose) *stack {
	t.Helper()
	runtime, err := model.FindRuntime(os.Getenv("FOXHUNT_ONNXRUNTIME"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{
		site: makeSite(t), services: c.Services, secrets: c.Secrets, volumes: t.TempDir(),
		addresses: map[string]string{}, running: map[string][]*instance{}, runtime: runtime,
	}
	for name := range c.Volumes {
		if err := os.Mkdir(filepath.Join(s.volumes, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// up starts a service after what it waits for, as often as its file says, as compose does, and waits until its health check
// says yes.
func (s *stack) up(t testing.TB, name string) {
	t.Helper()
	if len(s.running[name]) > 0 || name == "volumes" { // the folders are this user's already
		return
	}
	for _, other := range slices.Sorted(maps.Keys(s.services[name].DependsOn)) {
		s.up(t, other)
	}
	for range max(1, s.services[name].Scale) {
		s.waitHealthy(t, s.add(t, name))
	}
}

// add starts one more process of a service.
func (s *stack) add(t testing.TB, name string) *instance {
	t.Helper()
	service := s.services[name]
	i := &instance{name: name, root: t.TempDir(), ended: make(chan struct{}), health: service.Healthcheck.Test}
	s.mount(t, i, service)
	args := append(slices.Clone(service.Entrypoint), service.Command...)
	if len(service.Entrypoint) == 0 && service.runsFoxhunt() {
		args = append([]string{"foxhunt"}, args...) // the image's
	}
	for k := range args {
		args[k] = s.here(i, args[k])
	}
	i.cmd = exec.Command(s.program(t, args[0]), append(args[1:], s.loopback(t, i)...)...)
	i.cmd.Dir = filepath.Join(i.root, service.WorkingDir)
	i.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + i.root, "FOXHUNT_ONNXRUNTIME=" + s.runtime}
	for key, value := range service.Environment {
		i.cmd.Env = append(i.cmd.Env, key+"="+s.here(i, value))
	}
	i.cmd.Stdout, i.cmd.Stderr = &i.log, &i.log
	if err := i.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() { i.err = i.cmd.Wait(); close(i.ended) }()
	t.Cleanup(func() {
		_ = i.cmd.Process.Kill() // an error says that it has ended already
		<-i.ended
	})
	s.running[name] = append(s.running[name], i)
	return i
}

// mount lays the service's files and volumes where its container has them.
func (s *stack) mount(t testing.TB, i *instance, of service) {
	t.Helper()
	link := func(from, to string) {
		to = filepath.Join(i.root, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, mount := range of.Volumes {
		parts := strings.Split(mount, ":")
		from := filepath.Join(s.volumes, parts[0])
		if strings.HasPrefix(parts[0], ".") {
			from = filepath.Join(s.site, parts[0])
		}
		link(from, parts[1])
	}
	for _, secret := range of.Secrets {
		link(filepath.Join(s.site, s.secrets[secret].File), "/run/secrets/"+secret)
	}
	if err := os.MkdirAll(filepath.Join(i.root, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
}

var inContainer = regexp.MustCompile(`/[\w./-]+`)

// here is a word of a command with this machine's addresses and paths in the place of the containers'.
func (s *stack) here(i *instance, word string) string {
	for _, there := range slices.Sorted(maps.Keys(s.addresses)) {
		word = strings.ReplaceAll(word, "//"+there, "//"+s.addresses[there])
	}
	word = strings.Replace(word, "--http-listen=0.0.0.0:", "--http-listen=127.0.0.1:0#", 1)
	word, _, _ = strings.Cut(word, "#")
	return inContainer.ReplaceAllStringFunc(word, func(path string) string {
		if _, err := os.Lstat(filepath.Join(i.root, path)); err == nil {
			return filepath.Join(i.root, path)
		}
		return path
	})
}

// loopback are further arguments for programs whose configuration files say where they listen, and where their files are.
func (s *stack) loopback(t testing.TB, i *instance) []string {
	t.Helper()
	in := func(path string) string { return filepath.Join(i.root, path) }
	switch i.name {
	case "nats", "nats-2", "nats-3":
		args := []string{"-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir", in("tmp")}
		if route := s.addresses[i.name+":6222"]; route != "" {
			args = append(args, "-cluster", "tls://"+route)
		}
		return args
	case "redis":
		s.addresses["redis:6379"] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		_, port, _ := strings.Cut(s.addresses["redis:6379"], ":")
		return []string{"--port", port, "--bind", "127.0.0.1", "--aclfile", in("run/secrets/redis.acl"), "--dir", in("tmp")}
	case "prometheus":
		s.addresses["prometheus:9090"] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		return []string{"--web.listen-address=" + s.addresses["prometheus:9090"]}
	}
	return nil
}

func (s *stack) program(t testing.TB, name string) string {
	t.Helper()
	switch name {
	case "foxhunt":
		return programs(t).foxhunt
	case "nats-server":
		return programs(t).natsServer
	case "redis-server":
		return need(t, name, "apt-get install redis-server")
	}
	return need(t, name, "apt-get install "+name)
}

var httpAddress = regexp.MustCompile(`"http":"(127\.0\.0\.1:\d+)"`)

// listens says where the instance's page for health checks is, once it is there.
func (s *stack) listens(i *instance) string {
	switch i.name {
	case "redis":
		return s.addresses["redis:6379"]
	case "prometheus":
		return s.addresses["prometheus:9090"]
	case "nats", "nats-2", "nats-3":
		var open struct{ Nats, Monitoring []string }
		file := filepath.Join(i.root, "tmp", fmt.Sprintf("nats-server_%d.ports", i.cmd.Process.Pid))
		text, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(text, &open) != nil || len(open.Nats) == 0 || len(open.Monitoring) == 0 {
			return ""
		}
		s.addresses[i.name+":4222"] = strings.TrimPrefix(strings.TrimPrefix(open.Nats[0], "nats://"), "tls://")
		return strings.TrimPrefix(open.Monitoring[0], "http://")
	}
	if at := httpAddress.FindStringSubmatch(i.log.String()); at != nil {
		return at[1]
	}
	return ""
}

var ownAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// healthy runs the instance's health check.
func (s *stack) healthy(t testing.TB, i *instance) bool {
	t.Helper()
	address := s.listens(i)
	if address == "" {
		return false
	}
	_, port, _ := strings.Cut(address, ":")
	test := slices.Clone(i.health[1:])
	if i.health[0] == "CMD-SHELL" {
		test = []string{"sh", "-c", strings.Replace(test[0], "redis-cli ", "redis-cli -p "+port+" ", 1)}
	}
	for k := range test {
		test[k] = ownAddress.ReplaceAllString(test[k], address)
	}
	return exec.Command(s.program(t, test[0]), test[1:]...).Run() == nil
}

func (s *stack) waitHealthy(t testing.TB, i *instance) {
	t.Helper()
	if len(i.health) == 0 {
		return
	}
	waitFor(t, i.name+" to be healthy", func() bool {
		select {
		case <-i.ended:
			t.Fatalf("%s ended: %v\n%s", i.name, i.err, i.log.String())
		default:
		}
		return s.healthy(t, i)
	}, func() string { return i.log.String() })
}

// stop ends all processes of a service as compose does, and they must end well.
func (s *stack) stop(t testing.TB, name string) {
	t.Helper()
	for _, i := range s.running[name] {
		if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("%s had ended: %v\n%s", name, err, i.log.String())
		}
	}
	for _, i := range s.running[name] {
		select {
		case <-i.ended:
			if i.err != nil {
				t.Errorf("%s ended with %v\n%s", name, i.err, i.log.String())
			}
		case <-time.After(patience):
			t.Fatalf("%s does not end\n%s", name, i.log.String())
		}
	}
	delete(s.running, name)
}

// freePort is a port that nobody listens on at this moment, for programs that cannot choose one themselves.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// waitFor waits until done; what explains why it is not is told.
func waitFor(t testing.TB, what string, done func() bool, why func() string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v\n%s", what, patience, why())
		}
	}
}

// syncBuffer is a buffer that one goroutine fills while another looks.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
