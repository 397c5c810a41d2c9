package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// Limits of smallHouse.
const (
	mostOfStation = 20
	mostBytes     = 8 << 20
)

// smallHouse has room for a few captures only.
func smallHouse(t *testing.T) *House {
	topology := topology(1)
	topology.Captures.MaxMsgsPerSubject, topology.Captures.MaxBytes = mostOfStation, mostBytes
	return newHouse(t, program(t), topology)
}

// reachLimits publishes without a worker until one station is over its limit, and then until the whole stream is full.
// Whoever is refused is told so, and why. Then workers come, and those who were refused go on.
func reachLimits(t *testing.T, h *House) string {
	flood := Traffic{Captures: 3 * mostOfStation, Make: func(int) Capture { return newCapture(t, "captures.chaos.flood", "") }}
	many := Traffic{Captures: 2 * mostBytes / 27_000, Make: func(i int) Capture {
		return newCapture(t, fmt.Sprintf("captures.chaos.m%d", i%100), "")
	}}
	h.Publish(t.Context(), flood)
	if n := h.Ledger.Tally().Refusals[jetstream.CodeStationOverLimit]; n != 2*mostOfStation {
		t.Errorf("%d captures of the flooding station were refused, want %d", n, 2*mostOfStation)
	}
	h.Publish(t.Context(), many)
	if n := h.Ledger.Tally().Refusals[jetstream.CodeStreamFull]; n < many.Captures/3 {
		t.Errorf("%d captures were refused because the stream was full, want at least %d", n, many.Captures/3)
	}
	h.NewCrew(2)
	h.Settle(*settling)
	h.Publish(t.Context(), Traffic{Captures: mostOfStation, Make: flood.Make})
	h.Settle(*settling)
	return "a station, then the stream, was at its limit"
}

// diskBytes is the size of the disk that is filled.
const diskBytes = 96 << 20

// tmpfsHouse has its server's store on a small disk of its own. Making one needs root; without, the test is skipped.
func tmpfsHouse(t *testing.T) *House {
	env, store := environment(t), t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", diskBytes), "tmpfs", store)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be made, which takes root on Linux: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", store).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	server := newNATS(t, program(t), "nats", natsOptions{store: store})
	return furnish(t, program(t), env, topology(1), server)
}

// fillDisk fills the server's disk under load, with the workers at work, and frees it again. The operator restarts the
// server, which may have switched JetStream off.
func fillDisk(t *testing.T, h *House) string {
	h.NewCrew(2)
	filler := filepath.Join(h.Servers[0].store, "filler")
	var full, free time.Time
	h.during(steady(t, *captures, *duration), 3, func(i int) {
		switch i {
		case 0:
			fillFile(t, filler)
			full = time.Now()
		case 2:
			if err := os.Remove(filler); err != nil {
				t.Error(err)
			}
			h.Servers[0].Terminate()
			<-h.Servers[0].Ended()
			h.Servers[0].Start(t)
			free = time.Now()
		}
	})
	return fmt.Sprintf("the disk was full for %.0f s", free.Sub(full).Seconds())
}

// fillFile writes until there is no room.
func fillFile(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	for block := make([]byte, 512); ; {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}

// clusterHouse is three servers, with every stream on all of them.
func clusterHouse(t *testing.T) *House {
	env := environment(t)
	return furnish(t, program(t), env, topology(3), newCluster(t, program(t))...)
}

// killLeader kills the server that leads the captures' stream, and starts it again when another leads.
func killLeader(t *testing.T, h *House) string {
	h.NewCrew(2, "--profile", "cluster")
	n := h.during(steady(t, *captures, *duration), often(1), func(int) {
		leader := h.leader()
		leader.Kill()
		waitFor(t, "another leader", func() bool { return h.leader() != leader })
		leader.Start(t)
		waitFor(t, "all three to be level", h.level)
	})
	return times(n, "the leader was killed")
}

// leader is the server that leads the captures' stream.
func (h *House) leader() *NATS {
	h.t.Helper()
	name := ""
	h.ask("the leader", func(ctx context.Context) error {
		stream, err := h.js.Stream(ctx, h.topology.Captures.Name)
		if err != nil {
			return err
		}
		if cluster := stream.CachedInfo().Cluster; cluster != nil {
			name = cluster.Leader
		}
		if name == "" {
			return fmt.Errorf("the stream has none")
		}
		return nil
	})
	for _, s := range h.Servers {
		if s.Name == name {
			return s
		}
	}
	h.t.Fatalf("the leader is %q, which is none of ours", name)
	return nil
}

// level says whether every replica of the captures' stream has all of it.
func (h *House) level() bool {
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Second)
	defer cancel()
	stream, err := h.js.Stream(ctx, h.topology.Captures.Name)
	if err != nil || stream.CachedInfo().Cluster == nil || len(stream.CachedInfo().Cluster.Replicas) != 2 {
		return false
	}
	for _, replica := range stream.CachedInfo().Cluster.Replicas {
		if replica.Offline || !replica.Current {
			return false
		}
	}
	return true
}
