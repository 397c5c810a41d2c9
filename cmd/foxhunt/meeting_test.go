package main

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// parts are a capture's receivers as captures of their own, by station.
func parts(capture *messages.Capture, event string) map[string]*messages.Capture {
	alone := map[string]*messages.Capture{}
	for _, r := range capture.Receivers {
		c := *capture
		c.Event, c.Receivers = event, []messages.Receiver{r}
		alone[r.Station] = &c
	}
	return alone
}

func stationsOf(alone map[string]*messages.Capture) []string { return slices.Sorted(maps.Keys(alone)) }

// publishParts publishes each station's capture on the station's subject.
func (h *house) publishParts(t *testing.T, network string, alone map[string]*messages.Capture) (ids map[string]string) {
	t.Helper()
	ids = map[string]string{}
	for station, c := range alone {
		h.publish(t, captureSubject(network, station), encode(t, c))
		ids[station] = c.ID
	}
	return ids
}

// TestStationsMeet has stations publish alone what they heard, to two workers of the real thing.
func TestStationsMeet(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	flags := []string{"--window", "500ms", "--min-receivers", "4"}
	process, _ := h.startWorker(t, flags...)
	h.startWorker(t, flags...)
	for name, event := range map[string]string{"by their event": "an emission", "by their times": ""} {
		capture, truth := simulated(t, 0, 1)
		if event == "" {
			capture, truth = simulated(t, 1, 2)
		}
		ids := h.publishParts(t, "demo", parts(capture, event))
		checkMet(t, name, h.nextFix(t), event, ids, truth)
	}
	h.waitUntilEmpty(t)

	capture, _ := simulated(t, 0, 3)
	alone := parts(capture, "few")
	one, late := stationsOf(alone)[0], alone[stationsOf(alone)[1]]
	h.publishParts(t, "demo", map[string]*messages.Capture{one: alone[one]})
	if letter := h.nextDead(t); letter.Reason != "too_few_receivers" {
		t.Errorf("of an event with too few: %s %s", letter.Reason, letter.Sentence)
	}
	late.Event = "an emission"
	h.publishParts(t, "demo", map[string]*messages.Capture{"Zzz": renamed(late, "Zzz")})
	if letter := h.nextDead(t); letter.Reason != "late" {
		t.Errorf("after the fix: %s %s", letter.Reason, letter.Sentence)
	}
	h.waitUntilEmpty(t)
	if n, ok := metric(t, process.http.address(), `foxhunt_events_total{network="demo",outcome="partial"}`); ok && n > 2 {
		t.Errorf("%v events were partial", n)
	}
}

func renamed(c *messages.Capture, station string) *messages.Capture {
	c.Receivers = slices.Clone(c.Receivers)
	c.Receivers[0].Station = station
	return c
}

// TestRosterIsWaitedFor: with a roster nobody waits for a window.
func TestRosterIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	capture, truth := simulated(t, 0, 1)
	alone := parts(capture, "")
	h.startWorker(t, "--networks", rosterFile(t, "demo", alone))
	ids := h.publishParts(t, "demo", alone)
	checkMet(t, "a roster", h.nextFix(t), "", ids, truth)
	h.waitUntilEmpty(t)
}

// TestLettersAtOnce: the captures of an event that is refused are dead letters when the window ends, whenever the server would have
// delivered those of which nobody says anything again; and no worker is taken to have any in hand.
func TestLettersAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	flags := []string{"--window", "500ms", "--min-receivers", "4", "--ack-wait", "1h"}
	h.startWorker(t, flags...)
	h.startWorker(t, flags...)
	capture, _ := simulated(t, 0, 1)
	alone := parts(capture, "few")
	delete(alone, stationsOf(alone)[0])
	h.publishParts(t, "demo", alone)
	subjects := map[string]int{}
	for range alone {
		letter := h.nextDead(t)
		if subjects[letter.Subject]++; letter.Reason != "too_few_receivers" || subjects[letter.Subject] > 1 {
			t.Errorf("%s: %s %s", letter.Subject, letter.Reason, letter.Sentence)
		}
	}
	h.waitUntilEmpty(t)
	waitFor(t, "none in flight", func() bool {
		lag, err := h.conn.Lag(t.Context(), jetstream.DefaultTopology(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return lag.InFlight == 0 && lag.Dead == 0
	})
	if n := h.stored(t, jetstream.StreamDead); n != len(alone) {
		t.Errorf("%d dead letters of %d captures", n, len(alone))
	}
}

// TestImpossiblePlaces: a place that cannot be is that station's own fault, on its own subject, and the others have their fix. Stations
// at one place are none, unless all stand there, and one that is far off is the model's to leave out.
func TestImpossiblePlaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--window", "500ms", "--min-receivers", "3")
	publish := func(event string, seed uint64, move func(r []messages.Receiver)) {
		capture, _ := simulated(t, 0, seed)
		move(capture.Receivers)
		h.publishParts(t, "demo", parts(capture, event))
	}
	to := func(r *messages.Receiver, from messages.Receiver) {
		r.Latitude, r.Longitude, r.Altitude = from.Latitude, from.Longitude, from.Altitude
	}
	for event, move := range map[string]func(r []messages.Receiver){
		"two at one place": func(r []messages.Receiver) { to(&r[3], r[0]) },
		"three at one":     func(r []messages.Receiver) { to(&r[3], r[0]); to(&r[2], r[0]) },
		"one far off":      func(r []messages.Receiver) { r[3].Latitude, r[3].Longitude = -r[3].Latitude, r[3].Longitude-180 },
	} {
		publish(event, 1, move)
		if fix := h.nextFix(t); fix.Event != event || len(fix.Receivers) != 4 {
			t.Errorf("%s: a fix of %q with %d receivers", event, fix.Event, len(fix.Receivers))
		}
	}

	capture, _ := simulated(t, 0, 2)
	alone := parts(capture, "one nowhere")
	last := alone[capture.Receivers[3].Station]
	delete(alone, last.Receivers[0].Station)
	h.publish(t, captureSubject("demo", last.Receivers[0].Station), atLatitude(t, encode(t, last), last.Receivers[0].Latitude, 91))
	h.publishParts(t, "demo", alone)
	if letter := h.nextDead(t); letter.Reason != "bad_position" || letter.Subject != captureSubject("demo", last.Receivers[0].Station) {
		t.Errorf("a place that cannot be: %s of %s", letter.Reason, letter.Subject)
	}
	if fix := h.nextFix(t); fix.Event != "one nowhere" || len(fix.Receivers) != 3 {
		t.Errorf("beside it there is a fix of %q with %d receivers", fix.Event, len(fix.Receivers))
	}

	publish("all at one place", 3, func(r []messages.Receiver) {
		for i := range r {
			to(&r[i], r[0])
		}
	})
	for range 4 { // at once, and not when each comes back
		if letter := h.nextDead(t); letter.Reason != "no_baseline" {
			t.Errorf("all at one place: %s %s", letter.Reason, letter.Sentence)
		}
	}
	h.waitUntilEmpty(t)
}

