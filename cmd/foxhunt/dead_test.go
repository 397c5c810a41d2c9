package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// bury stores dead letters as a worker does; their numbers are 1, 2, ...
func (h *house) bury(t testing.TB, letters ...*messages.DeadLetter) {
	t.Helper()
	for _, d := range letters {
		if d.Time.IsZero() {
			d.Time = time.Now()
		}
		if _, err := h.conn.PublishDead(t.Context(), uint64(time.Now().UnixNano()), d); err != nil {
			t.Fatal(err)
		}
	}
}

// runDead runs foxhunt dead and returns what it writes to standard output and standard error.
func (h *house) runDead(t testing.TB, args ...string) (out, log string, err error) {
	t.Helper()
	var stdout, stderr syncBuffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	root := newRoot()
	root.SetArgs(append([]string{"dead", args[0], "--nats", h.server.ClientURL()}, args[1:]...))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

// mustDead is runDead for what is to succeed, with nothing to say on standard error.
func (h *house) mustDead(t testing.TB, args ...string) string {
	t.Helper()
	out, log, err := h.runDead(t, args...)
	if err != nil || log != "" {
		t.Fatalf("foxhunt dead %s: %v\n%s%s", strings.Join(args, " "), err, out, log)
	}
	return out
}

// numbers are the first column of ls.
func numbers(out string) (all []string) {
	for line := range strings.Lines(out) {
		if first := strings.Fields(line)[0]; first != "NUMBER" && !strings.Contains(line, "dead letters") {
			all = append(all, first)
		}
	}
	return all
}

// buryFour stores letters of two reasons and two subjects, and one on a subject that is no capture's.
func (h *house) buryFour(t testing.TB) (body []byte) {
	t.Helper()
	body = wire(t, fields{"rx.rate": 0.0})
	h.bury(t,
		&messages.DeadLetter{Subject: "captures.net.bundle", Reason: "bad_rate", Sentence: "rx[1].rate is 0; want 1 kHz to 100 MHz", Body: body,
			Deliveries: 3, Worker: "w-7", ModelVersion: "2", Headers: map[string][]string{"Nats-Msg-Id": {"the-id"}}, LeftOut: 5},
		&messages.DeadLetter{Subject: "captures.net.b", Reason: "truncated", Sentence: "of 9 bytes", Body: body[:40], Deliveries: 1},
		&messages.DeadLetter{Subject: "captures.net.d", Reason: "truncated", Sentence: "of 8 bytes", Body: body[:8], Deliveries: 1},
		&messages.DeadLetter{Subject: "captures.a.b.c", Reason: "bad_subject", Sentence: "no", Body: body},
	)
	return body
}

func TestDeadLs(t *testing.T) {
	h := newHouse(t)
	if out := h.mustDead(t, "ls"); out != "no dead letters\n" {
		t.Errorf("of none: %q", out)
	}
	body := h.buryFour(t)
	out := h.mustDead(t, "ls")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "NUMBER  STORED (UTC)") || lines[5] != "4 dead letters: 2 truncated, 1 bad_rate, 1 bad_subject" {
		t.Errorf("ls prints\n%s", out)
	}
	for _, word := range []string{"1 ", time.Now().UTC().Format(time.DateOnly), "bad_rate", "captures.net.bundle", fmt.Sprint(len(body)), " 3 ", " 0 ", "rx[1].rate is 0; want 1 kHz to 100 MHz"} {
		if !strings.Contains(lines[1], word) {
			t.Errorf("the first line is %q; want %q in it", lines[1], word)
		}
	}
	for args, want := range map[string]string{
		"--reason truncated":               "2 3",
		"--reason truncated --limit 1":     "2",
		"--subject captures.net.*":         "1 2 3",
		"--subject captures.a.>":           "4",
		"--station b":                      "1 2 4", // of the second the subject says it; of the others a receiver
		"--station d":                      "3",
		"--newer 1h":                       "1 2 3 4",
		"--older 1h":                       "",
		"--newer 1h --older 1ns":           "1 2 3 4",
		"--limit 3":                        "1 2 3",
		"--reason bad_rate --station none": "",
	} {
		if got := strings.Join(numbers(h.mustDead(t, append([]string{"ls"}, strings.Fields(args)...)...)), " "); got != want {
			t.Errorf("ls %s lists %q; want %q", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"--limit 2": "\n2 of 4 dead letters: 1 bad_rate, 1 truncated\n", "--limit 4": "\n4 dead letters: ",
		"--limit 1 --reason truncated": "\n1 dead letters, as many as --limit allows: 1 truncated\n", "--limit 3 --reason truncated": "\n2 dead letters: 2 truncated\n",
	} {
		if out := h.mustDead(t, append([]string{"ls"}, strings.Fields(args)...)...); !strings.Contains(out, want) {
			t.Errorf("ls %s prints\n%s; want %q", args, out, want)
		}
	}
	var first deadValue
	values := strings.Split(strings.TrimSpace(h.mustDead(t, "ls", "--json")), "\n")
	if err := json.Unmarshal([]byte(values[0]), &first); err != nil || len(values) != 4 {
		t.Fatalf("%d values, %v", len(values), err)
	}
	if first.Number != 1 || first.Reason != "bad_rate" || first.Subject != "captures.net.bundle" || first.Deliveries != 3 || first.Worker != "w-7" ||
		first.Model != "2" || first.LeftOut != 5 || first.Headers["Nats-Msg-Id"][0] != "the-id" || first.Capture != nil || first.Bytes < 50_000 {
		t.Errorf("%+v", first)
	}
}

func TestDeadShow(t *testing.T) {
	h := newHouse(t)
	body := h.buryFour(t)
	file := filepath.Join(t.TempDir(), "capture.msgpack")
	out := h.mustDead(t, "show", "1", "--out", file)
	for _, want := range []string{
		"dead letter  1, stored 2", "reason       bad_rate\n", "sentence     rx[1].rate is 0; want 1 kHz to 100 MHz\n", "subject      captures.net.bundle\n",
		"at delivery 3, with worker w-7, model version 2\n", "header       Nats-Msg-Id: the-id\n", "headers      5 more were not kept\n",
		"145.000000 MHz, 3 receivers\n", "reads        bad_rate: rx[1].rate is 0", "\na  ", "2026-03-01T12:00:00Z", "cf32_le", "45.5",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("show prints\n%s\nwant %q in it", out, want)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, body) {
		t.Errorf("--out wrote %d bytes, %v", len(got), err)
	}
	var v deadValue
	if err := json.Unmarshal([]byte(h.mustDead(t, "show", "1", "--json")), &v); err != nil {
		t.Fatal(err)
	}
	if c := v.Capture; c == nil || len(c.Receivers) != 3 || c.Receivers[1].Station != "b" || c.Receivers[0].Samples != 2400 || c.Receivers[0].Seconds != 0.05 ||
		!strings.HasPrefix(c.Fault, "bad_rate: ") || len(c.ID) != 32 || c.Frequency != 145e6 {
		t.Errorf("%+v", c)
	}
	if out := h.mustDead(t, "show", "3"); !strings.Contains(out, "reads        truncated: ") || strings.Contains(out, "STATION") {
		t.Errorf("of eight bytes show prints\n%s", out)
	}
	for _, test := range []struct{ args, says string }{
		{"show 5", "no_dead_letter: there is no dead letter 5 in DEAD"},
		{"show x", `"x" is no dead letter's number`},
		{"show 0", `"0" is no dead letter's number`},
		{"show", "accepts 1 arg(s), received 0"},
		{"show 1 --out /absent/file", "/absent/file: no such file"},
	} {
		if _, _, err := h.runDead(t, strings.Fields(test.args)...); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("dead %s: %v; want %q", test.args, err, test.says)
		}
	}
}

func TestDeadReplay(t *testing.T) {
	h := newHouse(t)
	body := h.buryFour(t)
	if out := h.mustDead(t, "replay", "--subject", "captures.net.>", "--dry-run"); !strings.HasPrefix(out, "1  captures.net.bundle  bad_rate  without 5 headers") ||
		!strings.HasSuffix(out, "3 dead letters would be replayed\n") {
		t.Errorf("replay --dry-run prints\n%s", out)
	}
	if n := h.stored(t, jetstream.StreamCaptures); n != 0 {
		t.Fatalf("a dry run published %d captures", n)
	}
	if out := h.mustDead(t, "replay", "1", "--keep"); !strings.Contains(out, "stored as 1 of CAPTURES\n1 dead letters were replayed\n") {
		t.Errorf("replay prints\n%s", out)
	}
	// The fourth cannot be put back, the ninth is not there: the others are, and the exit code tells.
	out, log, err := h.runDead(t, "replay", "4", "1", "9", "2")
	if err == nil || err.Error() != "2 dead letters were replayed, 2 were not" || !strings.Contains(log, "not_replayable: dead letter 4") || !strings.Contains(log, "no_dead_letter: there is no dead letter 9") {
		t.Errorf("replay prints\n%s%s%v", out, log, err)
	}
	if got := numbers(h.mustDead(t, "ls")); !slices.Equal(got, []string{"3", "4"}) {
		t.Errorf("dead letters %s are left; want 3 and 4", got)
	}
	stream, err := h.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{"the-id": true}
	for sequence := uint64(1); sequence <= 3; sequence++ {
		raw, err := stream.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		ids[raw.Header.Get(nats.MsgIdHdr)] = true
		if history := messages.ReplayOf(raw.Header); sequence < 3 && (!bytes.Equal(raw.Data, body) || history.Of != 1 || history.Count != 1 || history.Reason != "bad_rate") {
			t.Errorf("capture %d has %d bytes and headers %v", sequence, len(raw.Data), raw.Header)
		}
	}
	if len(ids) != 4 {
		t.Errorf("message ids %v; want fresh ones", ids)
	}
	if _, _, err := h.runDead(t, "replay", "--all", "--stream-prefix", "none-"); err == nil || !strings.Contains(err.Error(), "0 dead letters were replayed: no_stream") {
		t.Errorf("without the stream: %v", err)
	}
}

// TestDeadReplayOverLimit has no room for one of two captures.
func TestDeadReplayOverLimit(t *testing.T) {
	h := newHouse(t)
	h.buryFour(t)
	topology := jetstream.DefaultTopology()
	topology.Captures.MaxMsgsPerSubject = 1
	if _, err := h.conn.Apply(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	h.publish(t, "captures.net.b", []byte("waits"))
	_, log, err := h.runDead(t, "replay", "--reason", "truncated")
	if err == nil || err.Error() != "1 dead letters were replayed, 1 were not" || !strings.Contains(log, "station_over_limit: dead letter 2 stays: captures.net.b has") {
		t.Errorf("replay: %v\n%s", err, log)
	}
	if got := numbers(h.mustDead(t, "ls", "--reason", "truncated")); !slices.Equal(got, []string{"2"}) {
		t.Errorf("dead letters %s are left; want 2", got)
	}
}

func TestDeadPurge(t *testing.T) {
	h := newHouse(t)
	h.buryFour(t)
	if out := h.mustDead(t, "purge", "--reason", "truncated", "--dry-run"); !slices.Equal(numbers(out)[:2], []string{"2", "3"}) || !strings.HasSuffix(out, "2 dead letters would be deleted: 2 truncated\n") {
		t.Errorf("purge --dry-run prints\n%s", out)
	}
	if n := h.stored(t, jetstream.StreamDead); n != 4 {
		t.Fatalf("a dry run left %d dead letters", n)
	}
	if out := h.mustDead(t, "purge", "--reason", "truncated", "--station", "b"); out != "1 dead letters were deleted: 1 truncated\n" {
		t.Errorf("purge prints %q", out)
	}
	out, log, err := h.runDead(t, "purge", "2", "3")
	if err == nil || err.Error() != "1 of 2 dead letters are not there" || out != "1 dead letters were deleted: 1 truncated\n" || !strings.Contains(log, "no dead letter 2 ") {
		t.Errorf("purge prints\n%s%s%v", out, log, err)
	}
	if _, _, err := h.runDead(t, "purge", "2", "--dry-run"); err == nil {
		t.Error("a dry run with a number that is not there succeeds")
	}
	for _, command := range []string{"purge", "replay"} {
		for args, says := range map[string]string{
			"":                      "no dead letters are chosen",
			"--dry-run":             "no dead letters are chosen",
			"1 --reason x":          "numbers and filters are both given",
			"1 --all":               "numbers and filters are both given",
			"one":                   `"one" is no dead letter's number`,
			"--older -1s":           "older and newer are times of 0 or more",
			"--older 2h --newer 1h": "nothing is older than 2h0m0s and newer than 1h0m0s",
			"--subject a..b":        `subject "a..b" is no NATS subject`,
		} {
			if _, _, err := h.runDead(t, append([]string{command}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s %s: %v; want %q", command, args, err, says)
			}
		}
	}
	if n := h.stored(t, jetstream.StreamDead); n != 2 {
		t.Errorf("refused commands left %d dead letters; want 2", n)
	}
	if out := h.mustDead(t, "purge", "--all"); out != "2 dead letters were deleted: 1 bad_rate, 1 bad_subject\n" {
		t.Errorf("purge --all prints %q", out)
	}
	if _, err := command(t.Context(), "dead", "lss"); err == nil {
		t.Error("a subcommand misspelt is no error")
	}
	if _, _, err := h.runDead(t, "ls", "--limit", "-1"); err == nil {
		t.Error("a limit of -1 is no error")
	}
}

// A stream of dead letters that discards the oldest says so.
func TestDeadLsWarns(t *testing.T) {
	h := newHouse(t)
	topology := jetstream.DefaultTopology()
	topology.Dead.MaxMsgsPerSubject = 2
	if _, err := h.conn.Apply(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	h.buryFour(t)
	h.bury(t, &messages.DeadLetter{Subject: "captures.net.b", Reason: "empty"})
	out, log, err := h.runDead(t, "ls")
	if err != nil || !strings.Contains(log, "warning: DEAD: 1 subjects have nearly as many dead letters as one may have") || len(numbers(out)) != 5 {
		t.Errorf("ls prints\n%s%s%v", out, log, err)
	}
}

// TestDeadOfTheHostile shows letters in which strangers wrote what acts on terminals, and numbers that are none.
func TestDeadOfTheHostile(t *testing.T) {
	h := newHouse(t)
	const evil = "\x1b[2J\u009b31m\u202e\U000e0001x\"'\\"
	body := wire(t, fields{"id": evil, "event": evil, "session": strings.Repeat(evil, 100), "freq": math.NaN(), "rx.station": evil, "rx.fmt": "cu8",
		"rx.rate": math.Inf(1), "rx.lat": math.NaN(), "rx.t0": int64(math.MaxInt64)})
	h.bury(t, &messages.DeadLetter{Subject: "captures.a.b.c" + evil, Reason: "bad_id", Sentence: evil, Worker: evil, ModelVersion: evil, Body: body,
		Headers: map[string][]string{"X-Evil": {evil, evil}, messages.ReplayCountHeader: {"1"}, messages.ReplayReasonHeader: {evil}}})
	for i, headers := range []nats.Header{
		{messages.DeadReasonHeader: {evil}, messages.DeadSubjectHeader: {evil}, messages.DeadDeliveriesHeader: {"-1"}, messages.DeadTimeHeader: {"9999-12-31T23:59:59-23:00"}},
		{messages.DeadReasonHeader: {"r"}, messages.DeadSubjectHeader: {"captures.net.a"}, messages.DeadDeliveriesHeader: {"x"}, messages.DeadTimeHeader: {evil}},
		{messages.DeadReasonHeader: {"r"}, messages.DeadSubjectHeader: {"captures.net.a"}, messages.DeadDeliveriesHeader: {"-1"}, messages.DeadTimeHeader: {"9999-12-31T23:59:59-23:00"}},
		nil,
	} {
		if _, err := h.js.PublishMsg(t.Context(), &nats.Msg{Subject: "dead.captures.net.a", Header: headers, Data: randomBytes(100 * i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{"ls", "ls --json", "show 1", "show 1 --json", "show 2", "show 2 --json", "show 3", "show 4", "show 4 --json", "show 5 --json", "replay --all --dry-run", "purge --all --dry-run"} {
		out, log, err := h.runDead(t, strings.Fields(args)...)
		if err != nil && !strings.HasPrefix(args, "replay") {
			t.Errorf("dead %s: %v", args, err)
		}
		checkPrintable(t, args, out+log)
	}
	if out := h.mustDead(t, "show", "1"); !strings.Contains(out, `\x1b[2J`) || !strings.Contains(out, "NaN MHz") {
		t.Errorf("show prints\n%s", out)
	}
}

func checkPrintable(t testing.TB, what, out string) {
	t.Helper()
	for _, r := range out {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("dead %s prints %U: %q", what, r, out)
		}
	}
}

// FuzzDeadShow shows whatever a capture's bytes, and a stranger's headers, may be.
func FuzzDeadShow(f *testing.F) {
	f.Add([]byte{}, "bad_rate", "captures.net.a", "Header", "value")
	f.Add([]byte("\x81\xa2rx\x91\x81\xa2iq\xc4\x02ab"), "\x1b[2J", "captures.\u009b", "\xff", "\u202e")
	f.Fuzz(func(t *testing.T, body []byte, reason, subject, name, value string) {
		d := jetstream.Dead{Sequence: 1, Size: len(body), Letter: &messages.DeadLetter{Body: body, Reason: reason, Subject: subject, Sentence: value,
			Worker: value, ModelVersion: name, Headers: map[string][]string{name: {value, value}, messages.ReplayCountHeader: {value}}}}
		v := newDeadValue(d)
		v.Capture = newCaptureValue(body)
		var text, line bytes.Buffer
		if err := v.print(&text); err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, "show", text.String())
		if err := writeJSON(&line, v); err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, "show --json", line.String())
		if !json.Valid(line.Bytes()) {
			t.Fatalf("no JSON: %q", line.String())
		}
		table := newDeadTable(io.Discard)
		if err := table.add(d); err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, "ls", table.summary("dead letters"))
	})
}

// TestReplayWithWorker replays to a worker: what was wrongly buried gets its fix, and what is at fault dies again with its
// history.
func TestReplayWithWorker(t *testing.T) {
	h := newHouse(t)
	h.startWorker(t)
	capture, _ := simulated(t, 0, 31)
	data := encode(t, capture)
	h.bury(t, &messages.DeadLetter{Subject: captureSubject("demo", "car"), Reason: "gave_up", Sentence: "Redis was away", Body: data,
		Headers: map[string][]string{"Nats-Msg-Id": {capture.ID}}})
	h.nextDead(t)
	h.publish(t, captureSubject("demo", "bad"), wire(t, fields{"rx.rate": 0.0}))
	first := h.nextDead(t)
	h.mustDead(t, "replay", "--all")
	if fix := h.nextFix(t); fix.CaptureID != capture.ID {
		t.Errorf("a fix of %s; want %s", fix.CaptureID, capture.ID)
	}
	again := h.nextDead(t)
	if r := messages.ReplayOf(again.Headers); again.Reason != "bad_rate" || r.Of != 2 || r.Count != 1 || r.Reason != "bad_rate" || !r.FirstDeath.Equal(first.Time) {
		t.Errorf("it died again of %s, with history %+v", again.Reason, r)
	}
	h.waitUntilEmpty(t)
	if out := h.mustDead(t, "show", "3"); !strings.Contains(out, "replayed     1 times, last from dead letter 2 (bad_rate); died first ") {
		t.Errorf("show prints\n%s", out)
	}
}
