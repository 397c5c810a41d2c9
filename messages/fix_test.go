package messages

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func goodFix() *Fix {
	return &Fix{
		Version: 1, CaptureID: testID, Event: "e", Network: "dcf", Source: "dcf77", Frequency: 77500, Time: 1597301540520645442,
		Position: Position{Latitude: 50.0152, Longitude: 9.0112},
		Uncertainty: Uncertainty{
			SigmaX: 5000.5, SigmaY: 4500, Theta: 30.25, ConfidenceInterval: 0.95, CovarianceXY: -12.5,
			SemiMajor: 13000, SemiMinor: 11000, Area: 4.5e8,
		},
		Confidence: 1, Model: Model{Name: "grid", Version: "1", Digest: strings.Repeat("ab", 32)},
		Budget:    Budget{Propagation: 1.5e-5, Source: "lf"},
		Receivers: []FixReceiver{{Station: "HB9ODP", Used: true, Residual: -1e-6, CaptureID: testID}, {Station: "JO51xl"}},
		CacheHit:  true, Inference: 4.5, Stages: Stages{0.001, 1, 0.25, 3, 0.125},
		Timestamp: 1767323045000000000, GeoJSON: RawJSON(`{"type":"Feature"}`),
		Arm: ArmChampion, Experiment: "grid-2", Fallback: &Fallback{Model{"net", "7", "cd"}, "bad_output", "the position is not finite"},
		Truth: &FixTruth{50.016, 9, 803.5, 0.0625},
	}
}

// olderFix is what a program wrote that knew of no arms.
func olderFix() *Fix {
	f := goodFix()
	f.Arm, f.Experiment, f.Fallback, f.Truth = "", "", nil, nil
	f.Receivers[0].CaptureID = ""
	return f
}

// TestOlderFix: what a program without arms wrote reads as it was, and is written the same.
func TestOlderFix(t *testing.T) {
	for _, contentType := range []string{ContentTypeJSON, ContentTypeMsgpack} {
		want := olderFix()
		b, err := want.Encode(contentType)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"arm", "experiment", "fallback", "truth"} {
			if strings.Contains(string(b), name) {
				t.Errorf("%s: %q has %s", contentType, b, name)
			}
		}
		if got, err := DecodeFix(contentType, b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded %+v, %v; want %+v", contentType, got, err, want)
		}
	}
}

func TestFixRoundTrip(t *testing.T) {
	for _, contentType := range []string{"", ContentTypeJSON, ContentTypeMsgpack} {
		want := goodFix()
		b, err := want.Encode(contentType)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeFix(contentType, b)
		if err != nil {
			t.Fatalf("%s: %v", contentType, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded %+v, want %+v", contentType, got, want)
		}
	}
}

// Those who read fixes rely on these names; they do not change within version 1.
func TestFixNames(t *testing.T) {
	const want = `{"v":1,"capture_id":"0123456789abcdef0123456789ABCDEF","event":"e","session":"","network":"dcf","source":"dcf77",` +
		`"frequency":77500,"time":"2020-08-13T06:52:20.520645442Z","position":{"latitude":50.0152,"longitude":9.0112},` +
		`"uncertainty":{"sigma_x":5000.5,"sigma_y":4500,"theta":30.25,"confidence_interval":0.95,"covariance_xy":-12.5,` +
		`"semi_major_m":13000,"semi_minor_m":11000,"area_m2":450000000},"confidence":1,` +
		`"model":{"name":"grid","version":"1","digest":"abababababababababababababababababababababababababababababababab"},` +
		`"arm":"champion","experiment":"grid-2","fallback":{"model":{"name":"net","version":"7","digest":"cd"},"code":"bad_output",` +
		`"sentence":"the position is not finite"},` +
		`"budget":{"propagation_s":0.000015,"source":"lf"},` +
		`"receivers":[{"station":"HB9ODP","used":true,"residual":-0.000001,"capture_id":"0123456789abcdef0123456789ABCDEF"},{"station":"JO51xl","used":false,"residual":0}],` +
		`"cache_hit":true,"inference_time_ms":4.5,"stages_ms":{"decode":0.001,"preprocess":1,"cache":0.25,"model":3,"ellipse":0.125},` +
		`"timestamp":"2026-01-02T03:04:05Z","truth":{"latitude":50.016,"longitude":9,"error_m":803.5,"d2":0.0625},"geojson":{"type":"Feature"}}`
	got, err := goodFix().Encode("")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the fix reads\n%s\nwant\n%s", got, want)
	}
	b, err := goodFix().Encode(ContentTypeMsgpack)
	if err != nil {
		t.Fatal(err)
	}
	var packed, text map[string]any
	if err := msgpack.Unmarshal(b, &packed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &text); err != nil {
		t.Fatal(err)
	}
	for name := range text {
		if _, ok := packed[name]; !ok {
			t.Errorf("%s is in JSON but not in msgpack", name)
		}
	}
	if len(packed) != len(text) {
		t.Errorf("msgpack has %d fields, JSON %d", len(packed), len(text))
	}
}

func TestFixWithoutReceiversAndGeoJSON(t *testing.T) {
	f := goodFix()
	f.Receivers, f.GeoJSON = nil, nil
	for _, contentType := range []string{ContentTypeJSON, ContentTypeMsgpack} {
		b, err := f.Encode(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "geojson") || strings.Contains(string(b), "null") {
			t.Errorf("%s: %s; want no geojson and an empty list of receivers", contentType, b)
		}
		got, err := DecodeFix(contentType, b)
		if err != nil || len(got.Receivers) != 0 || got.GeoJSON != nil {
			t.Errorf("%s: %+v, %v", contentType, got, err)
		}
	}
	if f.Receivers != nil {
		t.Error("Encode changed the fix")
	}
}

