package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// stationProgram is foxhunt station as a process: the tests' own program, which TestMain lets stand in for it.
func stationProgram(t *testing.T) *program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{path: path}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FOXHUNT_") {
			p.environment = append(p.environment, variable)
		}
	}
	return p
}

// storedCapture is a capture as the stream has it.
type storedCapture struct {
	messages.Capture
	subject, header string // the header is its number's
	id              string // the message's
}

// storedCaptures are all captures of the stream, in its order.
func storedCaptures(t *testing.T, url string) (all []storedCapture) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	state := stream.CachedInfo().State
	for n := max(state.FirstSeq, 1); n <= state.LastSeq; n++ {
		m, err := stream.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		c := storedCapture{subject: m.Subject, header: m.Header.Get(messages.SequenceHeader), id: m.Header.Get(natsjs.MsgIDHeader)}
		if err := c.Decode(m.Data); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// counting writes samples of 4 bytes that hold their own number.
func counting(from, samples int) (iq []byte) {
	for n := range samples {
		iq = binary.LittleEndian.AppendUint32(iq, uint32(from+n))
	}
	return iq
}

// checkCounting holds a capture of counting samples, of which the first was taken at zero, against its own time.
func checkCounting(t *testing.T, c *storedCapture, zero time.Time, rate float64) {
	t.Helper()
	rx := &c.Receivers[0]
	first := binary.LittleEndian.Uint32(rx.IQ)
	if string(rx.IQ) != string(counting(int(first), rx.Samples())) {
		t.Errorf("event %s has other samples than were recorded", c.Event)
	}
	if off := float64(rx.StartTime-zero.UnixNano()) - float64(first)*1e9/rate; off < -1 || off > 1 {
		t.Errorf("event %s: the first sample's time is off by %g ns", c.Event, off)
	}
}

var stationZero = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)

// recordingFlags play a recording of counting samples, 10 kHz from stationZero on.
func recordingFlags(t *testing.T, samples int) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.raw")
	if err := os.WriteFile(path, counting(0, samples), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"station", "--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--alt", "300", "--gain", "3", "--format", "ci16_le",
		"--rate", "10e3", "--freq", "77500", "--t0", stationZero.Format(time.RFC3339Nano), "--spool", filepath.Join(t.TempDir(), "spool"), path}
}

// A recording becomes the captures of its schedule, numbered, and the command ends when the last is confirmed.
func TestStationRecording(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	flags := append(recordingFlags(t, 100_000), "--nats", s.ClientURL(), "--every", "2s", "--length", "500ms", "--sigma", "250ns", "--log-level", "error")
	must(t, flags...)
	all := storedCaptures(t, s.ClientURL())
	if len(all) != 4 {
		t.Errorf("%d captures, want those of 2, 4, 6, 8 s; the last is not whole", len(all))
	}
	slices.SortFunc(all, func(a, b storedCapture) int { return strings.Compare(a.header, b.header) }) // they were sent together
	for i := range all {
		c := &all[i]
		rx := &c.Receivers[0]
		checkCounting(t, c, stationZero, 10e3)
		if event := fmt.Sprintf("77500-20260301T1200%02dZ", 2*i+2); c.Event != event || c.subject != "captures.test.A" || c.header != fmt.Sprint(i+1) || c.id != c.ID {
			t.Errorf("capture %d is of event %s on %s, number %s, id %s and %s", i, c.Event, c.subject, c.header, c.ID, c.id)
		}
		if rx.Samples() != 5000 || rx.Latitude != 45 || rx.Altitude != 300 || rx.Gain != 3 || rx.ClockSigma != 250 || c.Frequency != 77500 {
			t.Errorf("capture %d: %d samples, sigma %g", i, rx.Samples(), rx.ClockSigma)
		}
	}
}

