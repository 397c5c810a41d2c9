package messages

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzDecodeCapture: whatever is accepted can be encoded and reads the same again (but for
// samples that Encode refuses), and nothing allocates more than its size warrants.
func FuzzDecodeCapture(f *testing.F) {
	for _, name := range []string{"capture_minimal.msgpack", "capture_single_float.msgpack", "fix.msgpack"} {
		f.Add(golden(f, name))
	}
	small := goldenFull()
	for i := range small.Receivers {
		small.Receivers[i].IQ = small.Receivers[i].IQ[:small.Receivers[i].Format.BytesPerSample()]
	}
	f.Add(encode(f, small))
	calibration := goldenMinimal()
	calibration.Truth = &Position{Latitude: 1, Longitude: 2}
	f.Add(encode(f, calibration))
	for _, msg := range evilMessages() {
		f.Add(msg[:min(len(msg), 200)])
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		var c Capture
		var err error
		if n := allocated(func() { err = c.Decode(msg) }); n > 1<<20+16*uint64(len(msg)) {
			t.Fatalf("decoding %d bytes allocated %d", len(msg), n)
		}
		if err != nil {
			return
		}
		again, err := c.Encode(nil)
		if err != nil {
			return
		}
		var d Capture
		if err := d.Decode(again); err != nil || !reflect.DeepEqual(c, d) {
			t.Fatalf("read %+v, after encoding %+v (%v)", c, d, err)
		}
		for i := range c.Receivers {
			r := &c.Receivers[i]
			if err := r.Split(make([]float32, r.Samples()), make([]float32, r.Samples())); err != nil {
				t.Fatalf("Encode accepted samples that Split refuses: %v", err)
			}
		}
	})
}

func FuzzDecodeFix(f *testing.F) {
	text, err := goodFix().Encode("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, true)
	packed, err := goodFix().Encode(ContentTypeMsgpack)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed, false)
	f.Add(golden(f, "fix.msgpack"), false)
	for _, msg := range evilMessages() {
		f.Add(msg[:min(len(msg), 200)], false)
	}
	f.Fuzz(func(t *testing.T, msg []byte, text bool) {
		contentType := ContentTypeMsgpack
		if text {
			contentType = ContentTypeJSON
		}
		fix, err := DecodeFix(contentType, msg)
		if err != nil {
			return
		}
		once, err := fix.Encode(contentType)
		if err != nil {
			t.Fatalf("a fix that was read cannot be written: %v", err)
		}
		again, err := DecodeFix(contentType, once)
		if err != nil {
			t.Fatalf("a fix that was written cannot be read: %v", err)
		}
		if twice, err := again.Encode(contentType); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written %q, then %q (%v)", once, twice, err)
		}
	})
}
