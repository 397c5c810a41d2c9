package messages

import (
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// TestCaptureTruth: a place comes back as it was sent, its unknown keys are skipped, and what was read into before leaves no
// trace in a capture that has none.
func TestCaptureTruth(t *testing.T) {
	want := goldenMinimal()
	want.Truth = &Position{Latitude: -45.5, Longitude: 180}
	msg := encode(t, want)
	got := &Capture{}
	if err := got.Decode(msg); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %+v, %v; want %+v", got, err, want)
	}
	var fields map[string]any
	if err := msgpack.Unmarshal(msg, &fields); err != nil {
		t.Fatal(err)
	}
	fields["truth"].(map[string]any)["height"] = []int{1, 2}
	more, err := msgpack.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Decode(more); err != nil || *got.Truth != *want.Truth {
		t.Errorf("with a key more: %+v, %v", got.Truth, err)
	}
	for _, none := range []func(){func() { delete(fields, "truth") }, func() { fields["truth"] = nil }} {
		none()
		msg, err := msgpack.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Decode(msg); err != nil || got.Truth != nil {
			t.Errorf("a capture without a truth has %+v, %v", got.Truth, err)
		}
	}
}
