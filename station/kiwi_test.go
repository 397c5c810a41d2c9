package station

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// kiwiFile writes recordings as a KiwiSDR does. Sample n of the whole stream is taken at
// start + n / rate and holds I = n's low 16 bits, Q = its high ones, so that a test sees
// which samples came through.
type kiwiFile struct {
	start  int64   // ns of the GPS week
	rate   float64 // true rate, Hz
	header uint32  // rate in the header, Hz
	bytes  []byte
	sample int
}

func newKiwiFile(start int64, rate float64) *kiwiFile {
	k := &kiwiFile{start: start, rate: rate, header: 12001}
	k.bytes = append(k.bytes, "RIFF\x00\x00\x00\x00WAVE"...)
	return k.fmt(2, 16)
}

func (k *kiwiFile) fmt(channels, bits uint16) *kiwiFile {
	k.bytes = k.bytes[:12]
	var body []byte
	body = binary.LittleEndian.AppendUint16(body, 1)
	body = binary.LittleEndian.AppendUint16(body, channels)
	body = binary.LittleEndian.AppendUint32(body, k.header)
	body = binary.LittleEndian.AppendUint32(body, 4*k.header)
	body = binary.LittleEndian.AppendUint16(body, 4)
	body = binary.LittleEndian.AppendUint16(body, bits)
	return k.chunk("fmt ", body)
}

func (k *kiwiFile) chunk(id string, body []byte) *kiwiFile {
	k.bytes = append(k.bytes, id...)
	k.bytes = binary.LittleEndian.AppendUint32(k.bytes, uint32(len(body)))
	k.bytes = append(k.bytes, body...)
	return k
}

func (k *kiwiFile) stamp(age byte, ns int64) *kiwiFile {
	body := binary.LittleEndian.AppendUint32([]byte{age, 0}, uint32(ns/1e9))
	return k.chunk("kiwi", binary.LittleEndian.AppendUint32(body, uint32(ns%1e9)))
}

func (k *kiwiFile) data() *kiwiFile {
	var body []byte
	for range 512 {
		body = binary.LittleEndian.AppendUint32(body, uint32(k.sample))
		k.sample++
	}
	return k.chunk("data", body)
}

// time is when the next sample is taken, ns of the GPS week.
func (k *kiwiFile) time() int64 {
	ns := k.start + int64(math.Round(float64(k.sample)*1e9/k.rate))
	return ns % (gpsWeekSeconds * 1e9)
}

// blocks writes count blocks, their timestamps off by jitter ns in turns.
func (k *kiwiFile) blocks(count int, jitter int64) *kiwiFile {
	for i := range count {
		k.stamp(1, k.time()+jitter*int64(1-i%2*2)).data()
	}
	return k
}

const (
	testStart = 370358_200_000_000     // 2020-08-13, GPS week time
	testUTC   = 1597301540_200_000_000 // the same in UTC: 06:52:20.2
)

func testAbout() time.Time { return time.Date(2020, 8, 13, 6, 52, 20, 0, time.UTC) }

