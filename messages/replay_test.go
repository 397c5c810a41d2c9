package messages

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestReplayHeaders(t *testing.T) {
	died := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	d := &DeadLetter{Subject: "captures.net.a", Reason: CodeBadRate, Time: died, Headers: map[string][]string{
		"A": {"1", "2"}, "Nats-Msg-Id": {"id"}, "nats-rollup": {"all"}, "Nats-Expected-Stream": {"CAPTURES"}, "Nats-TTL": {"1s"},
	}}
	got := d.ReplayHeaders(7)
	want := map[string][]string{
		"A": {"1", "2"}, ReplayOfHeader: {"7"}, ReplayReasonHeader: {CodeBadRate}, ReplayCountHeader: {"1"},
		ReplayFirstHeader: {"2026-01-02T03:04:05.000000006Z"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("headers %v, want %v", got, want)
	}
	// It dies again, with a worker that keeps its headers, and is put back once more.
	again := &DeadLetter{Subject: d.Subject, Reason: "gave_up", Time: died.Add(time.Hour), Headers: got}
	body, headers := again.Encode()
	read, err := DecodeDeadLetter(body, headers)
	if err != nil {
		t.Fatal(err)
	}
	if r := ReplayOf(read.Headers); r != (Replay{Of: 7, Reason: CodeBadRate, Count: 1, FirstDeath: died}) {
		t.Errorf("the history reads %+v", r)
	}
	if r := ReplayOf(read.ReplayHeaders(9)); r != (Replay{Of: 9, Reason: "gave_up", Count: 2, FirstDeath: died}) {
		t.Errorf("the history of the second reads %+v", r)
	}
}

// Anybody may write these headers. They must not stop a replay, nor grow.
func TestReplayOfHostileHeaders(t *testing.T) {
	died := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, c := range []struct {
		name, value string
		want        Replay
	}{
		{ReplayOfHeader, "-1", Replay{}},
		{ReplayReasonHeader, "a\x1b[2Jb" + strings.Repeat("c", 1000), Replay{Reason: "a [2Jb" + strings.Repeat("c", maxHeaderText-6)}},
		{ReplayCountHeader, "-7", Replay{}},
		{ReplayCountHeader, "9223372036854775807", Replay{Count: maxReplays}},
		{ReplayCountHeader, "often", Replay{}},
		{ReplayFirstHeader, "yesterday", Replay{}},
	} {
		if got := ReplayOf(map[string][]string{c.name: {c.value}}); got != c.want {
			t.Errorf("%s: %q reads %+v, want %+v", c.name, c.value, got, c.want)
		}
	}
	d := &DeadLetter{Subject: "captures.net.a", Reason: "r", Time: died, Headers: map[string][]string{
		ReplayFirstHeader: {"2999-01-01T00:00:00Z"}, "foxhunt-replay-Of": {"1"}, "Foxhunt-Replay-More": {"x"},
	}}
	headers := d.ReplayHeaders(3)
	if len(headers) != 4 || !ReplayOf(headers).FirstDeath.Equal(died) {
		t.Errorf("headers %v", headers)
	}
}

// The history has room although the original's headers have none left.
func TestReplayHeadersAreKeptFirst(t *testing.T) {
	d := &DeadLetter{Subject: "captures.net.a", Reason: "r", Headers: map[string][]string{ReplayCountHeader: {"3"}}}
	for i := range 1000 {
		d.Headers["A-"+strconv.Itoa(i)] = []string{"0123456789"}
	}
	body, headers := d.Encode()
	got, err := DecodeDeadLetter(body, headers)
	if err != nil {
		t.Fatal(err)
	}
	if got.LeftOut == 0 || ReplayOf(got.Headers).Count != 3 {
		t.Errorf("%d left out, history %+v", got.LeftOut, ReplayOf(got.Headers))
	}
}

func TestPeek(t *testing.T) {
	good := threeReceivers(CU8)
	data := encode(t, good)
	c, err := Peek(data)
	if err != nil || c.ID != good.ID || len(c.Receivers) != len(good.Receivers) {
		t.Errorf("of a good capture: %+v, %v", c, err)
	}
	// What comes before the fault is there.
	last := len(good.Receivers) - 1
	c, err = Peek(data[:len(data)-len(good.Receivers[last].IQ)/2])
	wantRefusal(t, err, CodeTruncated, "")
	if c.ID != good.ID || len(c.Receivers) != len(good.Receivers) || c.Receivers[last].Station != good.Receivers[last].Station {
		t.Errorf("of a truncated capture: %+v", c)
	}
	for n := range data { // no part makes it panic
		if _, err := Peek(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a capture", n, len(data))
		}
	}
}
