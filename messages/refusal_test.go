package messages

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refusalCase provokes one code; words are parts the sentence must have.
type refusalCase struct {
	code  string
	words string
	err   error
}

func wantRefusal(t *testing.T, err error, code, words string) {
	t.Helper()
	var ref *Refusal
	if !errors.As(err, &ref) {
		t.Errorf("error %v; want a refusal with %s", err, code)
		return
	}
	if ref.Code != code || !strings.Contains(ref.Reason, words) {
		t.Errorf("refused with %q; want code %s and %q in the sentence", ref, code, words)
	}
	if ref.Error() != ref.Code+": "+ref.Reason {
		t.Errorf("Error() = %q", ref.Error())
	}
}

func decodeError(msg []byte) error {
	var c Capture
	return c.Decode(msg)
}

// bentCapture decodes a valid capture after bend has changed it or its receiver.
func bentCapture(t *testing.T, bend func(m, rx map[string]any)) error {
	t.Helper()
	m := wireCapture()
	bend(m, receiver(m))
	return decodeError(marshal(t, m))
}

func set(key string, value any) func(m, rx map[string]any) {
	return func(m, _ map[string]any) { m[key] = value }
}

func setRx(key string, value any) func(m, rx map[string]any) {
	return func(_, rx map[string]any) { rx[key] = value }
}

func wireCases(t *testing.T) []refusalCase {
	whole := marshal(t, wireCapture())
	twice := func(pair ...byte) []byte { // one more pair at the front of the map
		return append(append([]byte{whole[0] + 1}, pair...), whole[1:]...)
	}
	nested := append(bytes.Repeat([]byte{0x91}, 40), 0xc0)
	return []refusalCase{
		{CodeEmpty, "empty", decodeError(nil)},
		{CodeNotMsgpack, "an array", decodeError([]byte{0x90})},
		{CodeNotMsgpack, "0xc1", decodeError([]byte{0x81, 0xc1, 0xc0})},
		{CodeTruncated, "ends early", decodeError(whole[:len(whole)/2])},
		{CodeTrailingBytes, "1 bytes", decodeError(append(bytes.Clone(whole), 0))},
		{CodeTooLarge, "9437184", decodeError(make([]byte, 9<<20))},
		{CodeTooDeep, "32 deep", decodeError(append([]byte{0x81, 0xa1, 'x'}, nested...))},
		{CodeDuplicateKey, "v occurs twice", decodeError(append(append([]byte{whole[0] + 1}, whole[1:]...), 0xa1, 'v', 1))},
		{CodeDuplicateKey, "occurs twice", decodeError(twice(0xa4, 'f', 'r', 'e', 'q', 1))},
		{CodeMissingField, "rx[0].gain", bentCapture(t, func(_, rx map[string]any) { delete(rx, "gain") })},
		{CodeMissingField, "freq", bentCapture(t, func(m, _ map[string]any) { delete(m, "freq") })},
		{CodeBadType, "rx[0].rate is a string; want a number", bentCapture(t, setRx("rate", "12000"))},
		{CodeBadType, "rx[0].t0 is a float", bentCapture(t, setRx("t0", 1.7e18))},
		{CodeBadType, "rx[0].t0 is nil", bentCapture(t, setRx("t0", nil))},
		{CodeBadType, "rx[0].iq is a string", bentCapture(t, setRx("iq", "text"))},
		{CodeBadType, "rx[0].station is bin", bentCapture(t, setRx("station", []byte("A")))},
		{CodeBadType, "rx[0].fmt is an integer", bentCapture(t, setRx("fmt", 8))},
		{CodeBadType, "rx is a map", bentCapture(t, set("rx", map[string]any{}))},
		{CodeBadType, "rx[0] is nil", bentCapture(t, set("rx", []any{nil}))},
		{CodeBadType, "cache is an integer", bentCapture(t, set("cache", 1))},
		{CodeBadType, "event is an integer", bentCapture(t, set("event", 1))},
		{CodeBadType, "id is an integer", bentCapture(t, set("id", 1))},
		{CodeBadType, "v is a string", bentCapture(t, set("v", "1"))},
	}
}