func readKiwi(t *testing.T, k *kiwiFile) *Recording {
	t.Helper()
	r, err := ReadKiwi(k.bytes, "test.wav", testAbout())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantRun checks that the recording holds samples first..first+count of the stream, at their
// true time and rate within tolerance.
func wantRun(t *testing.T, r *Recording, k *kiwiFile, first, count int, tolerance float64) {
	t.Helper()
	if r.Samples() != count || r.Dropped != k.sample-count {
		t.Fatalf("%d samples, %d dropped; want %d and %d", r.Samples(), r.Dropped, count, k.sample-count)
	}
	for n := range count {
		if got := binary.LittleEndian.Uint32(r.IQ[4*n:]); got != uint32(first+n) {
			t.Fatalf("sample %d is the stream's %d, want %d", n, got, first+n)
		}
	}
	start := testUTC + (k.start - testStart) + int64(math.Round(float64(first)*1e9/k.rate))
	if d := float64(r.StartTime - start); math.Abs(d) > tolerance {
		t.Errorf("start is off by %g ns, want %g at most", d, tolerance)
	}
	if d := (r.SampleRate/k.rate - 1) * float64(r.Duration()); math.Abs(d) > tolerance {
		t.Errorf("rate %v, want %v: off by %g ns at the end", r.SampleRate, k.rate, d)
	}
}

func wantCode(t *testing.T, err error, code, words string) {
	t.Helper()
	var ref *messages.Refusal
	if !errors.As(err, &ref) || ref.Code != code || !strings.Contains(ref.Reason, words) {
		t.Errorf("error %v; want code %s and %q", err, code, words)
	}
}

func TestKiwiTrueRate(t *testing.T) {
	for _, rate := range []float64{12001, 12001.2, 11999.3, 12010} {
		k := newKiwiFile(testStart, rate).blocks(200, 0)
		r := readKiwi(t, k)
		wantRun(t, r, k, 0, 200*512, 3)
		if r.ClockSigma != minKiwiSigma || r.Format != messages.CI16 {
			t.Errorf("sigma %g, format %s", r.ClockSigma, r.Format)
		}
	}
}

func TestKiwiJitterBecomesSigma(t *testing.T) {
	k := newKiwiFile(testStart, 12001.1).blocks(400, 700)
	r := readKiwi(t, k)
	wantRun(t, r, k, 0, 400*512, 40)
	if math.Abs(r.ClockSigma-700) > 10 {
		t.Errorf("sigma %g, want about 700", r.ClockSigma)
	}
}

func TestKiwiStaleFirstBlocks(t *testing.T) {
	k := newKiwiFile(testStart, 12001.1)
	k.stamp(0, 0).data().stamp(0, 358742_520_645_442).data().stamp(kiwiNoFix, k.time()).data()
	k.blocks(100, 0)
	wantRun(t, readKiwi(t, k), k, 3*512, 100*512, 3)
}

func TestKiwiKeepsTheLongerSideOfAGap(t *testing.T) {
	k := newKiwiFile(testStart, 12001.1).blocks(40, 0)
	k.sample += 512 // a block was lost
	first := k.sample
	k.blocks(60, 0)
	r := readKiwi(t, k)
	if r.Dropped != 40*512 {
		t.Errorf("dropped %d samples, want %d", r.Dropped, 40*512)
	}
	r.Dropped += 512 // the lost block is in no file
	wantRun(t, r, k, first, 60*512, 3)
}

func TestKiwiSlipOfOneSampleIsAGap(t *testing.T) {
	k := newKiwiFile(testStart, 12001.1).blocks(60, 0)
	k.sample++
	k.blocks(30, 0)
	r := readKiwi(t, k)
	r.Dropped++
	wantRun(t, r, k, 0, 60*512, 3)
}

func TestKiwiAcrossTheEndOfTheWeek(t *testing.T) {
	const week = gpsWeekSeconds * 1e9
	k := newKiwiFile(week-500_000_000, 12001.1).blocks(50, 0)
	r, err := ReadKiwi(k.bytes, "test.wav", time.Date(2020, 8, 15, 23, 59, 41, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	wantRun(t, r, k, 0, 50*512, 3)
	if got := messages.Instant(r.StartTime).String(); !strings.HasPrefix(got, "2020-08-15T23:59:41.") {
		t.Errorf("the recording starts at %s", got)
	}
}

// The week comes from t0 or the name, never from when the file was last written.
func TestKiwiWeek(t *testing.T) {
	file := newKiwiFile(testStart, 12001.1).blocks(3, 0).bytes
	const dated, week = "20200813T065220Z_77500_A_iq.wav", gpsWeekSeconds * int64(time.Second)
	for _, c := range []struct {
		name  string
		about time.Time // given as t0
		want  int64
	}{
		{dated, time.Time{}, testUTC},
		{"renamed.wav", testAbout().Add(-72 * time.Hour), testUTC},
		{"renamed.wav", testAbout().Add(7 * 24 * time.Hour), testUTC + week},
		{dated, testAbout().Add(7 * 24 * time.Hour), testUTC + week},
	} {
		var o Options
		if !c.about.IsZero() {
			o.StartTime = c.about.UnixNano()
		}
		r, err := open(t, c.name, file, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := r.StartTime - c.want; d < -3 || d > 3 {
			t.Errorf("%s with t0 %v starts at %v, want %v", c.name, c.about, messages.Instant(r.StartTime), messages.Instant(c.want))
		}
	}
	_, err := open(t, "renamed.wav", file, Options{})
	wantCode(t, err, CodeMissingOption, "give its date as t0")
}

// What the command line says of the clock goes before the stations file, and that before the
// recording.
func TestKiwiSigma(t *testing.T) {
	file := newKiwiFile(testStart, 12001.1).blocks(20, 0).bytes
	for _, c := range []struct {
		station string
		given   float64
		want    float64
	}{{"A", 0, minKiwiSigma}, {"B", 0, 40}, {"A", 5000, 5000}, {"B", 5000, 5000}} {
		r, err := open(t, "20200813T065220Z_77500_"+c.station+"_iq.wav", file, Options{ClockSigma: c.given})
		if err != nil {
			t.Fatal(err)
		}
		capture, err := Bundle([]*Recording{r}, abc, CaptureOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := capture.Receivers[0].ClockSigma; got != c.want {
			t.Errorf("station %s, %g ns given: sigma is %g, want %g", c.station, c.given, got, c.want)
		}
	}
}

func TestGPSWeekToUnix(t *testing.T) {
	want := time.Date(2020, 8, 13, 6, 52, 20, 0, time.UTC)
	for _, about := range []time.Time{want, want.Add(-80 * time.Hour), want.Add(80 * time.Hour)} {
		if got := gpsWeekToUnix(370358*1e9, about); got != want.UnixNano() {
			t.Errorf("about %v: %v, want %v", about, messages.Instant(got), want)
		}
	}
}

func TestKiwiTruncated(t *testing.T) {
	k := newKiwiFile(testStart, 12001.1).blocks(20, 0)
	whole := len(k.bytes)
	k.bytes = k.bytes[:whole-1001] // 1047 bytes of the last block: 261 samples and 3 bytes
	r := readKiwi(t, k)
	if r.Samples() != 19*512+261 {
		t.Errorf("%d samples, want %d", r.Samples(), 19*512+261)
	}
	for cut := range 3000 { // wherever it ends, nothing worse than a refusal
		k := newKiwiFile(testStart, 12001.1).blocks(3, 0)
		ReadKiwi(k.bytes[:max(0, len(k.bytes)-cut)], "test.wav", testAbout())
	}
}

func TestKiwiRefusals(t *testing.T) {
	hostile := newKiwiFile(testStart, 12001)
	hostile.bytes = append(append(hostile.bytes, "data"...), 0xff, 0xff, 0xff, 0xff)
	lone := newKiwiFile(testStart, 12001).blocks(1, 0)
	noTime := newKiwiFile(testStart, 12001)
	noTime.data().data()
	slow := newKiwiFile(testStart, 11000).blocks(10, 0)
	mono := newKiwiFile(testStart, 12001).fmt(1, 16).blocks(3, 0)
	eight := newKiwiFile(testStart, 12001).fmt(2, 8).blocks(3, 0)
	headless := &kiwiFile{start: testStart, rate: 12001, bytes: []byte("RIFF\x00\x00\x00\x00WAVE")}
	headless.blocks(3, 0)
	for _, c := range []struct {
		file  *kiwiFile
		code  string
		words string
	}{
		{hostile, CodeNoTimestamps, "test.wav"},
		{lone, CodeNoTimestamps, "test.wav"},
		{noTime, CodeNoTimestamps, "test.wav"},
		{slow, CodeBadTimestamps, "11000 Hz, its header 12001 Hz"},
		{mono, CodeBadWAV, "1 channels"},
		{eight, CodeBadWAV, "16 bits"},
		{headless, CodeBadWAV, "no sample rate"},
	} {
		_, err := ReadKiwi(c.file.bytes, "test.wav", testAbout())
		wantCode(t, err, c.code, c.words)
	}
}

// dataFolder is where the real recordings are: FOXHUNT_DATA, or ../shared/data beside the
// repository.
func dataFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("FOXHUNT_DATA")
	if folder == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for root != filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		folder = filepath.Join(root, "..", "shared", "data")
	}
	folder = filepath.Join(folder, "dcf77-2020")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no recordings at %s; name the folder that holds dcf77-2020 in FOXHUNT_DATA", folder)
	}
	return folder
}

func openReal(t *testing.T) []*Recording {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dataFolder(t), "*.wav"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("found %d recordings (%v), want 3", len(paths), err)
	}
	var recordings []*Recording
	for _, path := range paths {
		r, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		recordings = append(recordings, r)
	}
	return recordings
}

func TestRealRecordings(t *testing.T) {
	want := []struct {
		station string
		rate    float64
		start   string
	}{
		{"HB9ODP", 12001.084268, "2020-08-13T06:52:20.2694351"},
		{"JO51xl", 12001.025603, "2020-08-13T06:52:20.7697996"},
		{"pa0rdt", 12001.086111, "2020-08-13T06:52:20.6247516"},
	}
	for i, r := range openReal(t) {
		w := want[i]
		if r.Station != w.station || r.Frequency != 77500 {
			t.Errorf("%s: station %s, %g Hz", r.Name, r.Station, r.Frequency)
		}
		if math.Abs(r.SampleRate-w.rate) > 1e-4 {
			t.Errorf("%s: rate %.6f, want %.6f", r.Name, r.SampleRate, w.rate)
		}
		if got := messages.Instant(r.StartTime).String(); !strings.HasPrefix(got, w.start) {
			t.Errorf("%s: starts at %s, want %s", r.Name, got, w.start)
		}
		if r.ClockSigma < 100 || r.ClockSigma > 200 || r.Dropped < 512 || r.Dropped > 1024 {
			t.Errorf("%s: sigma %g ns, %d samples dropped", r.Name, r.ClockSigma, r.Dropped)
		}
	}
}

func FuzzReadKiwi(f *testing.F) {
	f.Add(newKiwiFile(testStart, 12001.1).blocks(3, 0).bytes)
	f.Add(newKiwiFile(gpsWeekSeconds*1e9-1, 12001.1).blocks(3, 100).bytes)
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEkiwi\xff\xff\xff\xff"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\xff\xff\xff\x7f"))
	stations := Stations{{ID: "A", Latitude: 1}}
	f.Fuzz(func(t *testing.T, file []byte) {
		size := len(file)
		r, err := read(file, "20200813T065220Z_77500_A_iq.wav", Options{Format: messages.CU8, SampleRate: 1e6, StartTime: 1})
		if err != nil {
			return
		}
		if r.Samples() == 0 || len(r.IQ) > size || !(r.SampleRate > 0) || !(r.ClockSigma >= 0) {
			t.Fatalf("read %d samples at %g Hz, sigma %g, from %d bytes", r.Samples(), r.SampleRate, r.ClockSigma, size)
		}
		c, err := Bundle([]*Recording{r}, stations, CaptureOptions{})
		if err == nil && c.Receivers[0].Samples() != r.Samples() {
			t.Fatalf("%d of %d samples are in the bundle", c.Receivers[0].Samples(), r.Samples())
		}
	})
}
