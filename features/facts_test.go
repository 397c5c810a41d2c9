package features

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"foxhunt/messages"
)

// factual says of every field of a capture and of a receiver whether features depend on it. A new field is to be entered
// here, and among the facts if they do.
var factual = map[string]bool{
	"Version": false, "ID": false, "Event": false, "Session": false, "Cache": false, "Truth": false, "Frequency": true,
	"Station": false, "Latitude": true, "Longitude": true, "Altitude": true, "StartTime": true, "ClockSigma": true,
	"SampleRate": true, "Gain": true, "Format": true, "IQ": true,
}

// TestEveryFieldIsAFactOrNone changes one field at a time.
func TestEveryFieldIsAFactOrNone(t *testing.T) {
	original := AppendFacts(nil, record(t, scene(3)), "net", Budget{})
	check := func(name string, capture *messages.Capture, field reflect.Value) {
		t.Helper()
		if name == "Receivers" {
			return
		}
		fact, known := factual[name]
		if !known {
			t.Errorf("%s is new: do features depend on it?", name)
		}
		switch field.Kind() {
		case reflect.Float64:
			field.SetFloat(math.Nextafter(field.Float(), math.Inf(1)))
		case reflect.Int, reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.String:
			field.SetString(field.String() + "x")
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.Slice:
			field.SetBytes(field.Bytes()[:field.Len()-8])
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		default:
			t.Fatalf("%s is a %v", name, field.Kind())
		}
		if changed := !bytes.Equal(AppendFacts(nil, capture, "net", Budget{}), original); changed != fact {
			t.Errorf("another %s changes the facts: %v; want %v", name, changed, fact)
		}
	}
	for i := range reflect.TypeFor[messages.Capture]().NumField() {
		capture := record(t, scene(3))
		check(reflect.TypeFor[messages.Capture]().Field(i).Name, capture, reflect.ValueOf(capture).Elem().Field(i))
	}
	for i := range reflect.TypeFor[messages.Receiver]().NumField() {
		capture := record(t, scene(3))
		check(reflect.TypeFor[messages.Receiver]().Field(i).Name, capture, reflect.ValueOf(&capture.Receivers[1]).Elem().Field(i))
	}
}

// TestFactsOfSeveral tells apart what no single field does.
func TestFactsOfSeveral(t *testing.T) {
	original := record(t, scene(3))
	swapped, fewer := record(t, scene(3)), record(t, scene(3))
	swapped.Receivers[0], swapped.Receivers[1] = swapped.Receivers[1], swapped.Receivers[0]
	fewer.Receivers = fewer.Receivers[:2]
	seen := make(map[string]string)
	for name, facts := range map[string][]byte{
		"original":        AppendFacts(nil, original, "net", Budget{}),
		"swapped":         AppendFacts(nil, swapped, "net", Budget{}),
		"fewer":           AppendFacts(nil, fewer, "net", Budget{}),
		"default's floor": AppendFacts(nil, original, "net", Budget{Default: vhfFloor}), // the same figure, but the bandwidth adds nothing
		"option":          AppendFacts(nil, original, "net", Budget{Default: 1e-6}),
		"network's":       AppendFacts(nil, original, "net", Budget{Networks: map[string]float64{"net": 1e-6}}),
	} {
		if other, ok := seen[string(facts)]; ok {
			t.Errorf("%s has the facts of %s", name, other)
		}
		seen[string(facts)] = name
	}
	other := AppendFacts(nil, original, "another net", Budget{Networks: map[string]float64{"net": 1e-6}})
	if seen[string(other)] != "original" {
		t.Error("the option of a network has changed the facts of another's capture")
	}
}

// TestSameFactsSameFeatures gives two captures the same facts and samples and all else different.
func TestSameFactsSameFeatures(t *testing.T) {
	mixed := scene(4)
	mixed.Receivers[1].SampleRate = 80e3
	a, b := record(t, mixed), record(t, mixed)
	b.ID, b.Event, b.Session, b.Cache = messages.NewCaptureID(), "e", "s", !a.Cache
	for i := range b.Receivers {
		b.Receivers[i].Station += "x"
		b.Receivers[i].StartTime += int64(12345*time.Hour + 67*time.Nanosecond)
	}
	if !bytes.Equal(AppendFacts(nil, a, "net", Budget{}), AppendFacts(nil, b, "network", Budget{})) {
		t.Fatal("the facts differ")
	}
	_, one := newExtractor(t, everything(), Budget{}).must(t, a)
	_, two := newExtractor(t, everything(), Budget{}).must(t, b)
	for i := range one.Tensors {
		if !slices.Equal(one.Tensors[i].Data, two.Tensors[i].Data) {
			t.Errorf("%s differs", one.Tensors[i].Name)
		}
	}
	if one.Budget != two.Budget || one.Frame.Origin() != two.Frame.Origin() {
		t.Error("budget or frame differs")
	}
}

// TestVersion fails when features have changed. Then [Version] must, so that caches do not outlive the change, and the
// figures here with it.
func TestVersion(t *testing.T) {
	_, f := newExtractor(t, everything(), Budget{}).must(t, noise())
	weighed := make(map[string]float64)
	for _, tensor := range f.Tensors {
		for i, v := range tensor.Data {
			weighed[tensor.Name] += float64(v) * math.Sin(float64(i+1)) // every value counts, each in its place
		}
	}
	weighed["propagation"] = f.Budget.Propagation
	want := map[string]float64{
		"log_spectrogram": 13.4401, "cross_correlation": -0.013009, "lag": -7.73241e-05, "lag_window": 0.00100416,
		"bandwidth": 120608, "time_bandwidth": 12320.2, "full_peak": 0.0238035, "pair_mask": 1.89189,
		"receiver_level": -6.94124, "receiver_position": -19513.8, "receiver_sigma": 1.5999e-06, "receiver_mask": 1.89189,
		"propagation": 8.39731e-07,
	}
	for name, got := range weighed {
		if !(math.Abs(got-want[name]) <= 1e-3*math.Abs(want[name])) {
			t.Errorf("version %d: %q: %.6g, was %.6g", Version, name, got, want[name])
		}
	}
}

// noise is a capture that no generator's or simulator's change can alter.
func noise() *messages.Capture {
	c := &messages.Capture{Version: messages.CaptureVersion, ID: "0123456789abcdef0123456789abcdef", Frequency: 145e6}
	emission, x := make([]byte, 2*8100), uint32(1)
	for i := range emission {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		emission[i] = byte(x)
	}
	for i, place := range places[:3] {
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: string(rune('a' + i)), Latitude: place.Latitude, Longitude: place.Longitude, Altitude: place.Altitude,
			StartTime: 1_700_000_000_000_000_000 + 1000*int64(i), ClockSigma: 100, SampleRate: 64e3, Gain: float64(3 * i),
			Format: messages.CI8, IQ: emission[20*i : 20*i+2*8000],
		})
	}
	return c
}
