package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what servers and workers have used up to a moment.
type usage struct {
	at              time.Time
	workers, server time.Duration // CPU, of all their processes
	in, out         int64         // messages that clients sent to the server, and it to them
	bytesIn         int64
	bytesOut        int64
}

// usage reads it from the system and the server's monitoring.
func (h *House) usage() usage {
	h.t.Helper()
	u := usage{at: time.Now(), server: processorTime(h.t, h.Servers[0].PID())}
	for _, c := range h.crews {
		for i := range c.slots {
			u.workers += processorTime(h.t, c.Worker(i).PID())
		}
	}
	var varz struct {
		In       int64 `json:"in_msgs"`
		Out      int64 `json:"out_msgs"`
		BytesIn  int64 `json:"in_bytes"`
		BytesOut int64 `json:"out_bytes"`
	}
	response, err := http.Get("http://" + h.Servers[0].Monitor + "/varz")
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&varz); err != nil {
		h.t.Fatal(err)
	}
	u.in, u.out, u.bytesIn, u.bytesOut = varz.In, varz.Out, varz.BytesIn, varz.BytesOut
	return u
}

// since is what was used from a moment on.
func (u usage) since(before usage) usage {
	return usage{
		at: u.at, workers: u.workers - before.workers, server: u.server - before.server,
		in: u.in - before.in, out: u.out - before.out, bytesIn: u.bytesIn - before.bytesIn, bytesOut: u.bytesOut - before.bytesOut,
	}
}

// tick is the unit of /proc's processor times: USER_HZ, which is 100 on all that Linux runs on here.
const tick = 10 * time.Millisecond

// processorTime is what a process has used of processors.
func processorTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		t.Fatalf("/proc/%d/stat: %q", pid, text)
	}
	var sum time.Duration
	for _, field := range fields[11:13] { // user and system
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * tick
	}
	return sum
}
