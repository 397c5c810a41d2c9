package gateway

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func readText(text string) (*sample, *fault) {
	d := Defaults{Network: "net", Bundle: "http"}
	s := &scanner{text: []byte(text)}
	sample, f := d.read(s, now)
	if f == nil {
		f = s.end()
	}
	return sample, f
}

func TestReadOneReceiver(t *testing.T) {
	s, f := readText(` { "iq_data" : [ [0.5, -1e-1] , [1,0] ] , "session_id":"s\u00e9\n", "cache_enabled":false, "event":null,
		"center_frequency":77.5e3,"sample_rate":12000,"latitude":45,"longitude":-8.5,"gain":3} `)
	if f != nil {
		t.Fatal(f.problem())
	}
	c := s.capture
	r := c.Receivers[0]
	if s.network != "net" || c.Session != "sé\n" || c.Cache || c.Event != "" || c.Frequency != 77500 || len(c.Receivers) != 1 {
		t.Errorf("read %+v", s)
	}
	if r.Station != "http" || r.Latitude != 45 || r.Longitude != -8.5 || r.SampleRate != 12000 || r.Gain != 3 || r.StartTime != now.UnixNano() ||
		r.ClockSigma != unknownClock || r.Format != messages.CF32 {
		t.Errorf("the receiver is %+v", r)
	}
	want := []float32{0.5, -0.1, 1, 0}
	for i, x := range want {
		if got := math.Float32frombits(binary.LittleEndian.Uint32(r.IQ[4*i:])); got != x {
			t.Errorf("number %d is %g; want %g", i, got, x)
		}
	}
	if len(r.IQ) != 16 || len(c.ID) != 44 {
		t.Errorf("%d bytes of samples, id %s", len(r.IQ), c.ID)
	}
	if _, err := c.Encode(nil); err != nil {
		t.Error(err)
	}
}

func TestReadReceivers(t *testing.T) {
	s, f := readText(`{"center_frequency":77500,"sample_rate":12000,"network":"dcf","receivers":[
		{"station":"A","latitude":45,"longitude":8,"altitude":120,"start_time":1772366400000000120,"clock_sigma":100,"iq_data":[[1,0]]},
		{"station":"B","latitude":46,"longitude":8,"start_time":"2026-03-01T12:00:00.000000120Z","clock_sigma":200,"sample_rate":12000.5,"iq":"AQID\/w==","format":"cu8"}]}`)
	if f != nil {
		t.Fatal(f.problem())
	}
	a, b := s.capture.Receivers[0], s.capture.Receivers[1]
	if a.StartTime != b.StartTime || a.SampleRate != 12000 || b.SampleRate != 12000.5 || a.Altitude != 120 || s.network != "dcf" {
		t.Errorf("read %+v\n%+v", a, b)
	}
	if b.Format != messages.CU8 || string(b.IQ) != "\x01\x02\x03\xff" {
		t.Errorf("the samples in base64 are % x in %s", b.IQ, b.Format)
	}
	if s.form != inJSON {
		t.Error("the form is not that of several receivers")
	}
}

func TestDefaults(t *testing.T) {
	rate, frequency := 2.4e6, 433e6
	d := Defaults{Network: "net", Bundle: "site", SampleRate: &rate, CenterFrequency: &frequency, Position: &messages.Position{Latitude: 1, Longitude: 2}}
	s, f := d.read(&scanner{text: []byte(`{"iq_data":[[1,0]],"session_id":"x"}`)}, now)
	if f != nil {
		t.Fatal(f.problem())
	}
	r := s.capture.Receivers[0]
	if r.SampleRate != rate || s.capture.Frequency != frequency || r.Latitude != 1 || r.Longitude != 2 || r.Station != "site" {
		t.Errorf("read %+v", s)
	}
}

