package nats_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// fromReadme are the arguments of a command in README.md's example, without the shell's &.
func fromReadme(t *testing.T, command string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), "&"))
		if strings.HasPrefix(line, "    foxhunt ") && words[1] == command {
			return words[1:]
		}
	}
	t.Fatalf("README.md has no line of foxhunt %s", command)
	return nil
}

// take removes a flag and gives its value.
func take(t *testing.T, args *[]string, flag string) (value string) {
	t.Helper()
	for i, arg := range (*args)[:len(*args)-1] {
		if arg == flag {
			value = (*args)[i+1]
			*args = append((*args)[:i:i], (*args)[i+2:]...)
			return value
		}
	}
	return ""
}

// TestFiveMinutes follows README.md's example with the keys of users.conf.example: it must end with a fix, and a doctor who
// sees the deployment.
func TestFiveMinutes(t *testing.T) {
	t.Parallel()
	p := buildProgram(t)
	s := layOut(t, "", p.makeKey)
	s.start(t, "nats-server.conf")
	begin := func(command string, more ...string) *running {
		args := fromReadme(t, command)
		return p.start(t, s, take(t, &args, "--nats-nkey"), take(t, &args, "--nats-inbox"), append(args, more...)...)
	}
	worker := begin("worker", "--http-listen", "127.0.0.1:0")
	exporter := begin("exporter", "--http-listen", "127.0.0.1:0")
	watch := begin("watch", "--count", "1")
	worker.says(t, `msg="worker ready"`)
	exporter.says(t, "msg=leading")
	watch.says(t, "may subscribe to fixes")

	args := fromReadme(t, "publish")
	key, inbox := take(t, &args, "--nats-nkey"), take(t, &args, "--nats-inbox")
	take(t, &args, "--stations")
	recordings := record(t, s, time.Now())
	take(t, &recordings, "--network")
	out, err := p.run(t, s, key, inbox, append(args[:len(args)-1], recordings...)...) // in the place of *_iq.wav
	if err != nil || !strings.Contains(out, "on captures.dcf.dcf77: 3 receivers") {
		t.Fatalf("publish: %v\n%s", err, out)
	}
	watch.wait(t)
	if !strings.Contains(watch.out.String(), "dcf/dcf77") {
		t.Errorf("watch printed %q", watch.out.String())
	}

	args = fromReadme(t, "doctor")
	if key := take(t, &args, "--nats-nkey"); take(t, &args, "--nats-monitor") == "" || key != "operator.nk" {
		t.Errorf("README.md's doctor has the key %q, and no monitoring port: %q", key, args)
	}
	out, _ = p.run(t, s, "operator.nk", "", append(args, "--nats-monitor", s.monitor, "--look", "1s", "--timeout", "10s", "--verbose")...)
	for _, line := range []string{"OK       nats_jetstream", "OK       stream_missing", "OK       fixes", "OK       nats_sync", " are free at data"} {
		if !strings.Contains(out, line) {
			t.Errorf("doctor does not say %q:\n%s", line, out)
		}
	}
	out, err = p.run(t, s, "operator.nk", "", "simulate", "--count", "1", "--network", "dcf")
	if err != nil {
		t.Errorf("simulate: %v\n%s", err, out)
	}
	out, err = p.run(t, s, "HB9ODP.nk", "_INBOX_dcf.HB9ODP", "simulate", "--count", "1", "--network", "dcf")
	if err == nil {
		t.Errorf("simulate with a station's key: %s", out)
	}
}