// Recordings whose time nobody vouches for state what a live receiver would, and more where it has few digits; the log says what to do.
func TestStationOfATimeNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	r := stationProgram(t).start(t, append(recordingFlags(t, 50_000), "--nats", s.ClientURL(), "--every", "2s", "--length", "500ms")...)
	r.wait(t)
	if !strings.Contains(r.log.String(), "a.raw: nothing says how good its time is: it is taken for ±20ms, too little known for a fix; state it with --sigma") {
		t.Errorf("the log says\n%s", r.log.String())
	}
	for _, c := range storedCaptures(t, s.ClientURL()) {
		if got := c.Receivers[0].ClockSigma; got < 20e6 || got > 21e6 {
			t.Errorf("a capture states %g ns", got)
		}
	}
}

// Of SigMF a station takes the segment that is asked for, and the gain that the file says, unless it is told another.
func TestStationSigMF(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	folder := t.TempDir()
	writeText(t, filepath.Join(folder, "A.sigmf-meta"), `{"global": {"core:datatype": "cu8", "core:version": "1.0.0", "core:sample_rate": 10000, "foxhunt:gain_db": 7,
		"core:geolocation": {"type": "Point", "coordinates": [7, 45]}},
		"captures": [{"core:sample_start": 0, "core:frequency": 1e6, "core:datetime": "2026-03-01T12:00:00Z", "foxhunt:sigma_ns": 50},
		             {"core:sample_start": 15000, "core:frequency": 1e6, "core:datetime": "2026-03-01T13:00:00Z", "foxhunt:sigma_ns": 60}]}`)
	writeText(t, filepath.Join(folder, "A.sigmf-data"), strings.Repeat("\x80", 50_000)) // 1.5 s and 1 s
	for i, c := range []struct {
		flags []string
		gain  float64
		event string
		sigma float64
	}{
		{nil, 7, "1000000-20260301T120000Z", 50},
		{[]string{"--segment", "2", "--gain", "3"}, 3, "1000000-20260301T130000Z", 60},
	} {
		must(t, append([]string{"station", "--network", "test", "--nats", s.ClientURL(), "--spool", t.TempDir(), "--every", "2s", "--length", "500ms", "--log-level", "error",
			filepath.Join(folder, "A.sigmf-meta")}, c.flags...)...)
		all := storedCaptures(t, s.ClientURL())
		if len(all) != i+1 {
			t.Fatalf("%v: %d captures are stored", c.flags, len(all))
		}
		if rx := all[i].Receivers[0]; rx.Gain != c.gain || all[i].Event != c.event || rx.ClockSigma != c.sigma {
			t.Errorf("%v: event %s, gain %g, sigma %g; want %+v", c.flags, all[i].Event, rx.Gain, rx.ClockSigma, c)
		}
	}
}

