package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station"
)

// runFetch runs foxhunt fetch, into a folder of its own unless told another, and returns the names of what that holds then.
func (h *house) runFetch(t testing.TB, args ...string) (files []string, out, log string, err error) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "made")
	if i := slices.Index(args, "--out"); i >= 0 {
		folder = args[i+1]
	}
	var stdout, stderr syncBuffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	root := newRoot()
	root.SetArgs(append([]string{"fetch", "--nats", h.server.ClientURL(), "--out", folder}, args...))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(ctx)
	entries, _ := os.ReadDir(folder) // none if it was not made
	for _, e := range entries {
		files = append(files, e.Name())
	}
	return files, stdout.String(), stderr.String(), err
}

// small is a capture of some receivers.
func small(stations ...string) *messages.Capture {
	c := &messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Frequency: 77500, Event: "e", Session: "s", Cache: true}
	for i, id := range stations {
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: id, Latitude: 46.5 + float64(i), Longitude: 8.75, Altitude: 100, StartTime: 1597301540_123456789 + int64(i)*41_003, ClockSigma: 120.5,
			SampleRate: 12001.123456 + float64(i), Gain: 3, Format: messages.CI16, IQ: bytes.Repeat([]byte{byte(i), 1, 2, 3}, 500+i),
		})
	}
	return c
}

// What is published, fetched and published again is the same capture, and fetching it takes it from nobody.
func TestFetchRoundTrip(t *testing.T) {
	p := newPublishing(t)
	h := p.house
	first := small("HB9ODP", "JO51xl", "pa0rdt")
	h.publish(t, captureSubject("dcf", "dcf77"), encode(t, first))
	for i, args := range [][]string{{"1"}, {"1", "--archive"}} {
		files, out, log, err := h.runFetch(t, append(args, "--out", fmt.Sprint("round", i))...)
		if err != nil || log != "" || len(files) != 6-3*i || !strings.Contains(out, "3 recordings of 1 captures were written to round") {
			t.Fatalf("%v: %v %v\n%s%s", args, files, err, out, log)
		}
		want := first.ID + "_HB9ODP.sigmf"
		if !strings.HasPrefix(files[0], want) || !strings.Contains(out, filepath.Join(fmt.Sprint("round", i), want)) {
			t.Errorf("it wrote %v and says\n%s", files, out)
		}
		for k := range files {
			files[k] = filepath.Join(fmt.Sprint("round", i), files[k])
		}
		if err := os.Remove("stations.yaml"); i == 0 && err != nil { // the files say where the stations are
			t.Fatal(err)
		}
		if err := p.run(t.Context(), append([]string{"--bundle", "x"}, files...)...); err != nil {
			t.Fatal(err)
		}
		again := p.stored(t, uint64(i)+2)
		again.ID = first.ID
		got, err := again.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		want2, err := first.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want2) {
			t.Errorf("it came back as\n%+v, was\n%+v", again, first)
		}
	}
	if n := h.stored(t, jetstream.StreamCaptures); n != 3 {
		t.Errorf("%d captures wait, want 3", n)
	}
}

func TestFetchChooses(t *testing.T) {
	h := newHouse(t)
	var ids []string
	for i := range 9 {
		c := small("A")
		h.publish(t, captureSubject("net", fmt.Sprint("s", i%3)), encode(t, c))
		ids = append(ids, c.ID)
	}
	stream, err := h.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	for _, sequence := range []uint64{5, 9} { // finished by a worker
		if err := stream.DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"--all": "1 2 3 4 6 7 8", "--last 3": "6 7 8", "--last 100": "1 2 3 4 6 7 8", "--subject captures.net.s1": "2 8", "--subject captures.net.*": "1 2 3 4 6 7 8",
		"--subject captures.net.s1 --last 1": "8", "--subject captures.net.s2 --last 1": "6", "--subject captures.net.s0 --last 2": "4 7",
		"--subject captures.net.s2 --last 9": "3 6", "--subject captures.none.>": "", "8 2": "8 2", "--subject captures.none.> --last 2": "",
	} {
		files, out, log, err := h.runFetch(t, append(strings.Fields(args), "--archive", "--json")...)
		if err != nil || log != "" {
			t.Errorf("fetch %s: %v %s", args, err, log)
			continue
		}
		var got []string
		for line := range strings.Lines(out) {
			var v fetchedValue
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(v.Number))
			if v.Capture != ids[v.Number-1] || v.Station != "A" || v.Seconds < 0.041 || v.Bytes != 2000 || !slices.Contains(files, filepath.Base(v.File)) {
				t.Errorf("fetch %s says %+v, and wrote %v", args, v, files)
			}
		}
		if strings.Join(got, " ") != want || len(files) != len(got) {
			t.Errorf("fetch %s fetches %v; want %s", args, got, want)
		}
	}
	_, out, log, err := h.runFetch(t, "5", "6")
	if err == nil || !strings.Contains(err.Error(), "1 recordings of 1 captures were written") || !strings.Contains(log, "there is no capture 5") || !strings.Contains(out, "captures.net.s2") {
		t.Errorf("of one that is gone: %v\n%s%s", err, out, log)
	}
}

