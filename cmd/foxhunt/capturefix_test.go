package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
)

// TestCaptureIsLocated has three stations, each with a receiver of its own, asked for a capture, which meet in a worker: the fix
// is of that request, and where the signal comes to all of them at once.
func TestCaptureIsLocated(t *testing.T) {
	h := newHouse(t)
	h.startWorker(t, "--network-propagation-error", "ring=1us")
	samples := noise(48_000 * 60)
	start := time.Now().UTC()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for i, place := range []struct{ lat, lon float64 }{{50.27, 9}, {49.865, 9.36}, {49.865, 8.64}} {
		file := filepath.Join(t.TempDir(), "recording.raw")
		if err := os.WriteFile(file, samples, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"station", "--nats", h.server.ClientURL(), "--network", "ring", "--id", fmt.Sprint("R", i), "--lat", fmt.Sprint(place.lat), "--lon", fmt.Sprint(place.lon),
			"--format", "cu8", "--rate", "48000", "--freq", "145.5e6", "--t0", start.Format(time.RFC3339Nano), "--realtime", "--sigma", "1us", "--every", "0", "--on-request",
			"--spool", t.TempDir(), "--log-level", "error", file}
		go func() { _, err := command(ctx, args...); ended <- err }()
	}
	defer func() {
		cancel()
		for range 3 {
			<-ended // stopped in the middle of a recording; what it made of it is not asked here
		}
	}()
	var result captureResult
	ask := func(more ...string) error {
		result = captureResult{}
		out, err := command(t.Context(), append([]string{"capture", "--nats", h.server.ClientURL(), "--network", "ring", "--freq", "145.5e6", "--at", "+1s", "--length", "500ms",
			"--timeout", "700ms", "--json"}, more...)...)
		return cmp.Or(err, json.Unmarshal([]byte(out), &result))
	}
	waitFor(t, "three stations that listen, and whose samples come", func() bool {
		refused := func(a *messages.Answer) bool { return !a.Accepted }
		return ask() == nil && len(result.Answers) == 3 && !slices.ContainsFunc(result.Answers, refused)
	})
	waitFor(t, "their fix", func() bool {
		return ask("--wait", "20s") == nil && len(result.Answers) == 3 && len(result.Fix.Receivers) == 3
	})
	for _, a := range result.Answers {
		if !a.Accepted || a.SampleRate != 48000 || a.ClockSigma != 1000 {
			t.Errorf("answer %+v", a)
		}
	}
	fix := result.Fix
	if fix.Event != result.Request.Event || fix.Network != "ring" || fix.Source != eventSource {
		t.Errorf("the fix is of %q, %s/%s", fix.Event, fix.Network, fix.Source)
	}
	off, _, _ := geo.Inverse(geo.Position{Latitude: 50, Longitude: 9}, geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude})
	if off > 5e3 {
		t.Errorf("the fix is %.0f m from where the signal comes to all at once, %+v", off, fix.Position)
	}
}