// atLatitude writes another latitude into a capture that is encoded: what may not be is not encoded.
func atLatitude(t *testing.T, data []byte, latitude, other float64) []byte {
	t.Helper()
	was, is := binary.BigEndian.AppendUint64(nil, math.Float64bits(latitude)), binary.BigEndian.AppendUint64(nil, math.Float64bits(other))
	if bytes.Count(data, was) != 1 {
		t.Fatal("the capture's latitude is not to be found")
	}
	return bytes.Replace(data, was, is, 1)
}

func checkMet(t *testing.T, name string, fix *messages.Fix, event string, ids map[string]string, truth *messages.Truth) {
	t.Helper()
	if fix.Source != messages.EventSource || fix.Event != event || len(fix.Receivers) != len(ids) {
		t.Errorf("%s: a fix of %s, event %q, with %d receivers", name, fix.Source, fix.Event, len(fix.Receivers))
	}
	for _, r := range fix.Receivers {
		if ids[r.Station] != r.CaptureID {
			t.Errorf("%s: %s has capture %s, want %s", name, r.Station, r.CaptureID, ids[r.Station])
		}
	}
	there := geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude}
	east, north := geo.Offset(geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}, there)
	if off := math.Hypot(east, north); off > 1.5*fix.Uncertainty.SemiMajor {
		t.Errorf("%s: the fix is %.0f m off, the ellipse %.0f m long", name, off, fix.Uncertainty.SemiMajor)
	}
}

// TestGatewayEvent: samples that state an event meet, each request has the fix, and each capture's id finds it later.
func TestGatewayEvent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	capture, _ := simulated(t, 0, 1)
	alone := parts(capture, "over HTTP")
	h.startWorker(t, "--window", "10m", "--networks", rosterFile(t, "demo", alone))
	g := h.startGateway(t)
	var mu sync.Mutex
	var asking sync.WaitGroup
	answers := map[string]*answer{}
	for station, c := range alone {
		asking.Go(func() {
			request := jsonOf(t, c)
			a := g.predict(t, request)
			mu.Lock()
			defer mu.Unlock()
			answers[station] = a
		})
	}
	asking.Wait()
	ids := map[string]bool{}
	for station, a := range answers {
		if a.status != http.StatusOK || len(a.Fix.Receivers) != len(alone) {
			t.Fatalf("%s: %d %s", station, a.status, a.body)
		}
		ids[a.Fix.CaptureID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the answers are of fixes %v", ids)
	}
	for _, r := range answers[stationsOf(alone)[0]].Fix.Receivers {
		a := g.ask(t, http.MethodGet, "/api/v1/fixes/"+r.CaptureID+"?network=demo&source="+r.Station, "", nil)
		if a.status != http.StatusOK || !ids[a.Fix.CaptureID] {
			t.Errorf("the fix of %s's capture: %d %s", r.Station, a.status, a.body)
		}
	}
}

// rosterFile has the stations of a network.
func rosterFile(t *testing.T, network string, alone map[string]*messages.Capture) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "networks.yaml")
	writeFile(t, file, []byte(network+": {window: 10m, stations: ["+strings.Join(stationsOf(alone), ", ")+"]}\n"))
	return file
}

func TestMeetingOptions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "networks.yaml")
	writeFile(t, file, []byte("dcf: {windows: 5s}\n"))
	for words, args := range map[string][]string{
		"guard is 5s":        {"--guard", "5s"},
		"window is 0s":       {"--window", "0s"},
		"min_receivers is 1": {"--min-receivers", "1"},
		"windows":            {"--networks", file},
		"networks: open":     {"--networks", file + "x"},
		"slot is 1ns":        {"--slot", "1ns"},
	} {
		_, err := command(t.Context(), append([]string{"worker", "--nats", "nats://127.0.0.1:1"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v: %v; want %q", args, err, words)
		}
	}
}