// What makes no sense is said at once, and nothing is made.
func TestStationRefuses(t *testing.T) {
	t.Parallel()
	base := recordingFlags(t, 20_000)
	file := base[len(base)-1]
	live := []string{"--network", "n", "--id", "A", "--lat", "45", "--lon", "7"}
	stations := stationsFile(t)
	for _, c := range []struct {
		args  []string
		words string
	}{
		{nil, "network is missing"},
		{[]string{"--network", "n"}, "one of --rtl-tcp"},
		{[]string{"--network", "n", "--rtl-tcp", "x:1"}, "id is missing"},
		{[]string{"--network", "n", file}, "say how its samples are written"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", file), "one of --rtl-tcp"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1"), "freq is missing"},
		{append(slices.Clone(live), "--rtl-tcp", "x", "--freq", "1e6"), "want host:port"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--tuner-gain", "loud"), "tuner-gain"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--clock", "good"), "clock is"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--rate", "2.4e6", "--length", "2s"), "a capture holds 8388608 bytes, which is 1.747s"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--every", "0"), "nothing would become a capture"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--level", "high"), "level is"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--spool-order", "random"), "order"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--rate", "1e5"), "an RTL-SDR does not take 100000 samples a second"},
		{append(slices.Clone(live), "--stdin", "cu8", "--freq", "1e6"), "rate is missing"},
		{append(slices.Clone(live), "--stdin", "cu8", "--freq", "1e6", "--rate", "1e6", "--ppm", "3"), "--ppm is for --rtl-tcp, and would do nothing with --stdin"},
		{append(slices.Clone(live), "--stdin", "cu8", "--freq", "1e6", "--rate", "1e6", "--tuner-gain", "30"), "--tuner-gain is for --rtl-tcp"},
		{append(slices.Clone(live), "--stdin", "cu8", "--freq", "1e6", "--rate", "1e6", "--realtime"), "--realtime is for recordings, and would do nothing with --stdin"},
		{append(slices.Clone(live), "--stdin", "cu8", "--freq", "1e6", "--rate", "1e6", "--format", "cu8"), "--format is for recordings"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--t0", "x"), "--t0 is for recordings, and would do nothing with --rtl-tcp"},
		{append(slices.Clone(live), "--rtl-tcp", "x:1", "--freq", "1e6", "--segment", "1"), "--segment is for recordings"},
		{append(slices.Clone(base[1:]), "--latency", "1ms"), "--latency is for live samples, and would do nothing with recordings"},
		{append(slices.Clone(base[1:]), "--spool-age", "0"), "spool-age must not be 0"},
		{append(slices.Clone(base[1:]), "--spool-bytes", "0"), "spool-bytes and spool-age must not be 0"},
		{append(slices.Clone(base[1:]), "--every", "1ns", "--length", "1ns"), "a capture every 1ns; want one every 10ms at most"},
		{append(slices.Clone(live), "--stations", stations, "--rtl-tcp", "x:1"), "want one"},
		{[]string{"--network", "n", "--id", "A", "--stations", stations, "--gain", "3", "--rtl-tcp", "x:1"}, "--gain and --stations"},
		{[]string{"--network", "n", "--id", "A", "--stations", stations, "--alt", "3", "--rtl-tcp", "x:1"}, "--gain and --stations"},
		{[]string{"--network", "n", "--id", "A", "--lat", "45", "--rtl-tcp", "x:1"}, "lat and lon are both needed"},
		{[]string{"--network", "n", "--id", "A", "--lat", "95", "--lon", "7", "--rtl-tcp", "x:1", "--freq", "1e6"}, "bad_pos"},
		{[]string{"--network", "n", "--id", "X", "--stations", stations, "--rtl-tcp", "x:1", "--freq", "1e6"}, "station X is not in"},
		{[]string{"--network", "n", "--id", "X", "--rtl-tcp", "x:1", "--freq", "1e6"}, "where is X?"},
		{[]string{"--network", "shadow", "--id", "A", "--lat", "45", "--lon", "7", "--rtl-tcp", "x:1", "--freq", "1e6"}, "shadow"},
		{[]string{"--network", "n", "--id", "B", "--lat", "45", "--lon", "7", "--format", "cu8", "--rate", "1e4", "--freq", "1e6", "--t0", "2026-03-01T12:00:00Z", "C=" + file}, "was recorded by C, and not by B"},
	} {
		spool := filepath.Join(t.TempDir(), "spool")
		_, err := command(t.Context(), append([]string{"station", "--spool", spool, "--log-level", "error"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v: %v; want %q", c.args, err, c.words)
		}
		if files, _ := filepath.Glob(spool + "/*/*.capture"); len(files) > 0 {
			t.Errorf("%v: %v was made", c.args, files)
		}
	}
}

// A device is named by what it is.
func TestStationStdinDevice(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := standardInput(null); err == nil || !strings.Contains(err.Error(), "standard input is /dev/null, which is empty; want another program") {
		t.Error(err)
	}
	ours, theirs := terminal(t)
	defer ours.Close()
	defer theirs.Close()
	if _, err := standardInput(theirs); err == nil || !strings.Contains(err.Error(), "standard input is a terminal, or another device; want") {
		t.Error(err)
	}
}

// A recording without a whole capture is no success.
func TestStationTooShort(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	if _, err := command(t.Context(), append(recordingFlags(t, 1000), "--nats", s.ClientURL(), "--log-level", "error")...); err == nil || !strings.Contains(err.Error(), "no whole capture") {
		t.Errorf("a recording of 0.1 s: %v", err)
	}
}

// While NATS is away captures go to the disk; they are published when it comes. A second process waits its turn.
func TestStationBeforeNATS(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	flags := append(recordingFlags(t, 100_000), "--nats", s.ClientURL(), "--every", "2s", "--length", "500ms", "--log-level", "debug")
	s.Shutdown()
	r := stationProgram(t).start(t, flags...)
	waitFor(t, "four captures on the disk", func() bool { return strings.Count(r.log.String(), "spooled a capture") == 4 })
	second := stationProgram(t).start(t, flags...)
	<-second.ended
	if second.err == nil || !strings.Contains(second.log.String(), "spool_locked: another process uses ") {
		t.Errorf("a second process with the same spool: %v\n%s", second.err, second.log.String())
	}
	s.Restart(t)
	r.wait(t)
	var numbers []string
	for _, c := range storedCaptures(t, s.ClientURL()) {
		numbers = append(numbers, c.header)
	}
	slices.Sort(numbers) // they were sent together
	if !slices.Equal(numbers, []string{"1", "2", "3", "4"}) {
		t.Errorf("captures %v are stored, want 1 to 4", numbers)
	}
	for _, words := range []string{`msg="this is a station"`, "station=A", `source="recording a.raw"`, "rate=10000", `schedule="500ms every 2s"`, "waiting for NATS", "published=4 waiting=0"} {
		if !strings.Contains(r.log.String(), words) {
			t.Errorf("the log does not say %q:\n%s", words, r.log.String())
		}
	}
}

// A station of recordings ends when it is told to, though its spool is half full and NATS is away; what it cut is on the disk.
func TestStationStoppedBeforeNATS(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	flags := append(recordingFlags(t, 1_500_000), "--nats", s.ClientURL(), "--every", "10s", "--length", "10s",
		"--spool-bytes", "8500000", "--log-level", "debug") // of 14 captures 11 fill half of it
	s.Shutdown()
	r := stationProgram(t).start(t, flags...)
	spooled := func() int { return strings.Count(r.log.String(), "spooled a capture") }
	waitFor(t, "a spool that is half full", func() bool { return spooled() >= 11 })
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatal("the station does not end")
	}
	if n := spooled(); n > 14 || !strings.Contains(r.log.String(), fmt.Sprintf("published=0 waiting=%d", n)) {
		t.Errorf("%d captures were spooled; the log says\n%s", n, r.log.String())
	}
}

