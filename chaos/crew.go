package chaos

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Crew is workers that are started again whenever they die, as an init system does.
type Crew struct {
	h       *House
	args    []string
	folder  string
	slots   []*slot
	stop    chan struct{}
	running sync.WaitGroup
	Deaths  atomic.Int64 // workers that ended by SIGKILL, whoever sent it
}

// slot is the place of one worker in its crew, over its restarts.
type slot struct {
	mu     sync.Mutex
	worker *Process
	logs   []*Log // of all its workers
}

// interrupted is the exit code of foxhunt when it is stopped while it still waits for something.
const interrupted = 130

// restartPause is how long a dead worker stays dead.
const restartPause = 100 * time.Millisecond

// NewCrew starts n workers with the small model (--model in args chooses another), and waits until they serve.
func (h *House) NewCrew(n int, args ...string) *Crew {
	h.t.Helper()
	c := h.startCrew(n, args...)
	for i := range n {
		c.Ready(i)
	}
	return c
}

// startCrew is NewCrew without the wait.
func (h *House) startCrew(n int, args ...string) *Crew {
	h.t.Helper()
	c := &Crew{h: h, folder: h.t.TempDir(), stop: make(chan struct{})}
	c.args = append([]string{"worker", "--nats", h.URL(), "--bundles", "*.*", "--model", h.plain, "--http-listen", "127.0.0.1:0"}, args...)
	for i := range n {
		s := &slot{}
		c.slots = append(c.slots, s)
		if !c.start(i, s) {
			h.t.FailNow()
		}
		c.running.Go(func() { c.keep(i, s) })
	}
	h.crews = append(h.crews, c)
	h.t.Cleanup(c.abandon)
	return c
}

// start starts a slot's worker, unless the crew has stopped meanwhile.
func (c *Crew) start(i int, s *slot) (started bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.stopped() {
		return false
	}
	p, err := startProcess(c.h.t, fmt.Sprintf("worker %d", i), c.folder, c.h.env, c.h.programs.Foxhunt, c.args...)
	if err != nil {
		c.h.t.Errorf("%v", err)
		return false
	}
	s.worker, s.logs = p, append(s.logs, p.Log)
	return true
}

// keep starts the slot's worker again whenever it ends, until the crew stops.
func (c *Crew) keep(i int, s *slot) {
	for started := true; started; started = c.start(i, s) {
		worker := s.current()
		<-worker.Ended()
		c.judge(worker)
		select {
		case <-c.stop:
		case <-time.After(restartPause):
		}
	}
}

func (s *slot) current() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.worker
}

// judge looks at how a worker ended: well, by SIGKILL, or by SIGTERM before it served; and in no other way.
func (c *Crew) judge(worker *Process) {
	switch {
	case worker.killedBy(syscall.SIGKILL):
		c.Deaths.Add(1)
	case worker.err == nil, worker.Log.Count("worker ready") == 0 && (worker.killedBy(syscall.SIGTERM) || worker.exitCode() == interrupted):
	default:
		c.h.t.Errorf("%s ended: %v\n%s", worker.Name, worker.err, worker.Log.Tail(30))
	}
	if worker.Log.Count("DATA RACE") > 0 {
		c.h.t.Errorf("%s: the race detector found something\n%s", worker.Name, worker.Log)
	}
}

var readyLine = regexp.MustCompile(`msg="worker ready".* http=(\S+)`)

// Ready waits until the slot's worker serves, and gives the address of its pages.
func (c *Crew) Ready(i int) (address string) {
	c.h.t.Helper()
	waitFor(c.h.t, fmt.Sprintf("worker %d to be ready", i), func() bool {
		found := readyLine.FindStringSubmatch(c.slots[i].current().Log.String())
		if found == nil {
			return false
		}
		address = found[1]
		return true
	})
	return address
}

// Worker is the process in a slot at this moment.
func (c *Crew) Worker(i int) *Process { return c.slots[i].current() }

// Stop asks all workers to end, and waits until they have.
func (c *Crew) Stop() {
	c.h.t.Helper()
	if c.stopped() {
		return
	}
	close(c.stop)
	for _, s := range c.slots {
		s.current().Resume()
		s.current().Terminate()
	}
	done := make(chan struct{})
	go func() { c.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		c.h.t.Errorf("the workers have not ended within %v\n%s", patience, c.Logs(30))
	}
}

func (c *Crew) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// abandon kills what is left at the end of the test.
func (c *Crew) abandon() {
	if !c.stopped() {
		close(c.stop)
	}
	for _, s := range c.slots {
		s.current().Kill()
	}
	c.running.Wait()
}

// Logs is the end of the last logs of each slot.
func (c *Crew) Logs(lines int) string {
	var b strings.Builder
	for i, s := range c.slots {
		s.mu.Lock()
		logs := s.logs
		s.mu.Unlock()
		for k := max(len(logs)-2, 0); k < len(logs); k++ {
			fmt.Fprintf(&b, "worker %d, start %d:\n%s\n", i, k+1, logs[k].Tail(lines))
		}
	}
	return b.String()
}

// Said counts how often the crew's logs hold a text.
func (c *Crew) Said(text string) (n int) {
	for _, s := range c.slots {
		s.mu.Lock()
		for _, log := range s.logs {
			n += log.Count(text)
		}
		s.mu.Unlock()
	}
	return n
}