func TestFetchRefusals(t *testing.T) {
	h := newHouse(t)
	for args, words := range map[string]string{
		"":                             "no captures are chosen",
		"--last -1":                    "last is -1",
		"7 --last 2":                   "numbers and --last",
		"--reason bad_rate":            "add --dead",
		"--newer 1h":                   "add --dead",
		"--dead":                       "no dead letters are chosen",
		"--dead x":                     "is no dead letter",
		"7 --subject captures.>":       "numbers and --subject",
		"x":                            `"x" is no capture`,
		"--subject captures..x":        "no NATS subject",
		"--dead --older 1h --newer 1m": "nothing is older",
	} {
		if _, _, _, err := h.runFetch(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("fetch %s: %v; want %q", args, err, words)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	writeText(t, file, "")
	if _, _, _, err := h.runFetch(t, "--all", "--out", filepath.Join(file, "x")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("into a file: %v", err)
	}
}

// Nothing is overwritten unless that is asked for.
func TestFetchTwice(t *testing.T) {
	h, folder := newHouse(t), t.TempDir()
	h.publish(t, captureSubject("net", "b"), encode(t, small("A", "B")))
	h.publish(t, captureSubject("net", "b"), encode(t, small("A")))
	if _, _, _, err := h.runFetch(t, "1", "--out", folder); err != nil {
		t.Fatal(err)
	}
	files, out, log, err := h.runFetch(t, "--all", "--out", folder)
	if err == nil || !strings.Contains(err.Error(), "1 recordings of 1 captures were written") || !strings.Contains(err.Error(), "2 were not") || len(files) != 6 ||
		strings.Count(log, "is left as it is") != 2 {
		t.Errorf("again: %v, %v\n%s%s", files, err, out, log)
	}
	if files, _, log, err = h.runFetch(t, "--all", "--out", folder, "--force"); err != nil || len(files) != 6 || log != "" {
		t.Errorf("with --force: %v, %v\n%s", files, err, log)
	}
}

func TestFetchDead(t *testing.T) {
	h := newHouse(t)
	body := h.buryFour(t)
	folder := t.TempDir()
	files, out, log, err := h.runFetch(t, "--dead", "--reason", "bad_rate", "--out", folder)
	if err != nil || log != "" || len(files) == 0 || !strings.Contains(out, "bad_rate") {
		t.Fatalf("%v, %v\n%s%s", files, err, out, log)
	}
	capture, _ := messages.Peek(body)
	if len(files) != 2*len(capture.Receivers) {
		t.Errorf("%d receivers became %v", len(capture.Receivers), files)
	}
	meta, err := os.ReadFile(filepath.Join(folder, capture.ID+"_"+capture.Receivers[0].Station+".sigmf-meta"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{`"foxhunt:reason": "bad_rate"`, `"foxhunt:sentence": "rx[1].rate is 0; want 1 kHz to 100 MHz"`, `"foxhunt:network": "net"`, `"foxhunt:source": "bundle"`} {
		if !strings.Contains(string(meta), words) {
			t.Errorf("the metadata are\n%s\nwant %s", meta, words)
		}
	}
	for args, numbers := range map[string]string{"--dead --last 1 --station b": "4", "--dead 1": "1", "--dead --subject captures.net.bundle": "1"} {
		_, out, log, err := h.runFetch(t, strings.Fields(args)...)
		if err != nil || log != "" || !strings.Contains(out, "\n"+numbers+" ") {
			t.Errorf("fetch %s: %v\n%s%s", args, err, out, log)
		}
	}
	_, _, log, err = h.runFetch(t, "--dead", "3", "99")
	if err == nil || !strings.Contains(log, "3 has no receiver that can be read: truncated") || !strings.Contains(log, "there is no dead letter 99") {
		t.Errorf("of what cannot be read: %v\n%s", err, log)
	}
	if n := h.stored(t, jetstream.StreamDead); n != 4 {
		t.Errorf("%d dead letters are left, want 4", n)
	}
}

// A stranger's capture writes files nowhere but where it is asked for, and nothing that acts on a terminal.
func TestFetchOfTheHostile(t *testing.T) {
	h := newHouse(t)
	const evil = "../../x\x1b[2J/\u202e\""
	h.bury(t, &messages.DeadLetter{Subject: "captures.a.b.c" + evil, Reason: evil, Sentence: evil, Body: wire(t, fields{
		"id": evil, "event": strings.Repeat(evil, 100), "freq": math.NaN(), "rx.station": evil, "rx.rate": math.Inf(1), "rx.lat": math.NaN(), "rx.t0": int64(math.MaxInt64)})},
		&messages.DeadLetter{Subject: "captures.net.a", Reason: "bad_format", Sentence: "no", Body: wire(t, fields{"rx.fmt": evil})})
	above := t.TempDir()
	folder := filepath.Join(above, "a", "b", "c")
	for _, form := range []string{"--json", "--archive"} {
		files, out, log, _ := h.runFetch(t, "--dead", "--all", form, "--out", folder)
		checkPrintable(t, "fetch "+form, out+log)
		if len(files) == 0 || !slices.ContainsFunc(files, func(name string) bool { return strings.HasPrefix(name, "number1_rx") }) {
			t.Errorf("it wrote %v\n%s%s", files, out, log)
		}
	}
	entries, err := os.ReadDir(above)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the folder there is %v, %v", entries, err)
	}
}

// SigMF files publish without a stations file where they say their place, and not otherwise.
func TestPublishSigMFWithoutStations(t *testing.T) {
	p := newPublishing(t)
	if err := os.Remove("stations.yaml"); err != nil {
		t.Fatal(err)
	}
	write := func(name, place string) {
		p.write(t, name+".sigmf-meta", []byte(`{"global": {"core:datatype": "cu8", "core:version": "1.0.0", "core:sample_rate": 10000`+place+`},
			"captures": [{"core:sample_start": 0, "core:frequency": 98.1e6, "core:datetime": "2026-03-01T12:00:00.25Z"},
			             {"core:sample_start": 15000, "core:datetime": "2026-03-01T12:00:05Z", "core:frequency": 98.1e6}]}`))
		p.write(t, name+".sigmf-data", bytes.Repeat([]byte{128}, 40000)) // 2 s
	}
	write("north", `, "core:geolocation": {"type": "Point", "coordinates": [8.5, 46.5]}`)
	write("south", "")
	if err := p.run(t.Context(), "--length", "500ms", "north.sigmf-data", "north.sigmf-meta"); err != nil {
		t.Fatal(err)
	}
	if c := p.stored(t, 1); c.Receivers[0].Station != "north" || c.Receivers[0].Latitude != 46.5 || c.Frequency != 98.1e6 {
		t.Errorf("%s at %g, %g Hz", c.Receivers[0].Station, c.Receivers[0].Latitude, c.Frequency)
	}
	if log := p.log.String(); !strings.Contains(log, "5,000 of 20,000 samples left out: other segments; --segment chooses one") || strings.Count(log, "left out") != 1 {
		t.Errorf("it says %s", log)
	}
	if err := p.run(t.Context(), "--segment", "2", "--length", "500ms", "B=north.sigmf-meta"); err != nil {
		t.Fatal(err)
	}
	if rx := p.stored(t, 3).Receivers[0]; rx.Station != "B" || rx.StartTime%1e9 != 0 || rx.Samples() != 5000 {
		t.Errorf("%s from %v with %d samples", rx.Station, messages.Instant(rx.StartTime), rx.Samples())
	}
	if err := p.run(t.Context(), "north.sigmf-meta", "south.sigmf-meta"); !os.IsNotExist(err) {
		t.Errorf("without a place: %v", err)
	}
	if err := p.run(t.Context(), "--stations", "mine.yaml", "north.sigmf-meta"); !os.IsNotExist(err) {
		t.Errorf("with a stations file that is named and not there: %v", err)
	}
	var ref *messages.Refusal
	if err := p.run(t.Context(), "--segment", "3", "north.sigmf-meta"); !errors.As(err, &ref) || ref.Code != station.CodeBadSigMF {
		t.Errorf("of no such segment: %v", err)
	}
}