// Whatever is killed when, and whether NATS is there or not: what was spooled is in the stream, once, and no number has two
// contents.
func TestStationKilled(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	flags := append(recordingFlags(t, 100_000), "--nats", s.ClientURL(), "--every", "100ms", "--length", "50ms", "--log-level", "debug")
	p := stationProgram(t)
	spooled := map[string]string{} // number -> id, as the processes said
	note := func(log string) {
		for line := range strings.Lines(log) {
			if rest, found := cutAfter(line, `msg="spooled a capture" sequence=`); found {
				number, rest, _ := strings.Cut(rest, " ")
				_, id, _ := strings.Cut(rest, "id=")
				if before, twice := spooled[number]; twice {
					t.Errorf("number %s is %s and %s", number, before, id)
				}
				spooled[number] = strings.TrimSpace(id)
			}
		}
	}
	for round := range 6 {
		if round%3 == 2 {
			s.Shutdown()
		}
		r := p.start(t, append(slices.Clone(flags), "--realtime")...)
		most := 3 + 2*round
		waitFor(t, "some captures on the disk", func() bool { return strings.Count(r.log.String(), "spooled a capture") >= most })
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-r.ended
		note(r.log.String())
		if round%3 == 2 {
			s.Restart(t)
		}
	}
	r := p.start(t, flags...)
	r.wait(t)
	note(r.log.String())
	stored := map[string]string{}
	for _, c := range storedCaptures(t, s.ClientURL()) {
		if before, twice := stored[c.header]; twice {
			t.Errorf("number %s is stored as %s and %s", c.header, before, c.ID)
		}
		stored[c.header] = c.ID
		checkCounting(t, &c, stationZero, 10e3)
	}
	for number, id := range spooled {
		if stored[number] != id {
			t.Errorf("number %s was spooled as %s, and is stored as %q", number, id, stored[number])
		}
	}
	for n := range len(stored) {
		if stored[fmt.Sprint(n+1)] == "" {
			t.Errorf("number %d of %d is missing", n+1, len(stored))
		}
	}
	if len(spooled) < 100 || len(stored) < len(spooled) {
		t.Errorf("%d captures were spooled and %d stored", len(spooled), len(stored))
	}
}