func captureCases(t *testing.T) []refusalCase {
	twins := func(m, rx map[string]any) { m["rx"] = []any{rx, rx} }
	many := func(m, rx map[string]any) {
		all := make([]any, 33)
		for i := range all {
			all[i] = rx
		}
		m["rx"] = all
	}
	nan := threeReceivers(CF32)
	nan.Receivers[2].IQ = []byte{0, 0, 0, 0, 0, 0, 0xc0, 0x7f}
	_, nanError := nan.Encode(nil)
	r := nan.Receivers[2]
	return []refusalCase{
		{CodeBadVersion, "v is 2", bentCapture(t, set("v", 2))},
		{CodeBadVersion, "v is 1.5", bentCapture(t, set("v", 1.5))},
		{CodeBadID, "id is 3 long", bentCapture(t, set("id", "abc"))},
		{CodeBadID, "id is 15 long", bentCapture(t, set("id", make([]byte, 15)))},
		{CodeBadID, "id is 65 long", bentCapture(t, set("id", strings.Repeat("a", 65)))},
		{CodeBadID, "other characters", bentCapture(t, set("id", strings.Repeat("a.", 12)))},
		{CodeBadText, "event has 257 bytes", bentCapture(t, set("event", strings.Repeat("x", 257)))},
		{CodeBadText, "session has 1 bytes", bentCapture(t, set("session", "\xff"))},
		{CodeBadFrequency, "freq is 0", bentCapture(t, set("freq", 0))},
		{CodeBadFrequency, "NaN", bentCapture(t, set("freq", math.NaN()))},
		{CodeNoReceivers, "1 to 32", bentCapture(t, set("rx", []any{}))},
		{CodeTooManyReceivers, "33 receivers", bentCapture(t, many)},
		{CodeBadStation, "rx[0].station", bentCapture(t, setRx("station", "a.b"))},
		{CodeBadStation, "rx[0].station", bentCapture(t, setRx("station", ""))},
		{CodeDuplicateStation, "rx[0].station and rx[1].station", bentCapture(t, twins)},
		{CodeBadPosition, "rx[0].lat is 90.5", bentCapture(t, setRx("lat", 90.5))},
		{CodeBadPosition, "rx[0].lon is NaN", bentCapture(t, setRx("lon", math.NaN()))},
		{CodeNullIsland, "told its place", bentCapture(t, func(_, rx map[string]any) { rx["lat"], rx["lon"] = 0, 0.0 })},
		{CodeBadAltitude, "rx[0].alt is -20000", bentCapture(t, setRx("alt", -20000))},
		{CodeBadAltitude, "+Inf", bentCapture(t, setRx("alt", math.Inf(1)))},
		{CodeBadTime, "rx[0].t0 is 0", bentCapture(t, setRx("t0", 0))},
		{CodeBadTime, "9223372036854775807", bentCapture(t, setRx("t0", int64(math.MaxInt64)))},
		{CodeBadTime, "18446744073709551615", bentCapture(t, setRx("t0", uint64(math.MaxUint64)))},
		{CodeBadSigma, "rx[0].sigma is -1", bentCapture(t, setRx("sigma", -1))},
		{CodeBadSigma, "NaN", bentCapture(t, setRx("sigma", math.NaN()))},
		{CodeBadSigma, "1e9 ns", bentCapture(t, setRx("sigma", uint64(math.MaxUint64)))},
		{CodeBadRate, "rx[0].rate is 0; want 1 kHz to 100 MHz", bentCapture(t, setRx("rate", 0))},
		{CodeBadRate, "rx[0].rate is +Inf", bentCapture(t, setRx("rate", math.Inf(1)))},
		{CodeBadGain, "rx[0].gain is 201", bentCapture(t, setRx("gain", 201))},
		{CodeBadFormat, `rx[0].fmt is "cs16"`, bentCapture(t, setRx("fmt", "cs16"))},
		{CodeBadIQLength, "rx[0].iq is empty", bentCapture(t, setRx("iq", []byte{}))},
		{CodeBadIQLength, "rx[0].iq has 3 bytes", bentCapture(t, setRx("iq", []byte{1, 2, 3}))},
		{CodeBadTruth, "truth is 90.5, 0; want degrees", bentCapture(t, set("truth", map[string]any{"lat": 90.5, "lon": 0}))},
		{CodeBadTruth, "truth is 0, NaN", bentCapture(t, set("truth", map[string]any{"lat": 0, "lon": math.NaN()}))},
		{CodeBadTruth, "truth is 0, -Inf", bentCapture(t, set("truth", map[string]any{"lat": 0, "lon": math.Inf(-1)}))},
		{CodeMissingField, "truth.lon is missing", bentCapture(t, set("truth", map[string]any{"lat": 1}))},
		{CodeBadType, "truth is a string; want a map", bentCapture(t, set("truth", "here"))},
		{CodeBadType, "truth.lat is a string", bentCapture(t, set("truth", map[string]any{"lat": "north", "lon": 1}))},
		{CodeBadSamples, "sample 0 of station c_3 is 0+NaNi", nanError},
		{CodeBadSamples, "sample 0 of station c_3", r.Split(make([]float32, 1), make([]float32, 1))},
	}
}

