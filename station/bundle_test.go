package station

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"foxhunt/messages"
)

// counted is a recording of samples that hold their own number, as kiwiFile's do.
func counted(station string, start int64, rate float64, samples int) *Recording {
	r := &Recording{
		Name: station + ".wav", Station: station, Frequency: 77500, StartTime: start, SampleRate: rate,
		ClockSigma: 100, Format: messages.CI16, IQ: make([]byte, 4*samples),
	}
	for n := range samples {
		binary.LittleEndian.PutUint32(r.IQ[4*n:], uint32(n))
	}
	return r
}

const second = int64(time.Second)

var abc = Stations{
	{ID: "A", Latitude: 45, Longitude: 7, Altitude: 300, Gain: 3},
	{ID: "B", Latitude: 46, Longitude: 7, ClockSigma: 40},
	{ID: "C", Latitude: 45, Longitude: 8},
}

// wantReceiver checks that a receiver begins with the recording's first sample in the span and
// ends with its last, and that t0 is that sample's time.
func wantReceiver(t *testing.T, rx messages.Receiver, r *Recording, from, to int64) {
	t.Helper()
	if len(rx.IQ) == 0 {
		t.Fatalf("%s has no samples", rx.Station)
	}
	first := int(binary.LittleEndian.Uint32(rx.IQ))
	last := first + rx.Samples() - 1
	for _, c := range []struct {
		n      int
		inside bool
	}{{first - 1, false}, {first, true}, {last, true}, {last + 1, false}} {
		at := r.timeOf(c.n)
		inside := at >= from && at < to && c.n >= 0 && c.n < r.Samples()
		if inside != c.inside {
			t.Errorf("%s: sample %d at %d is inside [%d, %d): %v; the part is %d..%d", rx.Station, c.n, at, from, to, inside, first, last)
		}
	}
	exact := float64(first) * 1e9 / r.SampleRate
	if d := float64(rx.StartTime-r.StartTime) - exact; math.Abs(d) > 0.6 {
		t.Errorf("%s: t0 is off by %g ns", rx.Station, d)
	}
}