func TestFixValidate(t *testing.T) {
	cases := map[string]func(*Fix){
		"position":                        func(f *Fix) { f.Position.Latitude = math.NaN() },
		"confidence":                      func(f *Fix) { f.Confidence = 1.01 },
		"uncertainty.confidence_interval": func(f *Fix) { f.Uncertainty.ConfidenceInterval = 1 },
		"uncertainty.sigma_x":             func(f *Fix) { f.Uncertainty.SigmaX = math.Inf(1) },
		"uncertainty.theta":               func(f *Fix) { f.Uncertainty.Theta = math.NaN() },
		"uncertainty.covariance_xy":       func(f *Fix) { f.Uncertainty.CovarianceXY = math.NaN() },
		"budget.propagation_s":            func(f *Fix) { f.Budget.Propagation = -1 },
		"residual of receiver JO51xl":     func(f *Fix) { f.Receivers[1].Residual = math.Inf(-1) },
		"receivers has 33":                func(f *Fix) { f.Receivers = make([]FixReceiver, 33) },
		"a receiver's station":            func(f *Fix) { f.Receivers[1].Station = "a b" },
		"capture_id":                      func(f *Fix) { f.CaptureID = strings.Repeat("a", 65) },
		"the fix cannot be written":       func(f *Fix) { f.GeoJSON = RawJSON("{") },
		"arm":                             func(f *Fix) { f.Arm = "\x1b[2J" },
		"experiment":                      func(f *Fix) { f.Experiment = "a b" },
		"fallback.code":                   func(f *Fix) { f.Fallback.Code = "a b" },
		"truth.latitude":                  func(f *Fix) { f.Truth.Latitude = 91 },
		"truth.error_m":                   func(f *Fix) { f.Truth.Error = math.NaN() },
		"truth.d2":                        func(f *Fix) { f.Truth.D2 = math.Inf(1) },
	}
	for words, bend := range cases {
		f := goodFix()
		bend(f)
		_, err := f.Encode("")
		wantRefusal(t, err, CodeBadFix, words)
	}
}

// Names are shown on terminals, and anybody may publish something among the fixes.
func TestDecodeFixRefusesEscapeCodes(t *testing.T) {
	b, err := goodFix().Encode("")
	if err != nil {
		t.Fatal(err)
	}
	for word, name := range map[string]string{`"HB9ODP"`: "station", `"dcf"`: "network", `"dcf77"`: "source", `"` + testID + `"`: "capture_id"} {
		_, err := DecodeFix("", []byte(strings.Replace(string(b), word, `"\u001b[2J"`, 1)))
		wantRefusal(t, err, CodeBadFix, name)
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the refusal repeats the escape code: %q", err)
		}
		if _, err := DecodeFix("", []byte(strings.Replace(string(b), word, `""`, 1))); err != nil {
			t.Errorf("an empty %s: %v", name, err)
		}
	}
}

func TestDecodeFixRefusesBadGeoJSONAndTimes(t *testing.T) {
	for name, value := range map[string]any{"geojson": "{", "timestamp": "yesterday", "time": 7, "receivers": "none"} {
		b, err := msgpack.Marshal(map[string]any{name: value})
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeFix(ContentTypeMsgpack, b)
		wantRefusal(t, err, CodeBadFix, "msgpack")
	}
}

func TestSameFix(t *testing.T) {
	a, b := goodFix(), goodFix()
	b.CacheHit, b.Inference, b.Stages, b.Timestamp = false, 9, Stages{}, 1
	b.Arm, b.Experiment, b.Fallback = ArmChallenger, "another", nil
	if !SameFix(a, b) {
		t.Error("fixes that differ in their times only are not the same")
	}
	bends := []func(*Fix){
		func(f *Fix) { f.CaptureID = "x" }, func(f *Fix) { f.Position.Latitude++ }, func(f *Fix) { f.Uncertainty.Theta++ },
		func(f *Fix) { f.Model.Digest = "" }, func(f *Fix) { f.Receivers[1].Used = true }, func(f *Fix) { f.Receivers = f.Receivers[:1] },
		func(f *Fix) { f.GeoJSON = nil }, func(f *Fix) { f.Time++ }, func(f *Fix) { f.Budget.Propagation = 1 },
		func(f *Fix) { f.Truth = nil }, func(f *Fix) { f.Truth.D2++ },
	}
	for i, bend := range bends {
		b := goodFix()
		bend(b)
		if SameFix(a, b) {
			t.Errorf("case %d: different fixes are said to be the same", i)
		}
	}
}

// Whoever adds a field to Fix must decide whether SameFix compares it.
func TestSameFixKnowsEveryField(t *testing.T) {
	compared := reflect.TypeFor[fixCore]().NumField() + len([]string{"Receivers", "GeoJSON", "Truth"})
	left := len([]string{"CacheHit", "Inference", "Stages", "Timestamp", "Arm", "Experiment", "Fallback"})
	if n := reflect.TypeFor[Fix]().NumField(); n != compared+left {
		t.Errorf("Fix has %d fields, SameFix knows %d", n, compared+left)
	}
}
