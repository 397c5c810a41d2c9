package messages

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

// What testdata/golden.py wrote with Python's msgpack.

func goldenFull() *Capture {
	ci16 := bytes.Repeat([]byte{0x00, 0x80, 0xff, 0x7f, 0, 0, 1, 0}, 100)
	var cf32 []byte
	for range 4200 {
		for _, x := range []float32{-1, 0.5, 0, 1e-3} {
			cf32 = binary.LittleEndian.AppendUint32(cf32, math.Float32bits(x))
		}
	}
	return &Capture{
		Version: 1, ID: testID, Event: "évènement", Session: "s-1", Frequency: 77500,
		Receivers: []Receiver{
			{"HB9ODP", 46, 8.798828, -3, 1597301540520645442, 100, 12001.2, -20, CU8, []byte{0, 255, 127, 128}},
			{"JO51xl", 51.466044, 11.977189, 200.5, 1, 0, 1000, 0.5, CI8, []byte{0x80, 0x7f, 0, 1}},
			{"pa0rdt_2-x", -90, -180, 100000, 4294967296, 1e9, 1e8, 200, CI16, ci16},
			{"D", 300.0 / 7, 127, 1000, 65536, 40.25, 2.4e6, 0, CF32, cf32},
		},
	}
}

func goldenMinimal() *Capture {
	return &Capture{
		Version: 1, ID: "000102030405060708090a0b0c0d0e0f", Frequency: 4e8, Cache: true,
		Receivers: []Receiver{{"A", 45, 7, 0, 1700000000000000000, 30, 2e6, 0, CI8, []byte{1, 2}}},
	}
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeGoldenCaptures(t *testing.T) {
	single := goldenMinimal()
	single.Frequency = 433.5e6
	cases := map[string]*Capture{
		"capture_full.msgpack": goldenFull(), "capture_minimal.msgpack": goldenMinimal(), "capture_single_float.msgpack": single,
	}
	for name, want := range cases {
		var got Capture
		if err := got.Decode(golden(t, name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("%s reads\n%+v\nwant\n%+v", name, got, *want)
		}
	}
}

func TestDecodeGoldenFix(t *testing.T) {
	got, err := DecodeFix(ContentTypeMsgpack, golden(t, "fix.msgpack"))
	if err != nil {
		t.Fatal(err)
	}
	if want := olderFix(); !reflect.DeepEqual(got, want) {
		t.Errorf("the fix reads\n%+v\nwant\n%+v", got, want)
	}
}

// TestPythonReadsWhatGoWrites has the reference msgpack decode captures and a fix of ours.
func TestPythonReadsWhatGoWrites(t *testing.T) {
	python := pythonWithMsgpack(t)
	var input []byte
	captures := []*Capture{goldenFull(), goldenMinimal(), threeReceivers(CI16)}
	for _, c := range captures {
		input = append(input, encode(t, c)...)
	}
	fix, err := goodFix().Encode(ContentTypeMsgpack)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, filepath.Join("testdata", "reads.py"))
	command.Stdin = bytes.NewReader(append(input, fix...))
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(captures)+1 {
		t.Fatalf("python read %d messages, want %d", len(lines), len(captures)+1)
	}
	for i, c := range captures {
		compareJSON(t, lines[i], captureAsMap(c))
	}
	want := goodFix()
	var fields map[string]any
	b, _ := want.Encode(ContentTypeJSON)
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	fields["geojson"] = string(want.GeoJSON) // a str in msgpack
	compareJSON(t, lines[len(captures)], fields)
}

// captureAsMap is the capture as the wire format is described, t0 as text so as to lose no digit.
func captureAsMap(c *Capture) map[string]any {
	rx := []any{}
	for _, r := range c.Receivers {
		rx = append(rx, map[string]any{
			"station": r.Station, "lat": r.Latitude, "lon": r.Longitude, "alt": r.Altitude, "t0": json.Number(fmt.Sprint(r.StartTime)),
			"sigma": r.ClockSigma, "rate": r.SampleRate, "gain": r.Gain, "fmt": string(r.Format), "iq": fmt.Sprintf("%x", r.IQ),
		})
	}
	return map[string]any{"v": c.Version, "id": c.ID, "event": c.Event, "session": c.Session, "freq": c.Frequency, "cache": c.Cache, "rx": rx}
}

func compareJSON(t *testing.T, line []byte, want map[string]any) {
	t.Helper()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := normalised(t, line), normalised(t, text); !reflect.DeepEqual(got, want) {
		t.Errorf("python read\n%.2000v\nwant\n%.2000v", got, want)
	}
}

// normalised parses JSON such that 77500 and 77500.0 are equal but integers of 63 bits keep
// every digit.
func normalised(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			x[k] = numbers(x[k])
		}
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case json.Number:
		if f, err := x.Float64(); err == nil && math.Abs(f) < 1<<53 {
			return f
		}
		return x.String()
	}
	return v
}

// pythonWithMsgpack finds the interpreter FOXHUNT_PYTHON names, or python3, with msgpack.
func pythonWithMsgpack(t *testing.T) string {
	t.Helper()
	python := os.Getenv("FOXHUNT_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import msgpack").Run(); err != nil {
		say := t.Skipf
		if os.Getenv("CI") == "true" {
			say = t.Fatalf
		}
		say("%s has no msgpack (%v): pip install -r messages/testdata/requirements.txt, and name the interpreter in FOXHUNT_PYTHON", python, err)
	}
	return python
}