func TestBundleCommonTime(t *testing.T) {
	start := int64(1_600_000_000) * second
	recordings := []*Recording{
		counted("a", start, 12001.1, 60000),
		counted("B", start+second+123_456_789, 12000.3, 60000),
		counted("C", start+second/2, 11999.7, 40000),
	}
	c, err := Bundle(recordings, abc, CaptureOptions{Event: "e", Session: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Event != "e" || c.Session != "s" || !c.Cache || c.Frequency != 77500 || len(c.ID) != 32 || len(c.Receivers) != 3 {
		t.Fatalf("capture %+v", c)
	}
	from, to := recordings[1].StartTime, recordings[2].EndTime()
	for i, rx := range c.Receivers {
		wantReceiver(t, rx, recordings[i], from, to)
		if rx.Station != abc[i].ID || rx.Latitude != abc[i].Latitude || rx.Altitude != abc[i].Altitude || rx.Gain != abc[i].Gain {
			t.Errorf("receiver %d is %+v", i, rx)
		}
	}
	if a, b := c.Receivers[0].ClockSigma, c.Receivers[1].ClockSigma; a != 100 || b != 40 {
		t.Errorf("sigma %g and %g; want the recording's 100 and the stations file's 40", a, b)
	}
	if &c.Receivers[1].IQ[0] != &recordings[1].IQ[0] {
		t.Error("the samples were copied")
	}
}

func TestBundleStartAndLength(t *testing.T) {
	start := int64(1_600_000_000) * second
	recordings := []*Recording{counted("A", start, 12001.1, 60000), counted("B", start+7, 12000.3, 60000)}
	o := CaptureOptions{Start: 1500 * time.Millisecond, Length: 2 * time.Second}
	c, err := Bundle(recordings, abc, o)
	if err != nil {
		t.Fatal(err)
	}
	from := start + 7 + int64(o.Start)
	for i, rx := range c.Receivers {
		wantReceiver(t, rx, recordings[i], from, from+int64(o.Length))
	}
}

// With no length a bundle takes what fits into a capture, and that does fit.
func TestBundleFillsACapture(t *testing.T) {
	recordings := []*Recording{counted("A", 1, 2.4e6, 3e6), counted("B", 1, 2.4e6, 3e6)}
	c, err := Bundle(recordings, abc, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(msg) < messages.MaxCaptureBytes-2000 {
		t.Errorf("the capture has %d bytes; want nearly %d", len(msg), messages.MaxCaptureBytes)
	}
	_, err = Bundle(recordings, abc, CaptureOptions{Length: time.Second})
	wantCode(t, err, CodeTooLong, "fit into a capture of 8388608 bytes")
}

func TestBundleRefusals(t *testing.T) {
	a, b := counted("A", 1*second, 12000, 12000), counted("B", 1*second+1, 12000, 12000)
	later := counted("B", 2*second+1, 12000, 12000)
	other := counted("B", 1*second, 12000, 12000)
	other.Frequency = 60000
	stranger := counted("X", 1*second, 12000, 12000)
	nameless := counted("", 1*second, 12000, 12000)
	silent := counted("A", 1*second, 12000, 12000)
	silent.Frequency = 0
	slow := counted("A", 1*second, 12000, 12000)
	slow.SampleRate = 10
	for _, c := range []struct {
		recordings []*Recording
		options    CaptureOptions
		code       string
		words      string
	}{
		{nil, CaptureOptions{}, CodeNoRecordings, ""},
		{[]*Recording{a, later}, CaptureOptions{}, CodeNoOverlap, "A.wav ends at 1970-01-01T00:00:02Z, before B.wav"},
		{[]*Recording{a, other}, CaptureOptions{}, CodeFrequencyMismatch, "A.wav is of 77500 Hz, B.wav of 60000 Hz"},
		{[]*Recording{a, stranger}, CaptureOptions{}, CodeUnknownStation, "X of X.wav is not in the stations file, which has A, B, C"},
		{[]*Recording{nameless}, CaptureOptions{}, CodeUnknownStation, "name it"},
		{[]*Recording{silent}, CaptureOptions{}, CodeMissingOption, "frequency"},
		{[]*Recording{a, b}, CaptureOptions{Length: 2 * time.Second}, CodeTooShort, "2s from 0s on"},
		{[]*Recording{a, b}, CaptureOptions{Start: time.Second}, CodeTooShort, "in common"},
		{[]*Recording{a, b}, CaptureOptions{Start: -1}, CodeTooShort, "in common"},
		{[]*Recording{a, b}, CaptureOptions{Length: -1}, CodeTooShort, "in common"},
		{[]*Recording{a, a}, CaptureOptions{}, messages.CodeDuplicateStation, "A"},
		{[]*Recording{slow}, CaptureOptions{}, messages.CodeBadRate, "rx[0].rate is 10"},
	} {
		_, err := Bundle(c.recordings, abc, c.options)
		wantCode(t, err, c.code, c.words)
	}
}

func TestUnknownStationNamesAFew(t *testing.T) {
	var many Stations
	for i := range 20 {
		many = append(many, Station{ID: "S" + string(rune('a'+i)), Latitude: 1})
	}
	_, err := Bundle([]*Recording{counted("X", 1, 12000, 12000)}, many, CaptureOptions{})
	wantCode(t, err, CodeUnknownStation, "Sa, Sb, Sc, Sd, Se, Sf, Sg, Sh and 12 more")
}

// The captures of a sequence begin at whole multiples of their length, whoever recorded them,
// and follow each other without a sample lost or sent twice.
func TestSequence(t *testing.T) {
	start := int64(1_600_000_000)*second + 700_000_001
	const length = 250 * time.Millisecond
	r := counted("A", start, 12001.1, 30000)
	captures, err := Sequence(r, abc, CaptureOptions{Length: length, Event: "e"})
	if err != nil {
		t.Fatal(err)
	}
	from := int64(1_600_000_000)*second + 750_000_000
	if want := int((r.EndTime() - from) / int64(length)); len(captures) != want || want < 8 {
		t.Fatalf("%d captures, want %d", len(captures), want)
	}
	next := uint32(0)
	ids := map[string]bool{}
	for i, c := range captures {
		rx := c.Receivers[0]
		wantReceiver(t, rx, r, from, from+int64(length))
		if first := binary.LittleEndian.Uint32(rx.IQ); i > 0 && first != next {
			t.Errorf("capture %d begins with sample %d, want %d", i, first, next)
		} else {
			next = first + uint32(rx.Samples())
		}
		from += int64(length)
		ids[c.ID] = true
		if len(c.Receivers) != 1 || c.Event != "e" {
			t.Errorf("capture %d is %+v", i, c)
		}
	}
	if len(ids) != len(captures) {
		t.Error("captures share an id")
	}
}

func TestSequenceDefaultAndStart(t *testing.T) {
	r := counted("A", 1_600_000_000*second, 12000, 60000) // 5 s
	captures, err := Sequence(r, abc, CaptureOptions{Start: 1500 * time.Millisecond})
	if err != nil || len(captures) != 3 {
		t.Fatalf("%d captures, %v; want 3 of a second each", len(captures), err)
	}
	if got, want := captures[0].StartTime(), 1_600_000_002*second; got != want {
		t.Errorf("the first starts at %d, want %d", got, want)
	}
	for i, want := range []string{"77500-20200913T122642Z", "77500-20200913T122643Z", "77500-20200913T122644Z"} {
		if got := captures[i].Event; got != want { // as a station on a schedule names them, so that they meet
			t.Errorf("event %d is %q, want %q", i, got, want)
		}
	}
}

func TestSequenceRefusals(t *testing.T) {
	r := counted("A", 1*second+1, 12000, 12000)
	silent := counted("A", 1*second, 12000, 12000)
	silent.Frequency = 0
	for _, c := range []struct {
		r       *Recording
		options CaptureOptions
		code    string
		words   string
	}{
		{r, CaptureOptions{}, CodeTooShort, "does not cover a whole span of 1s"},
		{r, CaptureOptions{Start: -1}, CodeTooShort, "lasts 1s"},
		{r, CaptureOptions{Start: math.MaxInt64}, CodeTooShort, "lasts 1s"},
		{r, CaptureOptions{Length: time.Hour}, CodeTooLong, "1h0m0s"},
		{counted("X", 1, 12000, 12000), CaptureOptions{}, CodeUnknownStation, "X"},
		{silent, CaptureOptions{}, CodeMissingOption, "frequency"},
		{counted("A", 1*second, 1.2e9, 1200000), CaptureOptions{Length: time.Millisecond}, messages.CodeBadRate, "1.2e+09"},
	} {
		_, err := Sequence(c.r, abc, c.options)
		wantCode(t, err, c.code, c.words)
	}
}

func TestBundleOfRealRecordings(t *testing.T) {
	recordings := openReal(t)
	stations := Stations{
		{ID: "hb9odp", Latitude: 46.499351, Longitude: 8.798828},
		{ID: "JO51XL", Latitude: 51.466044, Longitude: 11.977189},
		{ID: "pa0rdt", Latitude: 51.500500, Longitude: 3.600690},
	}
	c, err := Bundle(recordings, stations, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, rx := range c.Receivers {
		if rx.Station != stations[i].ID {
			t.Errorf("receiver %d is %s, want %s", i, rx.Station, stations[i].ID)
		}
		if length := float64(rx.Samples()) / rx.SampleRate; length < 29 || length > 30 {
			t.Errorf("%s has %g s, want about 29", rx.Station, length)
		}
		if d := rx.StartTime - c.Receivers[1].StartTime; d < 0 || d > 83400 {
			t.Errorf("%s starts %d ns after the last to start; want less than a sample", rx.Station, d)
		}
	}
	msg, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back messages.Capture
	if err := back.Decode(msg); err != nil {
		t.Error(err)
	}
}

func BenchmarkReadKiwi(b *testing.B) {
	whole := newKiwiFile(testStart, 12001.1).blocks(700, 0).bytes // half a minute
	file := make([]byte, len(whole))
	b.SetBytes(int64(len(whole)))
	b.ReportAllocs()
	for b.Loop() {
		copy(file, whole) // ReadKiwi moves the samples about
		if _, err := ReadKiwi(file, "test.wav", testAbout()); err != nil {
			b.Fatal(err)
		}
	}
}