// TestFaults bends a good request, and expects the code and the place of each fault.
func TestFaults(t *testing.T) {
	const one = `"sample_rate":12000,"center_frequency":77500,"latitude":45,"longitude":8`
	const rx = `"station":"A","latitude":45,"longitude":8,"start_time":1,"clock_sigma":1`
	for _, c := range []struct{ text, code, pointer, detail string }{
		{``, CodeNotJSON, "", "ends after 0 bytes"},
		{`{`, CodeNotJSON, "", "a field's name"},
		{`{"iq_data" [[1,0]]}`, CodeNotJSON, "", "a colon"},
		{`{"latitude":1 "longitude":2}`, CodeNotJSON, "", "a comma or }"},
		{`{"iq_data":[[1,0]`, CodeNotJSON, "#/iq_data", "a comma or ]"},
		{`{"iq_data":[[1,NaN]]}`, CodeNotJSON, "#/iq_data/0/1", `'N'`},
		{`{"iq_data":[[1,Infinity]]}`, CodeNotJSON, "#/iq_data/0/1", `'I'`},
		{`{"iq_data":[[1,01]]}`, CodeNotJSON, "#/iq_data/0/1", "a number"},
		{`{"iq_data":[[1,.5]]}`, CodeNotJSON, "#/iq_data/0/1", ""},
		{`{"iq_data":[[1,1.]]}`, CodeNotJSON, "#/iq_data/0/1", ""},
		{`{"iq_data":[[1,1e]]}`, CodeNotJSON, "#/iq_data/0/1", ""},
		{`{"session_id":"a` + "\x01" + `"}`, CodeNotJSON, "#/session_id", "control character"},
		{`{"session_id":"a\x"}`, CodeNotJSON, "#/session_id", "a string"},
		{`{"session_id":"a`, CodeNotJSON, "#/session_id", "the end of a string"},
		{`{"cache_enabled":tru}`, CodeNotJSON, "#/cache_enabled", "true"},
		{good + `x`, CodeNotJSON, "", "the end"},
		{`[]`, messages.CodeBadType, "", "an array; want an object"},
		{`null`, messages.CodeBadType, "", "null"},
		{`{"iq_data":[[1,0]],"session":"x",` + one + `}`, CodeUnknownField, "#/session", "session is no field"},
		{`{"a/b~c":1}`, CodeUnknownField, "#/a~1b~0c", ""},
		{`{"` + strings.Repeat("x", 1000) + `":1}`, CodeUnknownField, "#/" + strings.Repeat("x", 64), ""},
		{`{"latitude":1,"latitude":1}`, messages.CodeDuplicateKey, "#/latitude", ""},
		{`{"event":"1","event":"1"}`, messages.CodeDuplicateKey, "#/event", ""},
		{`{"iq_data":[1,2]}`, messages.CodeBadType, "#/iq_data/0", "a pair"},
		{`{"iq_data":{}}`, messages.CodeBadType, "#/iq_data", ""},
		{`{"iq_data":null}`, messages.CodeBadType, "#/iq_data", ""},
		{`{"iq_data":[]}`, CodeBadIQ, "#/iq_data", "empty"},
		{`{"iq_data":[[1,0],[1]]}`, CodeBadIQ, "#/iq_data/1", "has 1 numbers"},
		{`{"iq_data":[[1,0],[]]}`, CodeBadIQ, "#/iq_data/1", "has 0 numbers"},
		{`{"iq_data":[[1,0,0]]}`, CodeBadIQ, "#/iq_data/0", "has 3 numbers"},
		{`{"iq_data":[["1",0]]}`, messages.CodeBadType, "#/iq_data/0/0", "a string; want a number"},
		{`{"iq_data":[[1e400,0]]}`, messages.CodeBadSamples, "#/iq_data/0/0", "1e400"},
		{`{"iq_data":[[1,-2000000]]}`, messages.CodeBadSamples, "#/iq_data/0/1", ""},
		{`{"iq":"A","format":"cu8",` + one + `}`, CodeBadBase64, "#/iq", ""},
		{`{"iq":"AAAA","format":"cs8"}`, messages.CodeBadFormat, "#/format", "cs8"},
		{`{"iq":"AAAA",` + one + `}`, messages.CodeMissingField, "#/format", ""},
		{`{"iq":"AAAA","iq_data":[[1,0]],"format":"cu8",` + one + `}`, CodeConflict, "#/iq", ""},
		{`{"iq_data":[[1,0]],"format":"cu8",` + one + `}`, CodeConflict, "#/format", ""},
		{`{` + one + `}`, messages.CodeMissingField, "#/iq_data", "iq_data is missing"},
		{`{"iq_data":[[1,0]],"sample_rate":1,"latitude":1,"longitude":1}`, messages.CodeMissingField, "#/center_frequency", ""},
		{`{"iq_data":[[1,0]],"center_frequency":1,"latitude":1,"longitude":1}`, messages.CodeMissingField, "#/sample_rate", ""},
		{`{"iq_data":[[1,0]],"center_frequency":1,"sample_rate":1,"latitude":1}`, messages.CodeMissingField, "#/longitude", ""},
		{`{"latitude":1e999}`, CodeBadNumber, "#/latitude", ""},
		{`{"start_time":1.5}`, messages.CodeBadTime, "#/start_time", "whole nanoseconds"},
		{`{"start_time":0}`, messages.CodeBadTime, "#/start_time", ""},
		{`{"start_time":99999999999999999999}`, messages.CodeBadTime, "#/start_time", ""},
		{`{"start_time":"yesterday"}`, messages.CodeBadTime, "#/start_time", "RFC 3339"},
		{`{"start_time":"1960-01-01T00:00:00Z"}`, messages.CodeBadTime, "#/start_time", ""},
		{`{"network":"a.b","iq_data":[[1,0]],` + one + `}`, messages.CodeBadSubject, "#/network", ""},
		{`{"receivers":[]}`, messages.CodeMissingField, "#/center_frequency", ""},
		{`{"center_frequency":1,"receivers":[]}`, messages.CodeNoReceivers, "#/receivers", ""},
		{`{"center_frequency":1,"receivers":[7]}`, messages.CodeBadType, "#/receivers/0", ""},
		{`{"center_frequency":1,"receivers":[{"lat":7}]}`, CodeUnknownField, "#/receivers/0/lat", "receivers[0].lat"},
		{`{"center_frequency":1,"receivers":[{` + rx + `}]}`, messages.CodeMissingField, "#/receivers/0/sample_rate", ""},
		{`{"center_frequency":1,"sample_rate":1,"receivers":[{` + rx + `}]}`, messages.CodeMissingField, "#/receivers/0/iq_data", ""},
		{`{"center_frequency":1,"receivers":[{` + rx + `}],"latitude":4}`, CodeConflict, "#/latitude", ""},
		{`{"receivers":[` + strings.Repeat(`{},`, 32) + `{}]}`, messages.CodeTooManyReceivers, "#/receivers/32", ""},
	} {
		_, f := readText(c.text)
		if f == nil {
			t.Errorf("%.80s is taken", c.text)
			continue
		}
		if p := f.problem(); p.Code != c.code || p.Pointer != c.pointer || !strings.Contains(p.Detail, c.detail) || p.Status != 400 {
			t.Errorf("%.80s\ngives %d %s at %q: %s\nwant %s at %q: %s", c.text, p.Status, p.Code, p.Pointer, p.Detail, c.code, c.pointer, c.detail)
		}
	}
}

