package main

import (
	"encoding/json"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"foxhunt/cache/redistest"
	"foxhunt/doctor"
	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// ofMachine are the rules about the machine that the tests run on, which nobody promises to be in order.
var ofMachine = []string{"clock_sync", "disk", "files_limit", "processors"}

// testDoctor has the program look at foxhunt up after some captures. It must find nothing amiss, and see all.
func (p *program) testDoctor(t *testing.T) {
	redis := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	data := t.TempDir()
	up := p.start(t, "up", "--data-dir", data, "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--redis", redis.URL())
	nats, http := up.ready(t)
	p.run(t, "simulate", "--nats", nats, "--rate", "20", "--count", "20")
	r := p.start(t, "doctor", "--nats", nats, "--nats-monitor", "http://"+http, "--redis", redis.URL(), "--data-dir", data, "--look", "1s", "--json")
	<-r.ended
	var found report
	if err := json.Unmarshal(r.out.Bytes(), &found); err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.out.String(), r.log.String())
	}
	seen := map[string]bool{}
	bad := false
	for _, f := range found.Findings {
		seen[f.Code] = true
		bad = bad || f.Bad()
		if (f.Bad() || f.Severity == doctor.Unknown) && !slices.Contains(ofMachine, f.Code) {
			t.Errorf("%+v", f)
		}
	}
	for _, rule := range doctor.Rules() {
		if !seen[rule.Code] {
			t.Errorf("nothing is said of %s", rule.Code)
		}
	}
	want := 0
	if bad {
		want = 1
	}
	if code := r.cmd.ProcessState.ExitCode(); code != want {
		t.Errorf("the exit code is %d, want %d: %v\n%s", code, want, r.err, r.log.String())
	}
	up.stop(t, syscall.SIGTERM)
}

// TestDoctorFindsFaults looks at a server that does not sync and has no streams.
func TestDoctorFindsFaults(t *testing.T) {
	server := jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{MaxPayload: 1 << 20})
	out, err := command(t.Context(), "doctor", "--nats", server.ClientURL(), "--look", "10ms")
	if err == nil || exitCode(err) != 1 || !strings.Contains(err.Error(), " errors, ") {
		t.Errorf("the error is %v", err)
	}
	for _, line := range []string{
		"ERROR    stream_missing: missing: stream CAPTURES, ",
		"\n         why:  ",
		"\n         mend: nats-server.conf: max_payload: 8454144",
		"WARNING  nats_max_payload: max_payload is 1048576 bytes",
		"UNKNOWN  nats_sync: not seen: no monitoring port was named",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	if strings.Contains(out, "OK  ") || strings.Index(out, "ERROR") > strings.Index(out, "UNKNOWN") {
		t.Errorf("the worst must come first, and nothing that is right:\n%s", out)
	}
	out, _ = command(t.Context(), "doctor", "--nats", server.ClientURL(), "--look", "10ms", "--verbose", "--profile", "cluster", "--stream-prefix", "X")
	if !strings.Contains(out, "OK       nats_reach: the server answers after") || !strings.Contains(out, "stream XCAPTURES") {
		t.Errorf("--verbose:\n%s", out)
	}
}

func TestDoctorCannotLook(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // now nobody listens there
	out, err := command(t.Context(), "doctor", "--nats", "nats://u:hunter2@"+l.Addr().String(), "--json")
	if err == nil || exitCode(err) != 2 || !strings.Contains(err.Error(), "not reached") {
		t.Errorf("the error is %v", err)
	}
	var found report
	if err := json.Unmarshal([]byte(out), &found); err != nil || found.Count[doctor.Error] == 0 || found.Findings[0].Code != "nats_reach" || strings.Contains(out, "hunter2") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"--look", "40s"}, {"--look", "0s"}, {"--timeout", "1s"}, {"--no-such-flag"}, {"--look", "soon"}, {"argument"}, {"--consumer", "a b"}, {"--profile", "none"},
		{"--fail-on", "info"}, {"--fail-on", ""}, {"--ignore", "nats_tls,nats_typo"}, {"--ignore", "all"},
	} {
		if _, err := command(t.Context(), append([]string{"doctor"}, args...)...); err == nil || exitCode(err) != 2 {
			t.Errorf("doctor %q: %v, exit code %d", args, err, exitCode(err))
		}
	}
}

// TestDoctorFails wants the exit code of a server with faults of both kinds to be what --fail-on and --ignore say, and the
// report to be the same.
func TestDoctorFails(t *testing.T) {
	server := jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{MaxPayload: 1 << 20}) // a warning; no streams: an error
	doctor := func(args ...string) (report, int) {
		t.Helper()
		out, err := command(t.Context(), append([]string{"doctor", "--nats", server.ClientURL(), "--look", "10ms", "--json"}, args...)...)
		var found report
		if e := json.Unmarshal([]byte(out), &found); e != nil {
			t.Fatalf("%v, %v\n%s", e, err, out)
		}
		if err == nil {
			return found, 0
		}
		return found, exitCode(err)
	}
	found, code := doctor()
	if code != 1 {
		t.Errorf("with faults the exit code is %d", code)
	}
	var errors, warnings []string
	for _, f := range found.Findings {
		switch f.Severity {
		case "error":
			errors = append(errors, f.Code)
		case "warning":
			warnings = append(warnings, f.Code)
		}
	}
	if !slices.Contains(errors, "stream_missing") || !slices.Contains(warnings, "nats_max_payload") {
		t.Fatalf("errors %q, warnings %q", errors, warnings)
	}
	all := strings.Join(append(errors, append(warnings, ofMachine...)...), ",")
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"--fail-on", "error"}, 1}, {[]string{"--ignore", "stream_missing"}, 1}, {[]string{"--ignore", "nats_max_payload", "--fail-on", "error"}, 1},
		{[]string{"--ignore", strings.Join(errors, ","), "--fail-on", "error"}, 0}, {[]string{"--ignore", all}, 0},
	} {
		again, code := doctor(c.args...)
		if code != c.want || again.Count["error"] != found.Count["error"] {
			t.Errorf("%v: exit code %d, want %d; %d errors, before %d", c.args, code, c.want, again.Count["error"], found.Count["error"])
		}
	}
}

// TestDoctorMends holds the commands that rules name against those that there are, with their flags.
func TestDoctorMends(t *testing.T) {
	named := 0
	for _, rule := range doctor.Rules() {
		for _, text := range strings.Split(rule.Mend, "foxhunt ")[1:] {
			text, _, _ = strings.Cut(text, ";")
			c, _, err := newRoot().Find(strings.FieldsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' }))
			if err != nil || !c.HasParent() {
				t.Errorf("%s: there is no command foxhunt %s", rule.Code, text)
				continue
			}
			named++
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(text, -1) {
				if c.Flags().Lookup(flag[1]) == nil {
					t.Errorf("%s: foxhunt %s has no flag --%s", rule.Code, c.Name(), flag[1])
				}
			}
		}
	}
	if named < 15 {
		t.Errorf("only %d commands were found; the pattern no longer fits", named)
	}
}
