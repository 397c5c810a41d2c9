package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/messages"
	"foxhunt/station"
	"foxhunt/station/cutter"
	"foxhunt/station/receiver"
)

// Gaps and clipping are told once in a while, with all since the last time.
func TestSampleWatch(t *testing.T) {
	var said syncBuffer
	info := receiver.Info{Kind: receiver.KindStream, Format: messages.CU8, SampleRate: 1000}
	meter := receiver.NewMeter(info)
	w := newSampleWatch(meter, info, slog.New(slog.NewTextHandler(&said, nil)))
	now := time.Now()
	add := func(value byte, lost int, after time.Duration) string {
		meter.Add(receiver.Block{IQ: []byte(strings.Repeat(string([]byte{value, value}), 2000)), Rate: 1000, NewRun: lost > 0, Lost: lost}, nil)
		now = now.Add(after)
		before := len(said.String())
		w.look(now)
		return said.String()[before:]
	}
	if text := add(120, 0, 0); text != "" {
		t.Errorf("of good samples it is said: %s", text)
	}
	if text := add(120, 500, time.Second); !strings.Contains(text, "samples were lost") || !strings.Contains(text, "samples=500 gaps=1 of=500ms") {
		t.Errorf("of a gap it is said: %s", text)
	}
	if text := add(120, 100, time.Second) + add(120, 100, time.Second); text != "" {
		t.Errorf("of the next gaps it is said at once: %s", text)
	}
	if text := add(120, 0, time.Minute); !strings.Contains(text, "samples=200 gaps=2") {
		t.Errorf("of the next gaps it is said later: %s", text)
	}
	if text := add(255, 0, time.Second); !strings.Contains(text, "clips: lower its gain") || !strings.Contains(text, "100 %") {
		t.Errorf("of clipping it is said: %s", text)
	}
	if text := add(0, 0, time.Second); text != "" {
		t.Errorf("of clipping it is said again: %s", text)
	}
}

// Places come from the flags, the stations file or the recordings.
func TestStationPlace(t *testing.T) {
	given := func(names ...string) func(string) bool {
		return func(flag string) bool { return strings.Contains(strings.Join(names, " ")+" ", flag+" ") }
	}
	recorded := []*station.Recording{{Name: "a", Station: "hb9odp", Place: &station.Place{Latitude: 1, Longitude: 2, Altitude: 3}}, {Name: "b"}}
	for _, c := range []struct {
		o    placeOptions
		want station.Station
	}{
		{placeOptions{given: given()}, station.Station{ID: "hb9odp", Latitude: 1, Longitude: 2, Altitude: 3}},
		{placeOptions{given: given("lat", "lon"), lat: 5, lon: 6, gain: 7}, station.Station{ID: "hb9odp", Latitude: 5, Longitude: 6, Gain: 7}},
		{placeOptions{given: given(), stations: stationsFile(t)}, station.Station{ID: "HB9ODP", Latitude: 46.499351, Longitude: 8.798828, Altitude: 900}},
		{placeOptions{given: given(), id: "HB9ODP"}, station.Station{ID: "HB9ODP", Latitude: 1, Longitude: 2, Altitude: 3}},
	} {
		if got, err := c.o.find(recorded); err != nil || got != c.want {
			t.Errorf("%+v: %+v, %v; want %+v", c.o, got, err, c.want)
		}
	}
	if _, err := (&placeOptions{given: given(), stations: "none.yaml", id: "A"}).find(nil); err == nil {
		t.Error("a stations file that is not there")
	}
}