// TestRefusalsInJSON expects what a capture is refused for to be told in the request's words.
func TestRefusalsInJSON(t *testing.T) {
	for _, c := range []struct{ change, code, pointer, detail string }{
		{`"sample_rate":12`, "bad_rate", "#/sample_rate", "sample_rate is 12; want 1 kHz to 100 MHz"},
		{`"center_frequency":-1`, "bad_freq", "#/center_frequency", "center_frequency is -1;"},
		{`"latitude":91`, "bad_position", "#/latitude", "latitude is 91; want -90 to 90 degrees"},
		{`"latitude":0,"longitude":0`, "null_island", "#/latitude", "latitude and longitude are both 0"},
		{`"altitude":1e9`, "bad_altitude", "#/altitude", "altitude is 1e+09"},
		{`"clock_sigma":-1`, "bad_sigma", "#/clock_sigma", "clock_sigma is -1"},
		{`"gain":500`, "bad_gain", "#/gain", "gain is 500"},
		{`"station":"a b"`, "bad_station", "#/station", "station is"},
		{`"session_id":"` + strings.Repeat("x", 257) + `"`, "bad_text", "#/session_id", "session_id has 257 bytes"},
	} {
		var request map[string]any
		for _, text := range []string{good, "{" + c.change + "}"} {
			if err := json.Unmarshal([]byte(text), &request); err != nil {
				t.Fatal(err)
			}
		}
		text, _ := json.Marshal(request)
		d := Defaults{Network: "net", Bundle: "http"}
		s, f := readText(string(text))
		if f == nil {
			_, f = d.question(s)
		}
		if f == nil {
			t.Errorf("%s is taken", c.change)
			continue
		}
		if p := f.problem(); p.Code != c.code || p.Pointer != c.pointer || !strings.HasPrefix(p.Detail, c.detail) {
			t.Errorf("%s gives %s at %s: %s", c.change, p.Code, p.Pointer, p.Detail)
		}
	}
	p := refused(&messages.Refusal{Code: "duplicate_station", Reason: "rx[0].station and rx[12].station are both A"}, inJSON).problem()
	if p.Pointer != "#/receivers/0/station" || p.Detail != "receivers[0].station and receivers[12].station are both A" {
		t.Errorf("%+v", p)
	}
	p = refused(&messages.Refusal{Code: "bad_rate", Reason: "rx[0].rate is 0"}, inMsgpack).problem()
	if p.Pointer != "" || p.Detail != "rx[0].rate is 0" {
		t.Errorf("%+v", p)
	}
}

