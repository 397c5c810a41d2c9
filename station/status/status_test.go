package status_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"foxhunt/station/spool"
	"foxhunt/station/status"
)

var now = time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)

// well is a station of which nothing is to be said.
func well() status.Snapshot {
	return status.Snapshot{
		Time: now, Started: now.Add(-time.Hour), Network: "dcf", Station: "HB9ODP", Latitude: 46.499351, Longitude: 8.798828, Altitude: 1100,
		Receiver: status.Receiver{
			Kind: "rtl_tcp", Name: "127.0.0.1:1234", Live: true, Format: "cu8", Nominal: 250e3, Rate: 250000.5, Frequency: 98.1e6,
			Level: status.Decibels(-23.5), Peak: status.Decibels(-20), Sigma: 2e4, LastSample: now, Samples: 9e8,
		},
		Clock:    &status.Clock{Offset: 3 * time.Microsecond, Sigma: 40 * time.Microsecond, Synchronized: true, Source: "kernel"},
		Schedule: &status.Schedule{Every: 10 * time.Second, Length: time.Second, Next: now.Add(5 * time.Second)},
		Spool: spool.Stats{Waiting: 1, Bytes: 500 << 10, MaxBytes: 1 << 30, Oldest: now.Add(-3 * time.Second), Sequence: 361, Put: 361, Sent: 360,
			P50: 12 * time.Millisecond, P95: 40 * time.Millisecond},
		NATS:   status.NATS{Connected: true, Server: "nats://n1:4222"},
		Recent: []status.Capture{{Sequence: 361, Event: "e<1>", Start: now, Length: time.Second, Bytes: 500_000, Sent: true, PubAck: 11 * time.Millisecond}},
	}
}

func serve(t *testing.T, s status.Snapshot) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	status.Register(mux, func() status.Snapshot { return s })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestPage(t *testing.T) {
	t.Parallel()
	server := serve(t, well())
	response, body := get(t, server.URL)
	for _, want := range []string{"HB9ODP", "in dcf", "all is well", "-23.5 dBFS", "98.100000 MHz", "2.00 ppm", "500 KiB of 1 GiB", "<dd>12 ms</dd>", "<dd>40 ms</dd>", "<dd>3 µs</dd>",
		"40 µs", "12:00:10 UTC, in 5 s", "361", "e&lt;1&gt;", "11 ms", "nats://n1:4222"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(body)
	hash := sha256.Sum256([]byte(script[1]))
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") ||
		!strings.Contains(policy, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'") {
		t.Errorf("the page's policy is %q, and does not let its script run alone", policy)
	}
	for _, foreign := range []string{"http://", "https://", "//cdn", "url(", "ZgotmplZ"} {
		if strings.Contains(body, foreign) {
			t.Errorf("the page has %q: it must bring all that it needs itself", foreign)
		}
	}
	if response, _ := get(t, server.URL+"/other"); response.StatusCode != http.StatusNotFound {
		t.Errorf("another page answers %d, want 404", response.StatusCode)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	s := well()
	s.Receiver.Level = status.Decibels(math.Inf(-1)) // silence, which JSON has no number for
	response, err := http.Get(serve(t, s).URL + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got status.Snapshot
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	s.Problems = []string{}
	if !reflect.DeepEqual(got, s) {
		t.Errorf("read %+v, want %+v", got, s)
	}
}

// TestProblems: each is said in a sentence, on the page and in JSON, and none where there is none.
func TestProblems(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*status.Snapshot){
		"No samples have come for 3 min.":                 func(s *status.Snapshot) { s.Receiver.LastSample = now.Add(-3 * time.Minute) },
		"No samples have come from 127.0.0.1:1234 yet.":   func(s *status.Snapshot) { s.Receiver.LastSample = time.Time{} },
		"The receiver clips: 3 % of the samples":          func(s *status.Snapshot) { s.Receiver.Clipped = 0.03 },
		"There is no connection to NATS.":                 func(s *status.Snapshot) { s.NATS.Connected = false },
		"The stream does not take captures: no &lt;b&gt;": func(s *status.Snapshot) { s.Spool.LastError = "no <b>" },
		"The spool is nearly full: at 1 GiB":              func(s *status.Snapshot) { s.Spool.Bytes = 900 << 20 },
		"3 captures were dropped":                         func(s *status.Snapshot) { s.Spool.TooOld, s.Spool.NoRoom = 1, 2 },
		"4 captures could not be written":                 func(s *status.Snapshot) { s.Spool.Unwritten = 4 },
		"6 captures are lost, as nobody takes":            func(s *status.Snapshot) { s.Spool.Unfit = 6 },
		"The receiver clips: 100 % of the samples":        func(s *status.Snapshot) { s.Receiver.Clipped = 1 },
		"5 captures were set aside":                       func(s *status.Snapshot) { s.Spool.Refused, s.Spool.Damaged = 2, 3 },
		"Nothing keeps this machine&#39;s clock in time.": func(s *status.Snapshot) { s.Clock.Synchronized = false },
		"This machine&#39;s clock is good to 50 ms only":  func(s *status.Snapshot) { s.Clock.Sigma = 50 * time.Millisecond },
		"": func(s *status.Snapshot) {
			s.Receiver.Live, s.Receiver.LastSample, s.Clock = false, now.AddDate(-6, 0, 0), nil
		}, // a recording
	} {
		s := well()
		change(&s)
		_, body := get(t, serve(t, s).URL)
		if !strings.Contains(body, want) || strings.Contains(body, "all is well") != (want == "") {
			t.Errorf("the page does not say %q: %s", want, body[strings.Index(body, "<main>"):strings.Index(body, "<div class")])
		}
	}
}

// TestEmpty: a station that has just begun has a page.
func TestEmpty(t *testing.T) {
	t.Parallel()
	_, body := get(t, serve(t, status.Snapshot{Time: now, Started: now}).URL)
	if !strings.Contains(body, "None yet.") || !strings.Contains(body, "silence") || !strings.Contains(body, "</html>") {
		t.Errorf("the page is %s", body)
	}
}

func TestRecent(t *testing.T) {
	t.Parallel()
	var r status.Recent
	r.Note(status.Capture{Sequence: 3, Sent: true, PubAck: 5}) // the stream was faster than who put it
	r.Note(status.Capture{Sequence: 3})
	r.Note(status.Capture{Sequence: 1})
	r.Note(status.Capture{Sequence: 2})
	r.Note(status.Capture{Sequence: 1, Sent: true})
	if got, want := fmt.Sprint(numbers(r.List())), "[3 sent 2 1 sent]"; got != want {
		t.Errorf("the last are %s, want %s", got, want)
	}
	for n := range uint64(100) {
		r.Note(status.Capture{Sequence: 10 + n})
	}
	r.Note(status.Capture{Sequence: 5, Sent: true})
	if list := r.List(); len(list) != 20 || list[0].Sequence != 109 || list[19].Sequence != 90 {
		t.Errorf("the last are %v, want 109 to 90", numbers(list))
	}
}

func numbers(list []status.Capture) (texts []string) {
	for _, c := range list {
		text := fmt.Sprint(c.Sequence)
		if c.Sent {
			text += " sent"
		}
		texts = append(texts, text)
	}
	return texts
}

func TestNextTick(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Nanosecond: 10 * time.Second, 10*time.Second - 1: 10 * time.Second} {
		if got := status.NextTick(time.Unix(1000, 0).Add(at), 10*time.Second); !got.Equal(time.Unix(1000, 0).Add(want)) {
			t.Errorf("after %v the next tick is %v", at, got)
		}
	}
}