// Recordings of one station are of one place, which any of them may say; what was recorded elsewhere is not believed to be from there.
func TestStationPlaceOfRecordings(t *testing.T) {
	at := func(name string, lat, lon float64) *station.Recording {
		return &station.Recording{Name: name, Station: "A", Place: &station.Place{Latitude: lat, Longitude: lon, Altitude: 250}}
	}
	unplaced := &station.Recording{Name: "m0", Station: "A"}
	flags := func(names ...string) func(string) bool {
		return func(flag string) bool { return slices.Contains(names, flag) }
	}
	for _, recordings := range [][]*station.Recording{
		{at("m1", 45, 7), unplaced}, {unplaced, at("m1", 45, 7)}, {at("m1", 45, 7), at("m2", 45.0002, 7)}, // 22 m: GNSS
	} {
		got, err := (&placeOptions{given: flags()}).find(recordings)
		if want := (station.Station{ID: "A", Latitude: 45, Longitude: 7, Altitude: 250}); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	moved := []*station.Recording{at("m1", 45, 7), unplaced, at("m2", 47, 7)}
	if _, err := (&placeOptions{given: flags()}).find(moved); err == nil || !strings.Contains(err.Error(), "m1 and m2 were recorded 222303 m apart") {
		t.Errorf("a drive: %v", err)
	}
	if got, err := (&placeOptions{given: flags("lat", "lon"), lat: 5, lon: 6}).find(moved); err != nil || got.Latitude != 5 {
		t.Errorf("a drive whose place is given: %+v, %v", got, err)
	}
	if _, err := (&placeOptions{given: flags()}).find([]*station.Recording{unplaced}); err == nil || !strings.Contains(err.Error(), "where is A?") {
		t.Errorf("no place: %v", err)
	}
}

// liveProcess is a station at standard input, into which nothing is written; it has no connection to NATS.
func liveProcess(t *testing.T) *stationProcess {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := &stationOptions{}
	set := pflag.NewFlagSet("station", pflag.ContinueOnError)
	o.register(set)
	if err := set.Parse([]string{"--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--stdin", "cu8", "--freq", "77500", "--rate", "10e3", "--spool", t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	p, err := o.process(nil, in, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.close(); in.Close(); out.Close() })
	return p
}

// smallCapture is one of station A.
func smallCapture() *messages.Capture {
	return &messages.Capture{Version: messages.CaptureVersion, Frequency: 77500, Receivers: []messages.Receiver{{
		Station: "A", Latitude: 45, Longitude: 7, StartTime: stationZero.UnixNano(), SampleRate: 10e3, Format: messages.CU8, IQ: make([]byte, 200)}}}
}

// A live station whose samples have ended does not wait for ever for a NATS that is away, and says what waits.
func TestStationLingers(t *testing.T) {
	t.Parallel()
	p := liveProcess(t)
	if p.linger != lingers {
		t.Errorf("a station lingers for %v", p.linger)
	}
	if _, err := p.spool.Put(smallCapture()); err != nil {
		t.Fatal(err)
	}
	p.linger = 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.finish(ctx, ctx) }()
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "1 captures wait in ") || !strings.HasSuffix(err.Error(), "there is no connection to NATS") || ctx.Err() != nil {
			t.Errorf("the station ends with %v", err)
		}
	case <-time.After(2 * patience):
		t.Error("the station does not end")
	}
}

