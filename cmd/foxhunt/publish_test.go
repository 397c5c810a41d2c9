package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// publishing is publish as a test calls it: over its command line, in a folder with a stations file.
type publishing struct {
	house    *house
	folder   string
	out, log syncBuffer
}

func newPublishing(t *testing.T) *publishing {
	t.Helper()
	p := &publishing{house: newHouse(t), folder: t.TempDir()}
	p.write(t, "stations.yaml", []byte("- {id: A, lat: 45, lon: 7}\n- {id: B, lat: 46, lon: 7, sigma: 40}\n- {id: C, lat: 45, lon: 8}\n"))
	t.Chdir(p.folder)
	return p
}

func (p *publishing) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run publishes for network test, and forgets what it wrote before.
func (p *publishing) run(ctx context.Context, args ...string) error {
	p.out, p.log = syncBuffer{}, syncBuffer{}
	root := newRoot()
	root.SetArgs(append([]string{"publish", "--nats", p.house.server.ClientURL(), "--network", "test"}, args...))
	root.SetOut(&p.out)
	root.SetErr(&p.log)
	return root.ExecuteContext(ctx)
}

// stored is the capture that the stream holds under a sequence number.
func (p *publishing) stored(t *testing.T, sequence uint64) *messages.Capture {
	t.Helper()
	stream, err := p.house.js.Stream(t.Context(), "CAPTURES")
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	var c messages.Capture
	if err := c.Decode(message.Data); err != nil {
		t.Fatal(err)
	}
	return &c
}

// rawFlags are what raw files need.
var rawFlags = []string{"--format", "cu8", "--rate", "10000", "--freq", "1e6"}

func TestPublishBundleOfRawFiles(t *testing.T) {
	p := newPublishing(t)
	for _, name := range []string{"1.raw", "2.raw", "A=3.raw"} {
		p.write(t, name, bytes.Repeat([]byte{128}, 40000)) // 2 s
	}
	err := p.run(t.Context(), append(rawFlags, "--bundle", "x", "--station", "C", "--t0", "2026-03-01T12:00:00.25003Z",
		"B=1.raw", "A=2.raw@2026-03-01T12:00:00.500000001Z", "./A=3.raw")...)
	if err != nil {
		t.Fatal(err)
	}
	c := p.stored(t, 1)
	want := map[string]string{"B": "2026-03-01T12:00:00.50003Z", "A": "2026-03-01T12:00:00.500000001Z", "C": "2026-03-01T12:00:00.50003Z"}
	for _, r := range c.Receivers {
		at, err := time.Parse(time.RFC3339Nano, want[r.Station])
		if err != nil || r.StartTime != at.UnixNano() {
			t.Errorf("%s starts at %v, want %v", r.Station, messages.Instant(r.StartTime), want[r.Station])
		}
		delete(want, r.Station)
	}
	if len(want) > 0 {
		t.Errorf("the capture lacks %v", want)
	}
}

// kiwiRecording is a KiwiSDR recording of some blocks of 512 samples at 12 kHz, of which one is lost after each of gaps.
func kiwiRecording(blocks int, gaps ...int) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00")
	b = binary.LittleEndian.AppendUint32(b, 12000)
	b = append(b, 0, 0, 0, 0, 4, 0, 16, 0)
	sample := uint64(0)
	for i := range blocks {
		ns := 370358_000_000_000 + sample*1e9/12000 // of the GPS week
		b = append(b, "kiwi\x0a\x00\x00\x00\x01\x00"...)
		b = binary.LittleEndian.AppendUint32(b, uint32(ns/1e9))
		b = binary.LittleEndian.AppendUint32(b, uint32(ns%1e9))
		b = append(b, "data\x00\x08\x00\x00"...)
		b = append(b, make([]byte, 2048)...)
		sample += 512
		if slices.Contains(gaps, i) {
			sample += 512
		}
	}
	return b
}

func TestPublishSaysWhatItLeavesOut(t *testing.T) {
	p := newPublishing(t)
	const gap, whole = "20200813T065220Z_77500_A_iq.wav", "20200813T065220Z_77500_B_iq.wav"
	p.write(t, gap, kiwiRecording(100, 39))
	p.write(t, whole, kiwiRecording(101))
	if err := p.run(t.Context(), "--bundle", "x", gap, whole); err != nil {
		t.Fatal(err)
	}
	want := gap + ": 20,480 of 51,200 samples left out: a gap or stale timestamps\n"
	if log := p.log.String(); !strings.Contains(log, want) || strings.Contains(log, whole) {
		t.Errorf("publish says %q, want %q", log, want)
	}
}

