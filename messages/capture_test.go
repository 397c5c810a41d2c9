package messages

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

const testID = "0123456789abcdef0123456789ABCDEF"

// threeReceivers is a valid capture of 4480 samples a receiver, 27 KB as cu8.
func threeReceivers(format SampleFormat) *Capture {
	c := &Capture{Version: 1, ID: testID, Event: "e", Session: "s", Frequency: 433.92e6, Cache: true}
	for i, station := range []string{"A", "B-2", "c_3"} {
		iq := make([]byte, 4480*format.BytesPerSample())
		for n := range iq {
			iq[n] = byte(n*7 + i)
		}
		if format == CF32 {
			for n := 0; n < len(iq); n += 4 {
				binary.LittleEndian.PutUint32(iq[n:], math.Float32bits(float32(n%100)/100-0.5))
			}
		}
		c.Receivers = append(c.Receivers, Receiver{
			Station: station, Latitude: 45 + float64(i), Longitude: 7, Altitude: 300, StartTime: 1700000000000000000 + int64(i),
			ClockSigma: 30, SampleRate: 2.4e6, Gain: 20.5, Format: format, IQ: iq,
		})
	}
	return c
}

func encode(t testing.TB, c *Capture) []byte {
	t.Helper()
	b, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCaptureRoundTrip(t *testing.T) {
	for _, format := range []SampleFormat{CU8, CI8, CI16, CF32} {
		want := threeReceivers(format)
		want.Cache = format == CU8
		msg := encode(t, want)
		var got Capture
		if err := got.Decode(msg); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("%s: decoded %+v, want %+v", format, got, *want)
		}
	}
}

func TestEncodeAppends(t *testing.T) {
	c := threeReceivers(CU8)
	whole := encode(t, c)
	got, err := c.Encode([]byte("head"))
	if err != nil || string(got[:4]) != "head" || !bytes.Equal(got[4:], whole) {
		t.Errorf("Encode after 4 bytes gives %d bytes, %v; want 4 + %d", len(got), err, len(whole))
	}
}

func TestDecodeAliasesIQ(t *testing.T) {
	msg := encode(t, threeReceivers(CI16))
	var c Capture
	if err := c.Decode(msg); err != nil {
		t.Fatal(err)
	}
	iq := c.Receivers[1].IQ
	before := iq[5]
	at := bytes.Index(msg, iq)
	msg[at+5]++
	if iq[5] != before+1 {
		t.Error("IQ was copied; want it to alias the message")
	}
	if cap(iq) != len(iq) {
		t.Errorf("cap(IQ) = %d, len %d: an append would write into the message", cap(iq), len(iq))
	}
}

// A worker decodes one capture after another into the same struct: nothing may be left over
// from the one before, and nothing be allocated when the strings are the same.
func TestDecodeReuse(t *testing.T) {
	large := encode(t, threeReceivers(CF32))
	small := threeReceivers(CI8)
	small.Event, small.Session, small.ID = "", "", NewCaptureID()
	small.Receivers = small.Receivers[1:2]
	var c Capture
	for range 2 {
		if err := c.Decode(large); err != nil {
			t.Fatal(err)
		}
		if err := c.Decode(encode(t, small)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&c, small) {
			t.Fatalf("decoded %+v, want %+v", c, *small)
		}
	}
	if err := c.Decode(large); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() { c.Decode(large) }); n != 0 {
		t.Errorf("decoding the same stations again allocates %v times; want 0", n)
	}
}

func TestDecodeSkipsUnknownKeys(t *testing.T) {
	m := wireCapture()
	m["x"] = map[string]any{"deep": []any{1, 2.5, nil, true, []byte{1}, "s", map[int]int{1: 2}}}
	receiver(m)["y"] = []any{int64(-1), math.MaxUint32, uint64(math.MaxUint64), float32(1), int8(-128), int16(-300), int32(-70000)}
	var c Capture
	if err := c.Decode(marshal(t, m)); err != nil {
		t.Fatal(err)
	}
}

func TestDecodeSkipsKeysThatAreNotStrings(t *testing.T) {
	base := marshal(t, wireCapture()) // a fixmap of 4 pairs: make it 5, the first being [1]: {}
	msg := append([]byte{base[0] + 1, 0x91, 0x01, 0x80}, base[1:]...)
	var c Capture
	if err := c.Decode(msg); err != nil {
		t.Fatal(err)
	}
}

func TestNumbersOfEveryKind(t *testing.T) {
	for _, rate := range []any{uint16(48000), int32(48000), uint64(48000), float32(48000), 48000.0, int64(48000)} {
		m := wireCapture()
		receiver(m)["rate"] = rate
		var c Capture
		if err := c.Decode(marshal(t, m)); err != nil {
			t.Fatalf("%T: %v", rate, err)
		}
		if got := c.Receivers[0].SampleRate; got != 48000 {
			t.Errorf("rate sent as %T reads %g, want 48000", rate, got)
		}
	}
	for _, lon := range []any{int8(-7), int16(-7), int64(-7), float32(-7)} {
		m := wireCapture()
		receiver(m)["lon"] = lon
		var c Capture
		if err := c.Decode(marshal(t, m)); err != nil || c.Receivers[0].Longitude != -7 {
			t.Errorf("lon sent as %T: %v, %v; want -7", lon, c.Receivers, err)
		}
	}
}

func TestStartTimeIsTheEarliest(t *testing.T) {
	c := threeReceivers(CU8)
	c.Receivers[1].StartTime = 5
	if got := c.StartTime(); got != 5 {
		t.Errorf("StartTime = %d, want 5", got)
	}
	if got := (&Capture{}).StartTime(); got != 0 {
		t.Errorf("StartTime of no receivers = %d, want 0", got)
	}
}

func TestNewCaptureID(t *testing.T) {
	a, b := NewCaptureID(), NewCaptureID()
	if a == b || len(a) != 32 || !isToken(a) {
		t.Errorf("ids %q and %q; want two different ones of 32 hexadecimal digits", a, b)
	}
}

// wireCapture is a small valid capture as a map, to be bent.
func wireCapture() map[string]any {
	return map[string]any{"v": 1, "id": testID, "freq": 77500, "rx": []any{map[string]any{
		"station": "A", "lat": 46, "lon": 8.5, "alt": 100, "t0": int64(1700000000000000000), "sigma": 30,
		"rate": 12000, "gain": 0, "fmt": "ci8", "iq": []byte{1, 2, 3, 4},
	}}}
}

func receiver(m map[string]any) map[string]any { return m["rx"].([]any)[0].(map[string]any) }

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