// A capture that is cut when the station is to stop goes to the disk if there is a place for it.
func TestStationHandsTheLast(t *testing.T) {
	t.Parallel()
	p := liveProcess(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for range 25 { // a choice by chance would show
		for range waitingCaptures {
			if !p.hand(ctx, smallCapture()) {
				t.Fatal("a capture was given up")
			}
		}
		if p.hand(ctx, smallCapture()) {
			t.Fatal("more captures wait than may")
		}
		for range waitingCaptures {
			<-p.cut
		}
	}
}

// Captures of samples that are no numbers are an error in the end, and not clipping.
func TestStationNoNumbers(t *testing.T) {
	t.Parallel()
	nan := []byte{0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f}
	path := filepath.Join(t.TempDir(), "a.raw")
	if err := os.WriteFile(path, bytes.Repeat(nan, 30_000), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &stationOptions{}
	set := pflag.NewFlagSet("station", pflag.ContinueOnError)
	o.register(set)
	if err := set.Parse([]string{"--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--format", "cf32_le", "--freq", "77500", "--rate", "10e3",
		"--t0", stationZero.Format(time.RFC3339Nano), "--spool", t.TempDir(), "--every", "1s", "--length", "100ms", "--nats", "nats://127.0.0.1:1", path}); err != nil {
		t.Fatal(err)
	}
	p, err := o.process(set.Args(), nil, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.run(t.Context()); err == nil || !strings.Contains(err.Error(), "and 3 are such as nobody takes") {
		t.Errorf("the station ends with %v", err)
	}
	if s := p.snapshot(); s.Receiver.Clipped != 0 || s.Spool.Unfit != 3 || p.state().Unfit != 3 {
		t.Errorf("the status page says %g clipped, %d that nobody takes", s.Receiver.Clipped, s.Spool.Unfit)
	}
}

// tunable is a receiver that notes what it is tuned to.
type tunable struct {
	receiver.Receiver
	tuned chan float64
	fails bool
}

func (r *tunable) Info() receiver.Info {
	return receiver.Info{Frequency: 1e6, Tuning: 20 * time.Millisecond}
}

func (r *tunable) Tune(_ context.Context, frequency float64) error {
	r.tuned <- frequency
	if r.fails {
		return errors.New("broken")
	}
	return nil
}

// Requests of one frequency share a visit, and after the last the receiver goes home; one for the home frequency needs none.
func TestTunerPlans(t *testing.T) {
	tuner := newTuner(&tunable{}, quietLog())
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, r := range []cutter.Request{
		{Frequency: 2e6, At: at(100), Length: 50 * time.Millisecond},
		{Frequency: 2e6, At: at(120), Length: 60 * time.Millisecond},
		{Frequency: 1e6, At: at(0), Length: time.Hour},
		{Frequency: 3e6, At: at(300), Length: 50 * time.Millisecond},
	} {
		tuner.plan(r)
	}
	var visits []visit
	for len(tuner.wanted) > 0 {
		visits = append(visits, <-tuner.wanted)
	}
	for _, c := range []struct {
		at        int
		frequency float64
		next      time.Duration // ms
	}{
		{0, 1e6, 80}, {80, 2e6, 20}, {150, 2e6, 20}, {170, 2e6, 30}, {200, 1e6, 80}, {280, 3e6, 90}, {370, 1e6, 60_000},
	} {
		if frequency, next := tuner.now(&visits, at(c.at)); frequency != c.frequency || next != c.next*time.Millisecond {
			t.Errorf("at %d ms: %g Hz for %v, want %g for %v", c.at, frequency, next, c.frequency, c.next*time.Millisecond)
		}
	}
	if len(visits) != 0 {
		t.Errorf("%v are left", visits)
	}
}

// A visit begins when it is planned, and its receiver comes home when it is over.
func TestTunerVisits(t *testing.T) {
	t.Parallel()
	r := &tunable{tuned: make(chan float64, 10)}
	tuner := newTuner(r, quietLog())
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- tuner.run(ctx) }()
	tuner.plan(cutter.Request{Frequency: 2e6, At: time.Now(), Length: 2 * time.Second})
	for _, want := range []float64{2e6, 1e6} {
		select {
		case got := <-r.tuned:
			if got != want {
				t.Errorf("tuned to %g Hz, want %g", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("not tuned to %g Hz", want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A receiver that cannot be tuned is told, and the next request finds it where it is.
func TestTunerFails(t *testing.T) {
	t.Parallel()
	var said syncBuffer
	r := &tunable{tuned: make(chan float64, 10), fails: true}
	tuner := newTuner(r, slog.New(slog.NewTextHandler(&said, nil)))
	for range 30 { // more than are taken
		tuner.plan(cutter.Request{Frequency: 2e6, At: time.Now(), Length: time.Minute})
	}
	if !strings.Contains(said.String(), "too many wait") {
		t.Errorf("of too many requests it is said: %s", said.String())
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tuner.run(ctx) }()
	waitFor(t, "the warning", func() bool { return strings.Contains(said.String(), "the receiver was not tuned") })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A station whose receiver gives no samples says so rather than that its clock is perfect.
func TestStationSilent(t *testing.T) {
	t.Parallel()
	o := &stationOptions{}
	set := pflag.NewFlagSet("station", pflag.ContinueOnError)
	o.register(set)
	if err := set.Parse(append(recordingFlags(t, 10_000)[1:], "--sigma", "250ns", "--on-request")); err != nil {
		t.Fatal(err)
	}
	p, err := o.process(set.Args(), nil, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if can := p.canDo(); !can.Silent || can.ClockSigma != 0 {
		t.Errorf("before the first sample: %+v", can)
	}
	block, err := p.receiver.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.cutter.Add(block)
	if can := p.canDo(); can.Silent || can.ClockSigma != 250 {
		t.Errorf("after it: %+v", can)
	}
	seen, live := p.cutter.Meter().Read(), receiver.Info{Kind: receiver.KindRTLTCP}
	for after, want := range map[time.Duration]bool{4 * time.Second: false, time.Minute: true} {
		if now := seen.Came.Add(after); silent(live, seen, now) != want || silent(p.receiver.Info(), seen, now) {
			t.Errorf("%v later: a live receiver is silent: %t, a recording: %t", after, silent(live, seen, now), silent(p.receiver.Info(), seen, now))
		}
	}
}

// A capture's sigma is of the samples' times and of the clock, whatever either says.
func TestStationClockStates(t *testing.T) {
	c, err := newStationClock("3ms")
	if err != nil {
		t.Fatal(err)
	}
	for sigma, want := range map[float64]float64{4e6: 5e6, 2e9: messages.MaxClockSigma} {
		capture := messages.Capture{Receivers: []messages.Receiver{{ClockSigma: sigma}}}
		c.state(&capture)
		if got := capture.Receivers[0].ClockSigma; got != want {
			t.Errorf("%g and 3 ms are %g ns, want %g", sigma, got, want)
		}
	}
}
