package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/loadtest"
	"foxhunt/messages"
)

// lenient are service levels that a busy machine keeps, too.
var lenient = []string{"--sla-p95", "50s", "--sla-p99", "55s", "--sla-hit-p95", "50s", "--timeout", "1m"}

// loadReport runs a load test and gives what it wrote.
func loadReport(t *testing.T, flags ...string) (*loadtest.Report, string, error) {
	t.Helper()
	dir := t.TempDir()
	flags = append(append([]string{"loadtest", "--json", filepath.Join(dir, "r.json"), "--html", filepath.Join(dir, "r.html")}, lenient...), flags...)
	out, err := command(t.Context(), flags...)
	data, readErr := os.ReadFile(filepath.Join(dir, "r.json"))
	if readErr != nil {
		t.Fatalf("%v: %v\n%s", readErr, err, out)
	}
	var report loadtest.Report
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "r.html")); err != nil || !strings.Contains(string(page), "</html>") {
		t.Errorf("the page is not whole: %v", err)
	}
	return &report, out, err
}

// TestLoadtest sends captures through a real server, worker and gateway.
func TestLoadtest(t *testing.T) {
	h := newHouse(t)
	h.startWorker(t, "--model", "grid")
	gateway := h.startGateway(t)
	url := h.server.ClientURL()
	for via, target := range map[string][]string{
		"nats": {"--nats", url},
		"http": {"--via", "http", "--url", "http://" + gateway.address},
	} {
		t.Run(via, func(t *testing.T) {
			report, out, err := loadReport(t, append(target, "--users", "5", "--requests", "10")...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if report.Requests != 50 || report.Successes != 50 || report.Hits != 40 || !report.Met {
				t.Errorf("%d requests, %d fixes, %d hits, met %v; want 50, 50, 40, true\n%s", report.Requests, report.Successes, report.Hits, report.Met, out)
			}
			if l := report.Ledger; l.Answered != 50 || l.Unanswered != 0 || l.Doubled != nil && *l.Doubled != 0 {
				t.Errorf("ledger %+v", l)
			}
			if (report.LagBefore == nil) != (via == "http") {
				t.Error("the lag is known over NATS, and not over HTTP")
			}
			if !strings.Contains(out, "SERVICE LEVEL") || !strings.Contains(out, "grid 1") {
				t.Errorf("report:\n%s", out)
			}
		})
		t.Run(via+" refused", func(t *testing.T) {
			report, _, err := loadReport(t, append(target, "--users", "2", "--requests", "2", "--receivers", "1")...)
			if !errors.Is(err, errMissed) || report.Failures["too_few_receivers"] != 4 || report.Ledger.Refused != 4 {
				t.Errorf("%v, failures %v, ledger %+v", err, report.Failures, report.Ledger)
			}
		})
	}
}

// TestLoadtestFindsLateAnswers: a real gateway's words for a fix and a dead letter that came after the request had ended.
func TestLoadtestFindsLateAnswers(t *testing.T) {
	h := newHouse(t)
	gateway := h.startGateway(t)
	target, err := loadtest.NewHTTP("http://"+gateway.address, "loadtest", "", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	h.startWorker(t, "--model", "grid")
	for receivers, what := range map[int]string{3: "a fix", 1: "a dead letter"} {
		captures, err := loadtest.Simulate(loadtest.Shape{Receivers: receivers, Samples: 4480, Format: messages.CI16}, 1, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		data, err := captures[0].Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		source := "http"
		if receivers == 1 {
			source = captures[0].Receivers[0].Station
		}
		id := captures[0].ID
		if target.Late(t.Context(), id) {
			t.Errorf("%s was found before there was one", what)
		}
		if _, err := h.conn.PublishCapture(t.Context(), "captures.loadtest."+source, id, data); err != nil { // as a gateway that then died
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); !target.Late(t.Context(), id); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s was never found", what)
			}
		}
	}
}

// TestLoadtestVerdict: what was missed and what cannot be said have codes of their own.
func TestLoadtestVerdict(t *testing.T) {
	met, missed, notJudged := loadtest.Level{Met: true}, loadtest.Level{}, loadtest.Level{NotJudged: true}
	for _, c := range []struct {
		report *loadtest.Report
		code   int
	}{
		{&loadtest.Report{Invalid: "so late"}, 2},
		{&loadtest.Report{Findings: &loadtest.Findings{SLA: []loadtest.Level{met}, Met: true}}, 0},
		{&loadtest.Report{Findings: &loadtest.Findings{SLA: []loadtest.Level{met, notJudged}}}, 2},
		{&loadtest.Report{Findings: &loadtest.Findings{SLA: []loadtest.Level{notJudged, missed}}}, 1},
	} {
		code, err := 0, verdict(c.report)
		var exit *exitError
		switch {
		case errors.As(err, &exit):
			code = exit.code
		case err != nil:
			code = 1
		}
		if code != c.code {
			t.Errorf("%+v: %v; want code %d", c.report, err, c.code)
		}
	}
}

func TestLoadtestFlags(t *testing.T) {
	for _, flags := range [][]string{
		{"--via", "smoke"}, {"--format", "mp3"}, {"--arrivals", "never"}, {"--users", "0"}, {"--find-max", "--html", "x.html"},
		{"--via", "http", "--url", "nowhere"}, {"--via", "http", "--token-file", "/does/not/exist"}, {"--via", "http", "--http-ca", "/does/not/exist"},
		{"--recordings", "x.wav", "--stations", "/does/not/exist"},
	} {
		if out, err := command(t.Context(), append([]string{"loadtest"}, flags...)...); err == nil {
			t.Errorf("%v was accepted:\n%s", flags, out)
		}
	}
}
