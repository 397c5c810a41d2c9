package messages

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDeadLetterRoundTrip(t *testing.T) {
	want := &DeadLetter{
		Body: []byte{0, 1, 2}, Subject: "captures.net.a", Headers: map[string][]string{"Nats-Msg-Id": {"x"}, "A": {"1", "2"}},
		Reason: CodeBadRate, Sentence: "rx[1].rate is 0; want 1 kHz to 100 MHz", Deliveries: 3, Worker: "w-1", ModelVersion: "1",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
	body, headers := want.Encode()
	if &body[0] != &want.Body[0] {
		t.Error("the body was copied")
	}
	if _, ok := headers["Nats-Msg-Id"]; ok {
		t.Error("the original message id is a header of the dead letter")
	}
	headers["Nats-Sequence"] = []string{"7"} // as the server adds
	got, err := DecodeDeadLetter(body, headers)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
}

func TestDeadLetterHeadersAreOneLine(t *testing.T) {
	d := &DeadLetter{Subject: "s", Reason: "r", Sentence: "a\r\nNats-Msg-Id: b\x00\xff\u009b" + strings.Repeat("é", 600)}
	_, headers := d.Encode()
	got := headers[DeadSentenceHeader][0]
	if strings.ContainsAny(got, "\r\n\x00") || !utf8.ValidString(got) || len(got) > maxHeaderText || !strings.HasPrefix(got, "a  Nats-Msg-Id: b  é") {
		t.Errorf("the sentence became %q", got)
	}
}

// A server takes 64 KiB of headers: a letter must not fail for what a stranger put into those of a capture.
func TestDeadLetterHeadersAreBounded(t *testing.T) {
	long := strings.Repeat("x", 60<<10)
	d := &DeadLetter{
		Subject: "captures." + long, Reason: long, Sentence: long, Worker: long, ModelVersion: long, Deliveries: 1, LeftOut: 1,
		Headers: map[string][]string{"Nats-Msg-Id": {"id"}, "Long": {long}},
	}
	for i := range 3000 {
		d.Headers["H-"+strconv.Itoa(i)] = []string{"1", ""}
	}
	body, headers := d.Encode()
	size := 0
	for name, values := range headers {
		size += headerSize(name, values)
	}
	if size > 8<<10 {
		t.Errorf("the headers have %d bytes", size)
	}
	got, err := DecodeDeadLetter(body, headers)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Headers) < 50 || len(got.Headers)+got.LeftOut != len(d.Headers)+1 || got.Headers["Long"] != nil {
		t.Errorf("%d headers were kept and %d left out of %d and one before", len(got.Headers), got.LeftOut, len(d.Headers))
	}
	if _, again := d.Encode(); !reflect.DeepEqual(headers, again) {
		t.Error("other headers were kept the second time")
	}
	headers[DeadLeftOutHeader] = []string{"many"}
	_, err = DecodeDeadLetter(body, headers)
	wantRefusal(t, err, CodeBadDeadLetter, DeadLeftOutHeader)
}

func TestDecodeDeadLetterRefuses(t *testing.T) {
	for _, name := range []string{DeadReasonHeader, DeadSubjectHeader, DeadDeliveriesHeader, DeadTimeHeader} {
		d := &DeadLetter{Subject: "s", Reason: "r", Deliveries: 1}
		body, headers := d.Encode()
		delete(headers, name)
		_, err := DecodeDeadLetter(body, headers)
		wantRefusal(t, err, CodeBadDeadLetter, name)
	}
}

func TestTruthRoundTrip(t *testing.T) {
	want := &Truth{CaptureID: testID, Emitter: "e1", Latitude: 45.1, Longitude: 7.2, Time: 1700000000000000001}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeTruth(b)
	if err != nil || *got != *want {
		t.Errorf("decoded %+v, %v; want %+v", got, err, want)
	}
	if s := string(b); s != `{"capture_id":"`+testID+`","emitter":"e1","latitude":45.1,"longitude":7.2,"time":"2023-11-14T22:13:20.000000001Z"}` {
		t.Errorf("the truth reads %s", s)
	}
	_, err = DecodeTruth([]byte(`{"longitude":181}`))
	wantRefusal(t, err, CodeBadTruth, "off the globe")
	for _, name := range []string{"emitter", "capture_id"} { // which are shown on terminals
		_, err = DecodeTruth([]byte(`{"` + name + `":"\u001b[2J"}`))
		wantRefusal(t, err, CodeBadTruth, name)
	}
	if _, err := DecodeTruth([]byte(`{}`)); err != nil {
		t.Errorf("a truth without names: %v", err)
	}
}

func TestSubjects(t *testing.T) {
	capture, err := CaptureSubject("net-1", "ST_1")
	if err != nil || capture != "captures.net-1.ST_1" {
		t.Errorf("capture subject %q, %v", capture, err)
	}
	if fix, err := FixSubject(capture); err != nil || fix != "fixes.net-1.ST_1" {
		t.Errorf("fix subject %q, %v", fix, err)
	}
	shadow, err := ShadowSubject(capture)
	if err != nil || shadow != "fixes.shadow.net-1.ST_1" || !IsShadow(shadow) || IsShadow("fixes.shadows.a") || IsShadow("fixes.net.shadow") {
		t.Errorf("shadow subject %q, %v", shadow, err)
	}
	if truth, err := TruthSubject("net-1", "ST_1"); err != nil || truth != "truth.net-1.ST_1" {
		t.Errorf("truth subject %q, %v", truth, err)
	}
	if dead := DeadSubject(capture); dead != "dead.captures.net-1.ST_1" {
		t.Errorf("dead subject %q", dead)
	}
	if dead := DeadSubject("captures.net." + strings.Repeat("a", 4000)); dead != "dead.captures.invalid" {
		t.Errorf("dead subject of a long subject %q", dead)
	}
	for _, bad := range []string{"", "captures", "captures..a", "captures.a.b.c", "fixes.a.b", "captures.a.*", "captures.a.>", "captures.a.b c", "captures.é.b"} {
		_, _, err := ParseSubject(bad)
		wantRefusal(t, err, CodeBadSubject, "captures.<network>.<source>")
	}
	if err := ValidateToken("network", strings.Repeat("a", 65)); err == nil {
		t.Error("a token of 65 characters was accepted")
	}
}