// What NATS refuses is said as publish says it, the captures are kept, and a station of recordings ends.
func TestStationRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.User{Username: "admin", Password: "pw"}, &server.User{Username: "other", Password: "pw", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"captures.test.B"}}}})
	admin, err := jetstream.Connect(t.Context(), jetstream.Options{URL: login(url, "admin"), Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	flags := append(recordingFlags(t, 50_000), "--every", "2s", "--length", "500ms")
	p := stationProgram(t)
	const refused = "refused: the server's permissions do not allow captures.test.A; ask its operator for the right to it"
	r := p.start(t, append(slices.Clone(flags), "--nats", login(url, "other"))...)
	<-r.ended
	if r.err == nil || !strings.Contains(r.log.String(), "2 captures wait in ") || !strings.HasSuffix(strings.TrimSpace(r.log.String()), "when this station starts there again: "+refused) {
		t.Errorf("%v\n%s", r.err, r.log.String())
	}
	long := append(recordingFlags(t, 1_500_000), "--every", "10s", "--length", "10s", "--spool-bytes", "8500000") // of 14 captures 11 fill half of it
	r = p.start(t, append(long, "--nats", login(url, "other"))...)
	<-r.ended
	if r.err == nil || !strings.Contains(r.log.String(), "the rest of the recordings is left out") || !strings.Contains(r.log.String(), "11 captures wait in ") {
		t.Errorf("%v\n%s", r.err, r.log.String())
	}
	r = p.start(t, append(slices.Clone(flags), "--nats", strings.Replace(url, "//", "//nobody:pw@", 1))...)
	<-r.ended
	if r.err == nil || !strings.Contains(r.log.String(), "not_authorized") {
		t.Errorf("as nobody: %v\n%s", r.err, r.log.String())
	}
}

// A live station whose captures the server forbids keeps them, and says so once in its log, and on its page.
func TestStationRefusedLive(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.User{Username: "other", Password: "pw", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"captures.test.B"}}}})
	live := []string{"station", "--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--rtl-tcp", startRTLTCP(t).listener.Addr().String(), "--freq", "145.5e6", "--rate", "1e6",
		"--every", "100ms", "--length", "50ms", "--clock", "3ms", "--spool", t.TempDir(), "--nats", login(url, "other"), "--listen", "127.0.0.1:0"}
	r := stationProgram(t).start(t, live...)
	page := regexp.MustCompile(`url=http://(\S+)/`)
	waitFor(t, "the page's address", func() bool { return page.MatchString(r.log.String()) })
	address := page.FindStringSubmatch(r.log.String())[1]
	waitFor(t, "three attempts", func() bool { return showing(t, address).Spool.Failed >= 3 })
	s := showing(t, address)
	const refused = "refused: the server's permissions do not allow captures.test.A"
	if s.Spool.Waiting < 3 || !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "The stream does not take captures: "+refused) }) {
		t.Errorf("%d wait, and the page says %q", s.Spool.Waiting, s.Problems)
	}
	r.stop(t, syscall.SIGTERM)
	if n := strings.Count(r.log.String(), "captures.test.A"); n != 1 || !strings.Contains(r.log.String(), refused) {
		t.Errorf("it is said %d times:\n%s", n, r.log.String())
	}
}

