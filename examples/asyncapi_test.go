package examples_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestAsyncAPI holds docs/asyncapi.yaml against AsyncAPI's own schema, and every kind of message that a real run sends
// against the document.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	python, node, foxhunt := pythonWithPackages(t), nodeWithModules(t), buildFoxhunt(t)
	for _, format := range []string{"json", "msgpack"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, append(stationNames, "all")...)
			wire := tap(t, s)
			login := []string{"--nats", s.url, "--nats-nkey", s.key("all")}
			worker := foxhunt.start(t, append(login, "worker", "--http-listen", "127.0.0.1:0", "--bundles", "*.*", "--networks", turin(t),
				"--fix-format", format, "--geojson")...)
			worker.says(t, `msg="worker ready"`)
			wire.publish(t, "captures.turin.superga", "no capture")
			wire.publish(t, "captures.turin", "no capture's subject")
			for _, station := range startStations(t, python, s, "--count", "2", "--session", "s1") {
				station.succeeds(t)
			}
			foxhunt.start(t, append(login, spoolOne(t)...)...).succeeds(t)
			requestOne(t, foxhunt, login)
			foxhunt.start(t, append(login, "simulate", "--rate", "20")...) // until the test ends
			kinds := map[string]int{"captures": 10, "fixes": 4, "dead": 1, "deadInvalid": 1, "truth": 2, "requests": 2, "answers": 2}
			lines := wire.until(t, func(subjects []string) bool {
				return count(subjects, "fixes.") >= 5 && count(subjects, "dead.") >= 2 && count(subjects, "truth.") >= 2 && count(subjects, "_INBOX.") >= 2
			})
			if !bytes.Contains(lines, []byte(`"Foxhunt-Sequence":"1"`)) {
				t.Error("no capture has a number")
			}
			said, err := validate(node, lines)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for kind, least := range kinds {
				if n := strings.Count(said, "ok "+kind+"\n"); n < least {
					t.Errorf("%d messages of %s were validated, want at least %d:\n%s", n, kind, least, said)
				}
			}
		})
	}
}

// spoolOne has foxhunt station publish a recording of a second and a half, which numbers its one capture.
func spoolOne(t *testing.T) (args []string) {
	t.Helper()
	recording := filepath.Join(t.TempDir(), "recording.raw")
	if err := os.WriteFile(recording, bytes.Repeat([]byte{100, 150}, 18_000), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"station", "--network", "alone", "--id", "A", "--lat", "45", "--lon", "7", "--format", "cu8", "--t0", "2026-01-01T00:00:00Z",
		"--rate", "12000", "--freq", "1e6", "--every", "1s", "--length", "1s", "--sigma", "1us", "--spool", t.TempDir(), "A=" + recording}
}

// requestOne has a station, which plays a recording of this minute at its pace, asked for a capture that it makes, and for one on
// another frequency.
func requestOne(t *testing.T, foxhunt program, login []string) {
	t.Helper()
	recording := filepath.Join(t.TempDir(), "now.raw")
	if err := os.WriteFile(recording, bytes.Repeat([]byte{100, 150}, 60*12_000), 0o600); err != nil {
		t.Fatal(err)
	}
	foxhunt.start(t, append(login, "station", "--network", "asked", "--id", "A", "--lat", "45", "--lon", "7", "--format", "cu8",
		"--t0", time.Now().UTC().Format(time.RFC3339Nano), "--rate", "12000", "--freq", "1e6", "--every", "0", "--on-request", "--realtime", "--sigma", "1us",
		"--spool", t.TempDir(), "A="+recording)...)
	ask := append(login, "capture", "--network", "asked", "--timeout", "500ms")
	for deadline := time.Now().Add(patience); foxhunt.start(t, append(ask, "--freq", "1e6", "--length", "100ms")...).wait(t) != nil; {
		if time.Now().After(deadline) { // until the station listens
			t.Fatal("the station makes no capture")
		}
	}
	if foxhunt.start(t, append(ask, "--freq", "2e6")...).wait(t) == nil {
		t.Error("a station with a recording is on another frequency")
	}
}

// A message that is not as the document says is found.
func TestAsyncAPIRefuses(t *testing.T) {
	t.Parallel()
	node := nodeWithModules(t)
	for _, message := range []letter{
		{"fixes.dcf.dcf77", map[string]any{"Content-Type": "application/json", "Nats-Msg-Id": "x"}, []byte(`{"v":1}`)},
		{"captures.dcf.dcf77", map[string]any{}, []byte("\x81\xa1v\x02")},
		{"dead.captures.dcf.dcf77", map[string]any{"Foxhunt-Reason": "empty"}, []byte("x")},
		{"elsewhere.dcf", map[string]any{}, []byte("x")},
	} {
		line, _ := json.Marshal(message)
		said, err := validate(node, line)
		if err == nil || !strings.Contains(said, message.Subject) {
			t.Errorf("%s: %v, %s", message.Subject, err, said)
		}
	}
}

func count(subjects []string, prefix string) (n int) {
	for _, s := range subjects {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func validate(node program, lines []byte) (string, error) {
	command := exec.Command(node.path, "asyncapi/validate.js", "../docs/asyncapi.yaml")
	command.Stdin = bytes.NewReader(lines)
	out, err := command.CombinedOutput()
	return string(out), err
}

// letter is a message as validate.js reads it.
type letter struct {
	Subject string         `json:"subject"`
	Headers map[string]any `json:"headers"`
	Data    []byte         `json:"data"`
}

// wiretap hears all that goes over foxhunt's subjects.
type wiretap struct {
	connection   *nats.Conn
	subscription *nats.Subscription
}

func tap(t *testing.T, s *site) wiretap {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(s.key("all"))
	if err != nil {
		t.Fatal(err)
	}
	connection, err := nats.Connect(s.url, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	subscription, err := connection.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	return wiretap{connection, subscription}
}

func (w wiretap) publish(t *testing.T, subject, text string) {
	t.Helper()
	if err := w.connection.Publish(subject, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// until hears messages until enough says that they are, and returns them, a line each, without those that are captures to be
// refused.
func (w wiretap) until(t *testing.T, enough func(subjects []string) bool) []byte {
	t.Helper()
	var lines bytes.Buffer
	var subjects []string
	for deadline := time.Now().Add(patience); !enough(subjects); {
		m, err := w.subscription.NextMsg(time.Until(deadline))
		if err != nil {
			t.Fatalf("%v; heard were %q", err, subjects)
		}
		answers := strings.HasPrefix(m.Subject, "_INBOX.") && bytes.Contains(m.Data, []byte(`"accepted":`))
		if !answers && !slices.Contains([]string{"captures", "fixes", "dead", "truth", "requests"}, strings.Split(m.Subject, ".")[0]) || bytes.HasPrefix(m.Data, []byte("no capture")) && strings.HasPrefix(m.Subject, "captures.") {
			continue
		}
		subjects = append(subjects, m.Subject)
		line, err := json.Marshal(letter{m.Subject, values(m.Header), m.Data})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	return lines.Bytes()
}

// values are the headers: a text, or a list where there are several of one name.
func values(h nats.Header) map[string]any {
	all := map[string]any{}
	for name, list := range h {
		all[name] = list
		if len(list) == 1 {
			all[name] = list[0]
		}
	}
	return all
}
