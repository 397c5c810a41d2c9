package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/station/status"
)

// liveStation runs a station of 10 kHz in this process until the test ends, and gives the address of its status page.
func liveStation(t *testing.T, flags ...string) (address string) {
	t.Helper()
	o := &stationOptions{}
	set := pflag.NewFlagSet("station", pflag.ContinueOnError)
	o.register(set)
	if err := set.Parse(append([]string{"--network", "net", "--id", "A", "--lat", "45", "--lon", "7", "--stdin", "cu8", "--rate", "10e3", "--freq", "1e6",
		"--every", "1s", "--length", "100ms", "--spool", t.TempDir(), "--listen", "127.0.0.1:0"}, flags...)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil { // unlike os.Pipe's, it blocks, as standard input does
		t.Fatal(err)
	}
	samples, feed := os.NewFile(uintptr(ends[0]), "stdin"), os.NewFile(uintptr(ends[1]), "rtl_sdr")
	var fed, ended = make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(fed)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		began, given := time.Now(), time.Duration(0)
		for block := bytes.Repeat([]byte{120, 140}, 100); ctx.Err() == nil; <-tick.C {
			for ; given < time.Since(began); given += 10 * time.Millisecond { // a ticker on a busy machine leaves some out
				if _, err := feed.Write(block); err != nil {
					return
				}
			}
		}
	}()
	var said syncBuffer
	go func() { ended <- o.run(ctx, nil, samples, slog.New(slog.NewTextHandler(&said, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the station ended with %v", err)
		}
		samples.Close()
		<-fed
		feed.Close()
	})
	url := regexp.MustCompile(`url=http://(\S+)/`)
	waitFor(t, "the page's address", func() bool { return url.MatchString(said.String()) })
	return url.FindStringSubmatch(said.String())[1]
}

func showing(t *testing.T, address string) (s status.Snapshot) {
	t.Helper()
	code, text := get(t, address, "/status")
	if err := json.Unmarshal([]byte(text), &s); err != nil || code != http.StatusOK {
		t.Fatalf("/status answers %d, %v: %s", code, err, text)
	}
	return s
}

// A station shows what it hears and what it publishes.
func TestStationStatus(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	server.Connect(t)
	address := liveStation(t, "--nats", server.ClientURL(), "--clock", "1ms", "--on-request")
	waitFor(t, "a capture that is sent and shown", func() bool {
		s := showing(t, address)
		return s.Spool.Sent > 0 && len(s.Recent) > 0 && s.Recent[len(s.Recent)-1].Sent && s.Receiver.Level != nil
	})
	s := showing(t, address)
	last := s.Recent[len(s.Recent)-1]
	if s.Station != "A" || s.Network != "net" || !s.NATS.Connected || s.Captures.Scheduled == 0 || s.Clock == nil || s.Clock.Sigma != time.Millisecond ||
		s.Schedule == nil || !s.Schedule.Next.After(s.Time) || s.Receiver.Samples == 0 || last.Sequence != 1 || last.PubAck <= 0 ||
		last.Length.Round(time.Millisecond) != 100*time.Millisecond || !strings.HasPrefix(last.Event, "1000000-") {
		t.Errorf("the station shows %+v", s)
	}
	if code, text := get(t, address, "/"); code != http.StatusOK || !strings.Contains(text, last.Event) {
		t.Errorf("the page answers %d: %s", code, text)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if code, text := get(t, address, path); code != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, code, text)
		}
	}
	checkScrape(t, address)
}

// checkScrape holds the station's metrics in docs/metrics.md against those that it serves.
func checkScrape(t *testing.T, address string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented, served := map[string]string{}, map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(foxhunt_receiver_[a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	_, page := get(t, address, "/metrics")
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (foxhunt_[a-z_]+) ([a-z]+)$`).FindAllStringSubmatch(page, -1) {
		served[m[1]] = m[2]
	}
	if !maps.Equal(documented, served) || len(served) == 0 {
		t.Errorf("docs/metrics.md has %v\nserved are %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(served)))
	}
	if sent, ok := metric(t, address, "foxhunt_receiver_puback_duration_seconds_count"); !ok || sent == 0 {
		t.Errorf("%g PubAcks are measured, %v", sent, ok)
	}
	if samples, ok := metric(t, address, "foxhunt_receiver_samples_total"); !ok || samples == 0 {
		t.Errorf("%g samples are counted, %v", samples, ok)
	}
}

// Without NATS a station lives and is not ready; its captures are on the disk, and the page says why.
func TestStationStatusWithoutNATS(t *testing.T) {
	t.Parallel()
	address := liveStation(t, "--nats", "nats://127.0.0.1:1")
	waitFor(t, "a capture on the disk", func() bool { return showing(t, address).Spool.Waiting > 0 })
	s := showing(t, address)
	if s.NATS.Connected || s.Recent[0].Sent || !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.Contains(p, "no connection to NATS") }) {
		t.Errorf("the station shows %+v", s)
	}
	if code, _ := get(t, address, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d, want 503", code)
	}
	if code, _ := get(t, address, "/livez"); code != http.StatusOK {
		t.Errorf("/livez answers %d, want 200", code)
	}
	if up, ok := metric(t, address, "foxhunt_receiver_connected"); !ok || up != 0 {
		t.Errorf("foxhunt_receiver_connected is %g, %v", up, ok)
	}
}