// cutAfter is what follows sep in s.
func cutAfter(s, sep string) (rest string, found bool) {
	_, rest, found = strings.Cut(s, sep)
	return rest, found
}

// rtlTCP is a server that speaks as rtl_tcp does. It plays samples of 1 MHz whose level is high at times, at their pace, and notes
// the frequencies it is tuned to.
type rtlTCP struct {
	listener net.Listener
	done     <-chan struct{}
	ended    sync.WaitGroup

	mu    sync.Mutex
	freqs []uint32
}

func startRTLTCP(t *testing.T) *rtlTCP {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rtlTCP{listener: listener, done: t.Context().Done()}
	s.ended.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.ended.Go(func() { s.hear(conn) })
			s.ended.Go(func() { s.play(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); s.ended.Wait() })
	return s
}

func (s *rtlTCP) hear(conn net.Conn) {
	var command [5]byte
	for {
		if _, err := io.ReadFull(conn, command[:]); err != nil {
			return
		}
		if command[0] == 1 {
			s.mu.Lock()
			s.freqs = append(s.freqs, binary.BigEndian.Uint32(command[1:]))
			s.mu.Unlock()
		}
	}
}

func (s *rtlTCP) play(conn net.Conn) {
	defer conn.Close()
	if _, err := conn.Write([]byte("RTL0\x00\x00\x00\x05\x00\x00\x00\x1d")); err != nil {
		return
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start, sent := time.Now(), 0
	for {
		select {
		case <-tick.C:
		case <-s.done:
			return
		}
		packet := make([]byte, 2*int(time.Since(start).Seconds()*1e6)-sent)
		for i := range packet {
			packet[i] = 127 + byte((sent+i)/2%2) // weak
			if (sent+i)/2%1_000_000 >= 900_000 { // 100 ms of each second
				packet[i] = byte(256 * ((sent + i) / 2 % 2) / 2 * 255 / 128)
			}
		}
		sent += len(packet)
		if _, err := conn.Write(packet); err != nil {
			return
		}
	}
}

// frequencies are those it was tuned to, in order.
func (s *rtlTCP) frequencies() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.freqs)
}

func liveFlags(t *testing.T, s *jetstreamtest.Server, rtl *rtlTCP) []string {
	t.Helper()
	return []string{"station", "--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--rtl-tcp", rtl.listener.Addr().String(), "--nats", s.ClientURL(),
		"--freq", "145.5e6", "--rate", "1e6", "--clock", "3ms", "--spool", filepath.Join(t.TempDir(), "spool"), "--log-level", "debug"}
}

// A receiver at rtl_tcp: captures on schedule and by level, of this moment, whose sigma says what is not known; SIGTERM ends the
// station with 0.
func TestStationRTLTCP(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	rtl := startRTLTCP(t)
	r := stationProgram(t).start(t, append(liveFlags(t, s, rtl), "--every", "1s", "--length", "200ms", "--level", "floor+10")...)
	var scheduled, triggered int
	waitFor(t, "captures of both kinds", func() bool {
		scheduled, triggered = 0, 0
		for _, c := range storedCaptures(t, s.ClientURL()) {
			if c.Event == "" {
				triggered++
			} else {
				scheduled++
			}
		}
		return scheduled >= 2 && triggered >= 2
	})
	r.stop(t, syscall.SIGTERM)
	for _, c := range storedCaptures(t, s.ClientURL()) {
		rx := &c.Receivers[0]
		age := time.Since(time.Unix(0, rx.StartTime))
		if age < 0 || age > patience || rx.ClockSigma < 20e6 || rx.ClockSigma > 500e6 || rx.Format != messages.CU8 || c.Frequency != 145.5e6 {
			t.Errorf("event %q: %v ago, sigma %g, rate %g, %s, %g Hz", c.Event, age, rx.ClockSigma, rx.SampleRate, rx.Format, c.Frequency)
		}
		if c.Event != "" {
			tick := time.Unix(0, rx.StartTime+500_000_000).UTC().Truncate(time.Second)
			if off := rx.StartTime - tick.UnixNano(); c.Event != "145500000-"+tick.Format("20060102T150405Z") || off < 0 || off > 2000 {
				t.Errorf("event %s begins %d ns after its tick", c.Event, off)
			}
		}
	}
	for _, words := range []string{`source="rtl_tcp `, "tuner=R820T", "the receiver's delay was never measured", "clock_sigma=3ms", "latency_sigma=20ms", "clips: lower its gain"} {
		if !strings.Contains(r.log.String(), words) {
			t.Errorf("the log does not say %q:\n%s", words, r.log.String())
		}
	}
}