// TestReadTooLarge expects more samples than a capture may have to be refused as they are read.
func TestReadTooLarge(t *testing.T) {
	pairs := strings.Repeat("[1,0],", messages.MaxCaptureBytes/8)
	_, f := readText(`{"iq_data":[` + pairs + `[1,0]]}`)
	if f == nil || f.problem().Status != 413 || f.pointer() != "#/iq_data/1048576" {
		t.Errorf("%+v", f)
	}
	half := pairs[:len(pairs)/2] + "[1,0]"
	_, f = readText(`{"receivers":[{"iq_data":[` + half + `]},{"iq_data":[` + half + `]}]}`)
	if f == nil || f.code != messages.CodeTooLarge {
		t.Errorf("two halves and more: %+v", f)
	}
	_, f = readText(`{"iq":"` + strings.Repeat("AAAA", messages.MaxCaptureBytes/3+2) + `"}`)
	if f == nil || f.code != messages.CodeTooLarge {
		t.Errorf("in base64: %+v", f)
	}
}

func TestNumberEnd(t *testing.T) {
	for _, text := range []string{"0", "-0", "10", "1.5", "-1.25e+10", "1E-2", "0.0", "-", "00", "01", "1.", ".5", "1e", "1e+", "+1", "--1", "", "1x", "0x1", "Inf", "1_0"} {
		end := numberEnd([]byte(text), 0)
		if taken := end == len(text) && end > 0; taken != json.Valid([]byte(text)) {
			t.Errorf("%q: ends at %d, and json.Valid says %v", text, end, json.Valid([]byte(text)))
		}
	}
}

func TestIDs(t *testing.T) {
	id := newID(now)
	if made, ok := timeOf(id, now); !ok || !made.Equal(now) {
		t.Errorf("%s was made %v, %v", id, made, ok)
	}
	for _, id := range []string{"", messages.NewCaptureID(), strings.Repeat("f", 44), strings.Repeat("0", 44), strings.Repeat("g", 44), newID(now.Add(time.Hour))} {
		if made, ok := timeOf(id, now); ok {
			t.Errorf("%s was made %v", id, made)
		}
	}
	if again := newID(now); again == id {
		t.Error("two ids are the same")
	}
}
