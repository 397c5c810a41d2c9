package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/fitness"
	"foxhunt/station/receiver"
)

// noise is so many samples of cu8, some -20 dBFS strong.
func noise(samples int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	iq := make([]byte, 2*samples)
	for i := range iq {
		iq[i] = byte(min(max(127.5+random.NormFloat64()*9, 0), 255))
	}
	return iq
}

func checkRecording(t *testing.T, more ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "noise.raw")
	if err := os.WriteFile(file, noise(96_000), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"station", "--check", "--network", "dcf", "--id", "ST1", "--lat", "50", "--lon", "9", "--format", "cu8", "--rate", "48000", "--freq", "77500", "--t0", "2026-01-01T00:00:00Z"}
	return command(t.Context(), append(append(args, more...), file)...)
}

// TestStationCheck judges a recording by the time that it states, and says with its exit code what it found.
func TestStationCheck(t *testing.T) {
	out, err := checkRecording(t, "--sigma", "300ns")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"2s of cu8 samples from recording", "rate              ok", "48000 Hz nominal, measured +0.0 ppm", "level             ok", "time differences  ok       yes: the samples' times are known to ±300ns, which is 90 m",
		"±20µs of path (the workers' default at 0.0775 MHz), and what the signal leaves", "Fit for time differences. Expect ellipses of some 12 km and more"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing from\n%s", want, out)
		}
	}
	if strings.Contains(out, "nats") {
		t.Errorf("NATS was not to be asked:\n%s", out)
	}
	out, err = checkRecording(t, "--sigma", "10ms", "--json")
	var report fitness.Report
	if bad := json.Unmarshal([]byte(out), &report); bad != nil || err == nil || exitCode(err) != 1 || report.Fit || report.Metres < 2.9e6 || report.Metres > 3.1e6 {
		t.Errorf("%v, %v: %s", err, bad, out)
	}
}

// TestStationCheckDCF77: what is expected of each of the real stations is what all of their fixes have, 11.6 to 13.4 km, rather than what
// the spectrum of a filtered recording seems to promise.
func TestStationCheckDCF77(t *testing.T) {
	files := recordings(t)
	if len(files) == 0 {
		t.Skip("the recordings of DCF77 are not here; name the folder that holds dcf77-2020 in FOXHUNT_DATA")
	}
	for _, file := range files {
		out, err := command(t.Context(), "station", "--check", "--json", "--network", "dcf", "--stations", stationsFile(t), "--log-level", "error", file)
		var report fitness.Report
		if bad := json.Unmarshal([]byte(out), &report); bad != nil || err != nil {
			t.Fatalf("%v, %v: %s", err, bad, out)
		}
		if s := report.Samples; s.Bandwidth < 800 || s.Bandwidth > 1100 || s.Timing < 4e-6 || s.Timing > 7e-6 || report.Ellipse < 11e3 || report.Ellipse > 14e3 {
			t.Errorf("%s: %g Hz, %g s, an ellipse of %.0f m", file, s.Bandwidth, s.Timing, report.Ellipse)
		}
	}
}

// TestStationCheckAsksNATS: whether captures would be stored, and nothing is.
func TestStationCheckAsksNATS(t *testing.T) {
	h := newHouse(t)
	out, err := checkRecording(t, "--sigma", "300ns", "--nats", h.server.ClientURL(), "--on-request")
	if err != nil || !strings.Contains(out, "captures on captures.dcf.ST1 would be stored") || !strings.Contains(out, "those on requests.dcf are heard") {
		t.Errorf("%v\n%s", err, out)
	}
	if n := h.stored(t, "CAPTURES"); n != 0 {
		t.Errorf("%d captures are stored", n)
	}
	out, err = checkRecording(t, "--sigma", "300ns", "--nats", "")
	if err == nil || !strings.Contains(out, "nats              unfit") || !strings.Contains(out, "no NATS URL is given") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := h.js.DeleteStream(t.Context(), "CAPTURES"); err != nil {
		t.Fatal(err)
	}
	out, err = checkRecording(t, "--sigma", "300ns", "--nats", h.server.ClientURL())
	if err == nil || !strings.Contains(out, "no_stream") || !strings.Contains(out, "Not fit") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestStationCheckLive watches a pipe that is written to as a receiver does, whose delay nobody has measured.
func TestStationCheckLive(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer write.Close()
		chunk, tick := noise(4800), time.NewTicker(100*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := write.Write(chunk); err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	}()
	live, err := receiver.NewStream(read, "a pipe", receiver.Options{
		Format: messages.CU8, SampleRate: 48000, Frequency: 77500, Latency: receiver.DefaultLatency, Sigma: receiver.DefaultSigma,
	}, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	owned, err := newStationClock("1ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, stated := range []*stationClock{owned, mustClock(t)} {
		var out strings.Builder
		check := &stationCheck{receiver: live, length: 1200 * time.Millisecond, clock: stated}
		err = check.run(t.Context(), &out)
		if err == nil || !strings.Contains(out.String(), "time differences  unfit") || !strings.Contains(out.String(), "no, off by about") || !strings.Contains(out.String(), "--latency") {
			t.Errorf("%v\n%s", err, out.String())
		}
		if stated == owned && !strings.Contains(out.String(), "clock             ok       ±1ms, as you state") {
			t.Errorf("the clock is as stated:\n%s", out.String())
		}
	}
	close(stop)
	<-ended
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

func mustClock(t *testing.T) *stationClock {
	t.Helper()
	c, err := newStationClock(clockSystem)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