// A station that has nothing else to do is tuned for a request, and back.
func TestStationOnRequest(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	rtl := startRTLTCP(t)
	r := stationProgram(t).start(t, append(liveFlags(t, s, rtl), "--every", "0", "--on-request")...)
	waitFor(t, "the receiver", func() bool { return strings.Contains(r.log.String(), "receiving from rtl_tcp") })
	var out string
	waitFor(t, "the station's word", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var err error
		out, err = command(ctx, "capture", "--nats", s.ClientURL(), "--network", "test", "--freq", "98.1e6", "--length", "100ms", "--at", "+4s", "--timeout", "500ms")
		return err == nil
	})
	waitFor(t, "the capture", func() bool { return len(storedCaptures(t, s.ClientURL())) == 1 })
	c := storedCaptures(t, s.ClientURL())[0]
	if c.Frequency != 98.1e6 || !strings.Contains(out, "A ") || len(c.Event) < messages.MinIDLength {
		t.Errorf("the capture of event %s is of %g Hz, after\n%s", c.Event, c.Frequency, out)
	}
	waitFor(t, "the way back", func() bool { return slices.Equal(rtl.frequencies(), []uint32{145.5e6, 98.1e6, 145.5e6}) })
	r.stop(t, syscall.SIGTERM)
}

// Where the program that writes samples has none, as rtl_sdr without a receiver, that is no success.
func TestStationStdinEmpty(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out.Close()
	r := stationProgram(t).startWith(t, nil, in, "station", "--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--stdin", "cu8", "--freq", "145.5e6",
		"--rate", "250e3", "--nats", s.ClientURL(), "--spool", t.TempDir())
	<-r.ended
	if r.err == nil || !strings.Contains(r.log.String(), "no samples came from standard input, which has ended") || !strings.Contains(r.log.String(), "freq=145500000 rate=250000 ") {
		t.Errorf("%v\n%s", r.err, r.log.String())
	}
}

// Standard input, as from rtl_sdr: the station ends with it.
func TestStationStdin(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	s.Connect(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := stationProgram(t).startWith(t, nil, in, "station", "--network", "test", "--id", "A", "--lat", "45", "--lon", "7", "--stdin", "ci16_le", "--freq", "145.5e6",
		"--rate", "100e3", "--every", "500ms", "--length", "100ms", "--nats", s.ClientURL(), "--spool", t.TempDir(), "--log-level", "debug")
	in.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start, sent := time.Now(), 0
	for deadline := time.After(patience); strings.Count(r.log.String(), "spooled a capture") < 3; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no captures\n%s", r.log.String())
		}
		n := int(time.Since(start).Seconds() * 100e3)
		if _, err := out.Write(counting(sent, n-sent)); err != nil {
			t.Fatalf("%v\n%s", err, r.log.String())
		}
		sent = n
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
	all := storedCaptures(t, s.ClientURL())
	if len(all) < 3 || !strings.Contains(r.log.String(), "the samples ended") {
		t.Errorf("%d captures\n%s", len(all), r.log.String())
	}
	for _, c := range all {
		first := binary.LittleEndian.Uint32(c.Receivers[0].IQ)
		if string(c.Receivers[0].IQ) != string(counting(int(first), c.Receivers[0].Samples())) {
			t.Errorf("event %s has other samples than were written", c.Event)
		}
	}
}
