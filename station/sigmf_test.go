package station

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// object is JSON in the making.
type object = map[string]any

// sigmfMetaText is metadata of a recording in ci8 at 1 kHz, with what change puts in place or, with nil, takes away.
func sigmfMetaText(t testing.TB, change object, segments ...object) []byte {
	t.Helper()
	global := object{"core:datatype": "ci8", "core:version": "1.2.0", "core:sample_rate": 1000.0}
	for key, value := range change {
		if global[key] = value; value == nil {
			delete(global, key)
		}
	}
	if segments == nil {
		segments = []object{}
	}
	text, err := json.Marshal(object{"global": global, "captures": segments, "annotations": []object{{"core:sample_start": 0, "core:label": "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// writePair writes a recording's files and returns the metadata's path.
func writePair(t testing.TB, folder, name string, meta, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name+".sigmf-meta")
	for file, content := range map[string][]byte{path: meta, filepath.Join(folder, name+".sigmf-data"): data} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

const dcfTime = "2020-08-13T06:52:20.123456789Z"

func dcfNanos(t testing.TB) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, dcfTime)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixNano()
}

func TestOpenSigMF(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9} // the last is no whole sample
	sum := sha512.Sum512(data)
	meta := sigmfMetaText(t, object{
		"core:sha512": strings.ToUpper(hex.EncodeToString(sum[:])), "core:num_channels": 1, "core:metadata_only": false,
		"core:extensions": []object{{"name": "foxhunt", "version": "1.0.0", "optional": false}, {"name": "antenna", "version": "1.0.0", "optional": true}},
		"foxhunt:event":   "e", "foxhunt:session": "s", "foxhunt:gain_db": -3.5, "antenna:gain": 7,
	}, object{
		"core:sample_start": 0, "core:frequency": 77500, "core:datetime": dcfTime, "foxhunt:sigma_ns": 40.5,
		"core:geolocation": object{"type": "Point", "coordinates": []float64{8.798828, 46.499351, 900}, "accuracy": 3},
	})
	path := writePair(t, t.TempDir(), "HB9ODP", append([]byte("\xef\xbb\xbf"), meta...), data)
	for _, named := range []string{path, SigMFTwin(path)} {
		r, err := Open(named, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Station != "HB9ODP" || r.Frequency != 77500 || r.StartTime != dcfNanos(t) || r.SampleRate != 1000 || r.ClockSigma != 40.5 || r.Gain != -3.5 ||
			r.Event != "e" || r.Session != "s" || r.Format != messages.CI8 || !bytes.Equal(r.IQ, data[:8]) || r.Dropped != 0 || r.Part != "" {
			t.Errorf("%+v", r)
		}
		if want := (Place{46.499351, 8.798828, 900}); r.Place == nil || *r.Place != want {
			t.Errorf("its place is %+v, want %+v", r.Place, want)
		}
		c, err := Bundle([]*Recording{r}, nil, CaptureOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rx := c.Receivers[0]
		if rx.Station != "HB9ODP" || rx.Latitude != 46.499351 || rx.Longitude != 8.798828 || rx.Altitude != 900 || rx.ClockSigma != 40.5 ||
			rx.Gain != -3.5 || rx.StartTime != dcfNanos(t) || c.Event != "e" || c.Session != "s" || c.Frequency != 77500 {
			t.Errorf("%+v", c)
		}
	}
}

// Flags go before the stations file, and that before what the file says.
func TestSigMFIsOverruled(t *testing.T) {
	meta := sigmfMetaText(t, object{"foxhunt:station": "A", "foxhunt:gain_db": 7, "foxhunt:event": "e", "core:geolocation": object{"type": "Point", "coordinates": []float64{8, 46}}},
		object{"core:sample_start": 0, "core:frequency": 77500, "core:datetime": dcfTime, "foxhunt:sigma_ns": 40})
	path := writePair(t, t.TempDir(), "20200813T065220Z_1_B_iq", meta, make([]byte, 2000))
	r, err := Open(path, Options{})
	if err != nil || r.Station != "A" || r.Frequency != 77500 || *r.Place != (Place{46, 8, 0}) {
		t.Fatalf("%+v, %v", r, err)
	}
	stations := Stations{{ID: "a", Latitude: 45, Longitude: 7, Gain: 3, ClockSigma: 9}, {ID: "C", Latitude: 1, Longitude: 1}}
	c, err := Bundle([]*Recording{r}, stations, CaptureOptions{Event: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if rx := c.Receivers[0]; rx.Station != "a" || rx.Latitude != 45 || rx.Gain != 3 || rx.ClockSigma != 9 || c.Event != "mine" {
		t.Errorf("the stations file makes of it %+v", c)
	}
	r, err = Open(path, Options{Station: "C", Frequency: 5, StartTime: 77, SampleRate: 2000, ClockSigma: 3})
	if err != nil || r.Station != "C" || r.Frequency != 5 || r.StartTime != 77 || r.SampleRate != 2000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if c, err = Bundle([]*Recording{r}, stations, CaptureOptions{}); err != nil || c.Receivers[0].ClockSigma != 3 || c.Receivers[0].Gain != 7 || c.Receivers[0].Latitude != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// What the file does not say its name may, and a file whose name is a station's needs to say no more.
func TestSigMFNames(t *testing.T) {
	for name, want := range map[string]string{"20200813T065220Z_77500_B_iq": "B", "north-1": "north-1", "a b": "", "x.y": ""} {
		r, err := Open(writePair(t, t.TempDir(), name, sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": dcfTime}), make([]byte, 8)), Options{})
		if err != nil || r.Station != want || r.Place != nil {
			t.Errorf("%s: %+v, %v; want station %q", name, r, err, want)
			continue
		}
		if frequency := map[string]float64{"B": 77500}[want]; r.Frequency != frequency {
			t.Errorf("%s: %g Hz", name, r.Frequency)
		}
		_, err = Bundle([]*Recording{r}, nil, CaptureOptions{})
		if want == "B" {
			wantCode(t, err, CodeUnknownStation, "does not say where its station B stood")
		}
	}
}

// A capture holds the same numbers as the recording, whatever the order of its bytes.
func TestSigMFDatatypes(t *testing.T) {
	be16, le16 := binary.BigEndian.AppendUint16, binary.LittleEndian.AppendUint16
	for datatype, c := range map[string]struct {
		data []byte
		want messages.SampleFormat
		re   float32
		im   float32
	}{
		"cu8":     {[]byte{255, 0}, messages.CU8, 1, -1},
		"ci8":     {[]byte{64, 128}, messages.CI8, 0.5, -1},
		"ci16_le": {le16(le16(nil, 0x4000), 0x8000), messages.CI16, 0.5, -1},
		"ci16_be": {be16(be16(nil, 0x4000), 0x8000), messages.CI16, 0.5, -1},
		"cu16_le": {le16(le16(nil, 0xc000), 0), messages.CI16, 0.5, -1},
		"cu16_be": {be16(be16(nil, 0xc000), 0), messages.CI16, 0.5, -1},
		"cf32_le": {binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5)), math.Float32bits(-3)), messages.CF32, 0.5, -3},
		"cf32_be": {binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, math.Float32bits(0.5)), math.Float32bits(-3)), messages.CF32, 0.5, -3},
	} {
		meta := sigmfMetaText(t, object{"core:datatype": datatype}, object{"core:sample_start": 0, "core:datetime": dcfTime})
		r, err := Open(writePair(t, t.TempDir(), "A", meta, c.data), Options{})
		if err != nil {
			t.Errorf("%s: %v", datatype, err)
			continue
		}
		re, im := make([]float32, 1), make([]float32, 1)
		rx := messages.Receiver{Format: r.Format, IQ: r.IQ}
		if err := rx.Split(re, im); err != nil || r.Format != c.want || re[0] != c.re || im[0] != c.im {
			t.Errorf("%s became %s %g, %g (%v); want %s %g, %g", datatype, r.Format, re[0], im[0], err, c.want, c.re, c.im)
		}
	}
}

// Segments are told apart by their samples' numbers and the headers before them.
func TestSigMFSegments(t *testing.T) {
	// offset 10; header of 3 bytes, samples 10..11, none, header of 2, samples 12..14, 1 byte trailing
	data := []byte("hhh\x01\x02\x03\x04HH\x05\x06\x07\x08\x09\x0at")
	meta := sigmfMetaText(t, object{"core:offset": 10, "core:trailing_bytes": 1, "core:dataset": "x.bin", "core:geolocation": object{"type": "Point", "coordinates": []float64{8, 46}}},
		object{"core:sample_start": 10, "core:header_bytes": 3, "core:datetime": "2020-08-13T06:52:20", "core:frequency": 1},
		object{"core:sample_start": 12, "core:datetime": dcfTime},
		object{"core:sample_start": 12, "core:header_bytes": 2, "core:datetime": "2020-08-13T08:52:20.123456789+02:00", "core:geolocation": object{"type": "Point", "coordinates": []float64{7, 45, 2}}})
	folder := t.TempDir()
	path := writePair(t, folder, "A", meta, nil)
	if err := os.WriteFile(filepath.Join(folder, "x.bin"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	for segment, want := range map[int]struct {
		iq      []byte
		dropped int
		start   int64
		place   Place
	}{
		0: {data[9:15], 2, dcfNanos(t), Place{45, 7, 2}},
		3: {data[9:15], 2, dcfNanos(t), Place{45, 7, 2}},
		1: {data[3:7], 3, dcfNanos(t) - 123456789, Place{46, 8, 0}},
	} {
		r, err := Open(path, Options{Segment: segment})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.IQ, want.iq) || r.Dropped != want.dropped || r.StartTime != want.start || *r.Place != want.place {
			t.Errorf("segment %d: %+v, place %+v", segment, r, r.Place)
		}
	}
	_, err := Open(path, Options{Segment: 2})
	wantCode(t, err, CodeTooShort, "no samples")
	for _, segment := range []int{4, -1, math.MinInt} {
		_, err = Open(path, Options{Segment: segment})
		wantCode(t, err, CodeBadSigMF, "it has 3")
	}
}

// Without segments the user says when it was.
func TestSigMFWithoutSegments(t *testing.T) {
	path := writePair(t, t.TempDir(), "A", sigmfMetaText(t, nil), []byte{1, 2, 3, 4})
	if r, err := Open(path, Options{StartTime: 5}); err != nil || r.StartTime != 5 || r.Samples() != 2 || r.ClockSigma != unstatedSigma(5) {
		t.Errorf("%+v, %v", r, err)
	}
	_, err := Open(path, Options{})
	wantCode(t, err, CodeMissingOption, "t0")
}

func TestSigMFRefusals(t *testing.T) {
	timed := object{"core:sample_start": 0, "core:datetime": dcfTime}
	at := func(changes object) object {
		s := object{"core:sample_start": 0, "core:datetime": dcfTime}
		for key, value := range changes {
			s[key] = value
		}
		return s
	}
	for _, c := range []struct {
		global   object
		segments []object
		code     string
		words    string
	}{
		{object{"core:datatype": nil}, nil, CodeBadSigMF, "lacks core:datatype"},
		{object{"core:version": nil}, nil, CodeBadSigMF, "lacks core:datatype or core:version"},
		{object{"core:datatype": 5}, nil, CodeBadSigMF, "no SigMF metadata"},
		{object{"core:datatype": "rf32_le"}, nil, messages.CodeBadFormat, "real samples"},
		{object{"core:datatype": "cf64_le"}, nil, messages.CodeBadFormat, "convert it to cf32_le"},
		{object{"core:datatype": "ci32_be"}, nil, messages.CodeBadFormat, "convert it to cf32_le"},
		{object{"core:datatype": "c\x1b[31m"}, nil, messages.CodeBadFormat, `"c\x1b[31m"`},
		{object{"core:metadata_only": true}, nil, CodeBadSigMF, "metadata_only"},
		{object{"core:num_channels": 2}, nil, CodeBadSigMF, "core:num_channels 2"},
		{object{"core:offset": -1}, nil, CodeBadSigMF, "negative"},
		{object{"core:sha512": strings.Repeat("a", 128)}, nil, CodeBadChecksum, "SHA-512"},
		{object{"core:extensions": []object{{"name": "ntia-core", "version": "1", "optional": false}}}, nil, CodeBadSigMF, `"ntia-core"`},
		{object{"foxhunt:station": "a/b"}, nil, CodeBadSigMF, "foxhunt:station"},
		{object{"foxhunt:event": strings.Repeat("e", 257)}, nil, CodeBadSigMF, "256 bytes"},
		{object{"core:sample_rate": nil}, []object{timed}, CodeMissingOption, "core:sample_rate"},
		{object{"core:sample_rate": 5}, []object{timed}, messages.CodeBadRate, "is 5"},
		{object{"core:trailing_bytes": 9}, []object{timed}, CodeBadSigMF, "segment 1 begins beyond the 8 bytes"},
		{object{"core:dataset": "../x.bin"}, nil, CodeBadSigMF, "same folder"},
		{object{"core:dataset": ".."}, nil, CodeBadSigMF, "same folder"},
		{object{"core:dataset": "none.bin"}, nil, CodeBadSigMF, `"none.bin" is not there`},
		{nil, []object{at(object{"core:datetime": "yesterday"})}, messages.CodeBadTime, `"yesterday"`},
		{nil, []object{at(object{"core:datetime": "1969-01-01T00:00:00Z"})}, messages.CodeBadTime, "1969"},
		{nil, []object{at(object{"core:sample_start": -1})}, CodeBadSigMF, "in order"},
		{nil, []object{at(object{"core:sample_start": 2}), timed}, CodeBadSigMF, "segment 2 is 0"},
		{nil, []object{timed, at(object{"core:sample_start": 5})}, CodeBadSigMF, "segment 2 begins beyond"},
		{nil, []object{at(object{"core:sample_start": math.MaxInt64})}, CodeBadSigMF, "begins beyond"},
		{nil, []object{at(object{"core:header_bytes": math.MaxInt64})}, CodeBadSigMF, "begins beyond"},
		{nil, []object{at(object{"core:header_bytes": -1})}, CodeBadSigMF, "begins beyond"},
		{nil, []object{at(object{"foxhunt:sigma_ns": -1})}, messages.CodeBadSigma, "-1"},
		{nil, []object{at(object{"core:geolocation": object{"type": "Polygon", "coordinates": []float64{1, 2}}})}, CodeBadSigMF, "GeoJSON"},
		{nil, []object{at(object{"core:geolocation": object{"type": "Point", "coordinates": []float64{1}}})}, CodeBadSigMF, "GeoJSON"},
		{nil, []object{at(object{"core:geolocation": object{"type": "Point", "coordinates": []float64{46, 91}}})}, CodeBadSigMF, "longitude first"},
	} {
		_, err := Open(writePair(t, t.TempDir(), "A", sigmfMetaText(t, c.global, c.segments...), make([]byte, 8)), Options{})
		wantCode(t, err, c.code, c.words)
	}
	for _, name := range []string{"x.sigmf.zip", "x.sigmf-collection", "x.SIGMF.GZ"} {
		_, err := Open(name, Options{})
		wantCode(t, err, CodeBadSigMF, "unpacked first")
	}
	for _, name := range []string{"none.sigmf", "none.sigmf-data", "none.sigmf-meta"} {
		if _, err := Open(filepath.Join(t.TempDir(), name), Options{}); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A receiver without a fix of its own place writes 0, 0: that is no place.
func TestSigMFNullIsland(t *testing.T) {
	meta := sigmfMetaText(t, object{"core:geolocation": object{"type": "Point", "coordinates": []float64{0, 0, 0}}}, object{"core:sample_start": 0, "core:datetime": dcfTime})
	if r, err := Open(writePair(t, t.TempDir(), "A", meta, make([]byte, 8)), Options{}); err != nil || r.Place != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSigMFBounds(t *testing.T) {
	folder := t.TempDir()
	path := writePair(t, folder, "A", sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": dcfTime}), nil)
	for _, c := range []struct {
		file string
		size int64
	}{{SigMFTwin(path), MaxFileBytes + 1}, {path, maxMetaBytes + 1}, {filepath.Join(folder, "B.sigmf"), MaxFileBytes + 1}} {
		if err := os.WriteFile(c.file, nil, 0o600); err == nil {
			err = os.Truncate(c.file, c.size) // sparse: takes no room
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(c.file, Options{})
		wantCode(t, err, CodeTooLarge, fmt.Sprint(c.size)) // of the first the metadata are read before
		if err := os.Remove(c.file); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(c.file, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err = Open(c.file, Options{})
		wantCode(t, err, CodeBadSigMF, "is no file")
		if err := os.Remove(c.file); err != nil {
			t.Fatal(err)
		}
		writePair(t, folder, "A", sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": dcfTime}), nil)
	}
	if _, err := parseMeta(make([]byte, maxMetaBytes+1), "x"); err == nil {
		t.Error("metadata of any size were read")
	}
}

func FuzzSigMFMeta(f *testing.F) {
	f.Add(sigmfMetaText(f, object{"core:offset": 3, "core:trailing_bytes": 2}, object{"core:sample_start": 3, "core:datetime": dcfTime, "core:header_bytes": 1},
		object{"core:sample_start": 5, "core:datetime": dcfTime}), []byte("123456789"), 0)
	f.Add(sigmfMetaText(f, object{"core:datatype": "cf32_be", "core:geolocation": object{"type": "Point", "coordinates": []float64{1, 2, 3}}},
		object{"core:sample_start": 0, "core:datetime": dcfTime, "core:frequency": 1e6, "foxhunt:sigma_ns": 1}), make([]byte, 64), 1)
	f.Fuzz(func(t *testing.T, text, data []byte, segment int) {
		m, err := parseMeta(text, "x.sigmf-meta")
		if err != nil {
			return
		}
		if name, err := m.dataset("x.sigmf-meta"); err == nil && filepath.Base(name) != name {
			t.Fatalf("the samples are looked for in %q", name)
		}
		r, err := m.recording(bytes.Clone(data), "x.sigmf-meta", Options{Segment: segment})
		if err != nil {
			return
		}
		if r.Samples() == 0 || len(r.IQ)%r.Format.BytesPerSample() != 0 || len(r.IQ) > len(data) {
			t.Fatalf("%d bytes of %s from %d", len(r.IQ), r.Format, len(data))
		}
		r.settle("x.sigmf-meta", said{station: "x", frequency: 1}, Options{})
		if c, err := Bundle([]*Recording{r}, nil, CaptureOptions{}); err == nil {
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