func otherCases() []refusalCase {
	_, noFixSubject := FixSubject("captures.a")
	_, badToken := CaptureSubject("net", "a.b")
	_, badNetwork := TruthSubject("", "a")
	_, _, shadow := ParseSubject("captures.shadow.a")
	_, shadowCapture := CaptureSubject(ShadowNetwork, "a")
	_, noShadowSubject := ShadowSubject("captures.shadow.a")
	_, noJSON := DecodeFix("", []byte("{"))
	_, noMsgpack := DecodeFix(ContentTypeMsgpack, []byte{0x81, 0xa1, 'v', 0xa1, 'x'})
	_, emptyFix := DecodeFix("", nil)
	_, largeFix := DecodeFix("", make([]byte, MaxFixBytes+1))
	_, trailing := DecodeFix(ContentTypeMsgpack, []byte{0x80, 0x80})
	_, xml := DecodeFix("text/xml", []byte("<fix/>"))
	_, xmlOut := goodFix().Encode("text/xml")
	_, old := DecodeFix("", []byte(`{"v":2}`))
	_, dead := DecodeDeadLetter(nil, nil)
	_, truth := DecodeTruth([]byte("["))
	_, truthOff := (&Truth{Latitude: 91}).Encode()
	return []refusalCase{
		{CodeBadSubject, "captures.<network>.<source>", noFixSubject},
		{CodeBadSubject, `source "a.b"`, badToken},
		{CodeBadSubject, `network ""`, badNetwork},
		{CodeReserved, "fixes.shadow.*.*", shadow},
		{CodeReserved, "another name", shadowCapture},
		{CodeReserved, "shadow", noShadowSubject},
		{CodeBadFix, "JSON", noJSON},
		{CodeBadFix, "msgpack", noMsgpack},
		{CodeEmpty, "fix", emptyFix},
		{CodeTooLarge, "fix", largeFix},
		{CodeTrailingBytes, "fix", trailing},
		{CodeBadContentType, "text/xml", xml},
		{CodeBadContentType, "text/xml", xmlOut},
		{CodeBadVersion, "fixes of version 1", old},
		{CodeBadDeadLetter, DeadReasonHeader, dead},
		{CodeBadTruth, "JSON", truth},
		{CodeBadTruth, "off the globe", truthOff},
	}
}

func TestRefusals(t *testing.T) {
	cases := append(append(wireCases(t), captureCases(t)...), otherCases()...)
	seen := map[string]bool{}
	for _, c := range cases {
		wantRefusal(t, c.err, c.code, c.words)
		seen[c.code] = true
	}
	for _, code := range declaredCodes(t) {
		if !seen[code] {
			t.Errorf("no case reaches %s", code)
		}
	}
}

// declaredCodes reads the Code constants from the source, so that none can be forgotten.
func declaredCodes(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	if len(codes) < 30 {
		t.Fatalf("found %d codes in refusal.go", len(codes))
	}
	return codes
}

func TestEncodeRefusesTooLarge(t *testing.T) {
	c := threeReceivers(CU8)
	c.Receivers[0].IQ = make([]byte, MaxCaptureBytes)
	_, err := c.Encode(nil)
	wantRefusal(t, err, CodeTooLarge, "8388608")
}

// A capture of exactly the limit passes, a byte more does not.
func TestLargestCapture(t *testing.T) {
	c := threeReceivers(CU8)
	over := len(encode(t, c)) - len(c.Receivers[0].IQ) + 2 // the length of iq takes 2 bytes more then
	c.Receivers[0].IQ = make([]byte, (MaxCaptureBytes-over)&^1)
	msg := encode(t, c)
	if len(msg) < MaxCaptureBytes-1 {
		t.Fatalf("the largest capture has %d bytes", len(msg))
	}
	if err := decodeError(msg); err != nil {
		t.Error(err)
	}
}

func TestValidateRefusesUnreadCaptures(t *testing.T) {
	c := threeReceivers(CU8)
	c.Receivers = append(c.Receivers, make([]Receiver, 30)...)
	wantRefusal(t, c.Validate(), CodeTooManyReceivers, "33 receivers")
	c = threeReceivers(CU8)
	c.Receivers[1].Format = "cu16"
	wantRefusal(t, c.Validate(), CodeBadFormat, "rx[1].fmt")
	wantRefusal(t, (&Capture{}).Validate(), CodeBadVersion, "v is 0")
}

func TestInstantRefusesFarYears(t *testing.T) {
	var i Instant
	if err := i.UnmarshalJSON([]byte(`"2300-01-01T00:00:00Z"`)); err == nil {
		t.Error("the year 2300 was accepted")
	}
	if err := i.UnmarshalJSON([]byte(`7`)); err == nil {
		t.Error("a number was accepted")
	}
	now := time.Now()
	if got := InstantOf(now).Time(); !got.Equal(now) {
		t.Errorf("InstantOf(%v).Time() = %v", now, got)
	}
}
