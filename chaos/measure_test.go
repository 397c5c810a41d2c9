package chaos

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

// floodStation has one station publish at fifty times the rate of each of ten others, after it has piled up a backlog, and
// measures how long the captures of each wait for their fixes.
func floodStation(t *testing.T, h *House) string {
	const stations, factor = 10, 50
	flood := func(int) Capture { return newCapture(t, "captures.chaos.flood", "") }
	n := max(*captures, 600) // fewer are no backlog
	h.Publish(t.Context(), Traffic{Captures: min(n, 8000), Make: flood})
	h.NewCrew(1, "--lanes", "1") // slow enough that the backlog stays for a while
	share := n / (stations + factor)
	var publishers sync.WaitGroup
	publishers.Go(func() {
		h.Publish(t.Context(), Traffic{Captures: factor * share, Duration: *duration, Make: flood})
	})
	publishers.Go(func() {
		h.Publish(t.Context(), Traffic{Captures: stations * share, Duration: *duration, Make: func(i int) Capture {
			return newCapture(t, fmt.Sprintf("captures.chaos.quiet%d", i%stations), "")
		}})
	})
	publishers.Wait()
	h.Settle(*settling)
	h.measure = func() {
		quiet := h.Ledger.Waits(func(subject string) bool { return strings.Contains(subject, "quiet") })
		loud := h.Ledger.Waits(func(subject string) bool { return strings.HasSuffix(subject, "flood") })
		table.Measured("from PubAck to fix, the flooding station's captures: %s; the other stations': %s", quantiles(loud), quantiles(quiet))
		if quantile(quiet, 0.95) > quantile(loud, 0.5) {
			t.Errorf("the quiet stations wait %s, the flooding one %s: it holds them up", quantiles(quiet), quantiles(loud))
		}
	}
	return fmt.Sprintf("one station publishes %d times as much as each of %d others", factor, stations)
}

// quantile of sorted durations; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}

func quantiles(sorted []time.Duration) string {
	return fmt.Sprintf("p50 %.2f s, p95 %.2f s, most %.2f s (%d)", quantile(sorted, 0.5).Seconds(), quantile(sorted, 0.95).Seconds(),
		quantile(sorted, 1).Seconds(), len(sorted))
}

// mostMemory is what a worker may take at its peak under a flood of the largest captures: 64 MiB of them fetched, two
// being preprocessed, the runtime and the model.
const mostMemory = 1 << 30

// floodBytes publishes captures of 8 MiB as fast as the server takes them, and looks at the peak of a worker's memory.
func floodBytes(t *testing.T, h *House) string {
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process's memory is read from Linux's /proc")
	}
	crew := h.NewCrew(1)
	before := peakMemory(t, crew.Worker(0).PID())
	n := max(*captures/20, 24)
	const receivers = 8
	samples := (messages.MaxCaptureBytes - 4096) / receivers / 2
	h.Publish(t.Context(), Traffic{Captures: n, Stations: 4, Make: func(i int) Capture {
		return sizedCapture(t, fmt.Sprintf("captures.chaos.large%d", i%4), "", receivers, samples)
	}})
	h.Settle(*settling)
	peak := peakMemory(t, crew.Worker(0).PID())
	table.Measured("peak memory of a worker: %d MiB idle, %d MiB after %d captures of 8 MiB", before>>20, peak>>20, n)
	if peak > mostMemory {
		t.Errorf("the worker took %d MiB, want at most %d", peak>>20, mostMemory>>20)
	}
	return fmt.Sprintf("captures of 8 MiB; the worker's peak is %d MiB", peak>>20)
}

// peakMemory is the largest resident size that a process ever had, in bytes.
func peakMemory(t testing.TB, pid int) int64 { return memory(t, pid, "VmHWM") }

// residentMemory is the resident size of a process, in bytes.
func residentMemory(t testing.TB, pid int) int64 { return memory(t, pid, "VmRSS") }

var memoryLine = regexp.MustCompile(`(?m)^(Vm\w+):\s+(\d+) kB$`)

func memory(t testing.TB, pid int, which string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range memoryLine.FindAllStringSubmatch(string(status), -1) {
		if line[1] != which {
			continue
		}
		kilobytes, err := strconv.ParseInt(line[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return kilobytes << 10
	}
	t.Fatalf("no %s in %s", which, status)
	return 0
}