func TestWithCommas(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 31232: "31,232", 1440000: "1,440,000"} {
		if got := withCommas(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}

func TestParseRecordingArgument(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("me@home.raw", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const at = 1597301540_500_000_000
	for text, want := range map[string]recordingArgument{
		"a.wav":                                 {"", "a.wav", 0},
		"A=a.wav":                               {"A", "a.wav", 0},
		"A=b=c.wav":                             {"A", "b=c.wav", 0},
		"./A=b.wav":                             {"", "./A=b.wav", 0},
		"a.wav@2020-08-13T06:52:20.5Z":          {"", "a.wav", at},
		"A=x/a.wav@2020-08-13T08:52:20.5+02:00": {"A", "x/a.wav", at},
		"A=me@home.raw":                         {"A", "me@home.raw", 0},
		"me@home.raw@2020-08-13T06:52:20.5Z":    {"", "me@home.raw", at},
		"me@home/none.raw":                      {"", "me@home/none.raw", 0},
	} {
		if got, err := parseRecordingArgument(text); err != nil || got != want {
			t.Errorf("%s is read as %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"a.wav@2020-08-13", "A=a.wav@1969-12-31T23:59:59Z", "a.wav@2200-01-01T00:00:00Z", "a.wav@"} {
		_, err := parseRecordingArgument(text)
		if err == nil || !strings.Contains(err.Error(), "the start in "+text) || !strings.Contains(err.Error(), "for example 2020") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestPublishRefusesBeforeItConnects(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 40000))
	for words, args := range map[string][]string{
		"network is missing":                        {"--network", "", "1.raw"},
		`t0 is "noon"; want a time from 1970`:       {"--t0", "noon", "1.raw"},
		"missing_option: 1.raw does not say when":   {"A=1.raw"},
		"unknown_station: the name of 1.raw":        {"--t0", "2026-03-01T12:00:00Z", "1.raw"},
		"none.yaml":                                 {"--stations", "none.yaml", "1.raw"},
		"too_short: 5s from 0s on were asked for":   {"--bundle", "x", "--length", "5s", "A=1.raw@2026-03-01T12:00:00Z"},
		"too_short: 1.raw lasts 2s":                 {"--length", "5s", "A=1.raw@2026-03-01T12:00:00Z"},
		"2.raw: no such file":                       {"A=2.raw"},
		`the start in A=2.raw@noon is "noon"; want`: {"A=2.raw@noon"},
	} {
		err := p.run(t.Context(), append(rawFlags, args...)...)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v: error %v; want %q", args, err, words)
		}
	}
	if n := p.house.stored(t, "CAPTURES"); n != 0 {
		t.Errorf("%d captures were stored", n)
	}
}

func TestPublishAlone(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*12)) // 12 s
	if err := p.run(t.Context(), append(rawFlags, "A=1.raw@2026-03-01T12:00:00Z")...); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(p.out.String(), "stored as"); lines != 12 {
		t.Errorf("publish writes %d lines for 12 captures:\n%s", lines, p.out.String())
	}
	log := p.log.String()
	for _, want := range []string{"2 of 12 stored\n", "10 of 12 stored\n", "12 of 12 stored\n", "too_few_receivers"} {
		if !strings.Contains(log, want) {
			t.Errorf("publish says %q, want %q", log, want)
		}
	}
}

func TestPublishOfFewIsQuiet(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 40000))
	if err := p.run(t.Context(), append(rawFlags, "--sigma", "100ns", "--bundle", "x", "--t0", "2026-03-01T12:00:00Z", "A=1.raw", "B=1.raw")...); err != nil {
		t.Fatal(err)
	}
	if log := p.log.String(); log != "" {
		t.Errorf("publish says %q", log)
	}
}

// A time that nobody vouches for gives no small ellipse, and publish says so of it alone, and what to do. B's is in the stations file.
func TestPublishOfTimesNobodyVouchesFor(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 40000))
	p.write(t, "2.raw", make([]byte, 40000))
	if err := p.run(t.Context(), append(rawFlags, "--bundle", "x", "--t0", "2026-03-01T12:00:00Z", "A=1.raw", "B=2.raw")...); err != nil {
		t.Fatal(err)
	}
	if log := p.log.String(); strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "1.raw: nothing says how good its time is: it is taken for ±289ms, too little known for a fix; state it with --sigma") {
		t.Errorf("publish says %q", log)
	}
	if rx := p.stored(t, 1).Receivers; rx[0].ClockSigma < 288e6 || rx[1].ClockSigma != 40 {
		t.Errorf("the captures state %g and %g ns", rx[0].ClockSigma, rx[1].ClockSigma)
	}
}

// A stop on the way is no success, and says how far publish came.
func TestPublishInterrupted(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*3))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	root := newRoot()
	root.SetArgs(append([]string{"publish", "--nats", p.house.server.ClientURL(), "--network", "test", "A=1.raw@2026-03-01T12:00:00Z"}, rawFlags...))
	root.SetOut(writerFunc(func([]byte) { cancel() })) // once the first is stored
	root.SetErr(&p.log)
	err := root.ExecuteContext(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "1 of 3 captures are known to be stored: ") {
		t.Errorf("an interrupted publish ends with %v", err)
	}
	if n := p.house.stored(t, "CAPTURES"); n != 1 {
		t.Errorf("%d captures were stored", n)
	}
}

// writerFunc is called with what is written.
type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

// Captures that were refused are counted, and the command fails.
func TestPublishCountsWhatWasRefused(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*3))
	err := p.run(t.Context(), append(rawFlags, "--network", "not a token", "A=1.raw@2026-03-01T12:00:00Z")...)
	if err == nil || !strings.HasPrefix(err.Error(), "3 of 3 captures were not stored: bad_subject") || exitCode(err) != 1 || !strings.Contains(p.log.String(), "capture 3/3 was not stored: bad_subject") {
		t.Errorf("error %v after %q", err, p.log.String())
	}
}

func TestReportsAfter(t *testing.T) {
	for _, c := range []struct {
		total   int
		watched bool
		want    int
	}{{1, false, 0}, {5, false, 0}, {1, true, 1}, {5, true, 5}, {6, false, 6}, {10, false, 10}, {11, false, 6}, {300, true, 10}, {3607, false, 10}} {
		reports := 0
		for done := 1; done <= c.total; done++ {
			if reportsAfter(done, c.total, c.watched) {
				reports++
			}
		}
		if reports != c.want || (reports > 0 && !reportsAfter(c.total, c.total, c.watched)) {
			t.Errorf("%d captures, watched %v: %d reports, want %d, the last at the end", c.total, c.watched, reports, c.want)
		}
	}
}
