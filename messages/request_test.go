package messages

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func goodRequest() *Request {
	return &Request{Version: 1, Event: "0123456789abcdef0123456789abcdef", Frequency: 77500, At: Instant(1597301545000000001), Length: 1.5, MinRate: 10e3}
}

func goodAnswer() *Answer {
	return &Answer{Version: 1, Event: goodRequest().Event, Station: "HB9ODP", Accepted: true, SampleRate: 12001.084, ClockSigma: 150}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	want := goodRequest()
	msg, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"v":1,"event":"0123456789abcdef0123456789abcdef","frequency":77500,"at":"2020-08-13T06:52:25.000000001Z","length_s":1.5,"min_rate":10000}`
	if string(msg) != text {
		t.Errorf("written as %s; want %s", msg, text)
	}
	got, err := DecodeRequest([]byte(strings.Replace(text, "{", `{"later":[1,2],`, 1)))
	if err != nil || *got != *want {
		t.Errorf("read as %+v (%v); want %+v", got, err, want)
	}
	if d := got.Duration(); d != 1500*time.Millisecond {
		t.Errorf("it is %v long", d)
	}
}

func TestRequestSubject(t *testing.T) {
	t.Parallel()
	if got, err := RequestSubject("dcf"); err != nil || got != "requests.dcf" {
		t.Errorf("%q, %v", got, err)
	}
	for network, code := range map[string]string{"": CodeBadSubject, "*": CodeBadSubject, "a.b": CodeBadSubject, ">": CodeBadSubject, ShadowNetwork: CodeReserved} {
		if _, err := RequestSubject(network); codeOf(err) != code {
			t.Errorf("network %q: %v; want %s", network, err, code)
		}
	}
}

func codeOf(err error) string {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Code
}

func TestRequestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, code string }{
		{`"v":1`, `"v":2`, CodeBadVersion},
		{`"v":1,`, ``, CodeBadVersion},
		{`"0123456789abcdef0123456789abcdef"`, `"short"`, CodeBadRequest},
		{`0123456789abcdef0123456789abcdef`, `0123456789abcdef0123456789abcde\u001b`, CodeBadRequest},
		{`0123456789abcdef0123456789abcdef`, strings.Repeat("x", 65), CodeBadRequest},
		{`77500`, `0`, CodeBadFrequency},
		{`77500`, `1e12`, CodeBadFrequency},
		{`77500`, `1e999`, CodeBadRequest},
		{`2020-08-13T`, `1969-08-13T`, CodeBadTime},
		{`"2020-08-13T06:52:25.000000001Z"`, `"soon"`, CodeBadRequest},
		{`"2020-08-13T06:52:25.000000001Z"`, `1597301545`, CodeBadRequest},
		{`1.5`, `0`, CodeBadRequest},
		{`1.5`, `-1`, CodeBadRequest},
		{`1.5`, `601`, CodeBadRequest},
		{`"min_rate":10000`, `"min_rate":-1`, CodeBadRate},
		{`"min_rate":10000`, `"min_rate":1e9`, CodeBadRate},
	} {
		msg, err := goodRequest().Encode()
		if err != nil {
			t.Fatal(err)
		}
		bad := strings.Replace(string(msg), c.old, c.new, 1)
		if bad == string(msg) {
			t.Fatalf("%s is not in %s", c.old, msg)
		}
		if _, err := DecodeRequest([]byte(bad)); codeOf(err) != c.code {
			t.Errorf("%s: %v; want %s", bad, err, c.code)
		}
	}
	for msg, code := range map[string]string{"": CodeEmpty, "null": CodeBadVersion, "[]": CodeBadRequest, "{": CodeBadRequest, strings.Repeat(" ", MaxRequestBytes+1): CodeTooLarge} {
		if _, err := DecodeRequest([]byte(msg)); codeOf(err) != code {
			t.Errorf("%.20q: %v; want %s", msg, err, code)
		}
		if _, err := DecodeAnswer([]byte(msg)); codeOf(err) != code {
			t.Errorf("answer %.20q: %v; want %s", msg, err, code)
		}
	}
	if _, err := (&Request{}).Encode(); codeOf(err) != CodeBadVersion {
		t.Errorf("an empty request is written: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	no := &Answer{Version: 1, Event: goodRequest().Event, Station: "TLS", Code: AnswerBusy, Reason: "it has 16 requests already"}
	for _, want := range []*Answer{goodAnswer(), no} {
		msg, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeAnswer(msg); err != nil || *got != *want {
			t.Errorf("read as %+v (%v); want %+v", got, err, want)
		}
	}
	for _, c := range []struct {
		spoil func(*Answer)
		code  string
	}{
		{func(a *Answer) { a.Version = 0 }, CodeBadVersion},
		{func(a *Answer) { a.Event = "a b" }, CodeBadRequest},
		{func(a *Answer) { a.Event = strings.Repeat("e", 65) }, CodeBadRequest},
		{func(a *Answer) { a.Station = "" }, CodeBadStation},
		{func(a *Answer) { a.Station = "\x1b[2J" }, CodeBadStation},
		{func(a *Answer) { a.Accepted = false }, CodeBadRequest},
		{func(a *Answer) { a.Code = AnswerBusy }, CodeBadRequest},
		{func(a *Answer) { a.Accepted, a.Code = false, "\x1b" }, CodeBadRequest},
		{func(a *Answer) { a.Accepted, a.Code = false, strings.Repeat("x", 65) }, CodeBadRequest},
		{func(a *Answer) { a.Reason = strings.Repeat("x", MaxTextBytes+1) }, CodeBadText},
		{func(a *Answer) { a.SampleRate = -1 }, CodeBadRate},
		{func(a *Answer) { a.ClockSigma = 2e9 }, CodeBadSigma},
	} {
		a := goodAnswer()
		c.spoil(a)
		if _, err := a.Encode(); codeOf(err) != c.code {
			t.Errorf("%+v: %v; want %s", a, err, c.code)
		}
	}
}

// FuzzDecodeRequest: whatever is accepted can be written, and reads the same again; so do answers.
func FuzzDecodeRequest(f *testing.F) {
	request, _ := goodRequest().Encode()
	answer, _ := goodAnswer().Encode()
	for _, seed := range [][]byte{request, answer, nil, []byte("null"), []byte(`{"v":1,"at":"2020-13-13T00:00:00Z"}`), bytes.Repeat([]byte("["), 2000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		if r, err := DecodeRequest(msg); err == nil {
			again, err := r.Encode()
			if err != nil {
				t.Fatalf("a request that was read cannot be written: %v", err)
			}
			if back, err := DecodeRequest(again); err != nil || *back != *r {
				t.Fatalf("read %+v, after writing %+v (%v)", r, back, err)
			}
		} else if codeOf(err) == "" {
			t.Fatalf("%v is no refusal", err)
		}
		if a, err := DecodeAnswer(msg); err == nil {
			again, err := a.Encode()
			if err != nil {
				t.Fatalf("an answer that was read cannot be written: %v", err)
			}
			if back, err := DecodeAnswer(again); err != nil || *back != *a {
				t.Fatalf("read %+v, after writing %+v (%v)", a, back, err)
			}
		}
	})
}
