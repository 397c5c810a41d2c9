package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestNobodyTakesAShadowForAFix stores what a shadow says of a capture before the capture's fix: whoever reads fixes sees the
// fix alone, and who asks for shadows sees what they are.
func TestNobodyTakesAShadowForAFix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.watchers(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lines := map[string]chan string{}
	for name, flags := range map[string][]string{"fixes": {"--count", "1"}, "all": {"--count", "2", "--subject", "fixes.>"}} {
		printed := make(chan string, 1)
		lines[name] = printed
		go func() {
			out, err := command(ctx, append([]string{"watch", "--nats", h.server.ClientURL(), "--timeout", "1m"}, flags...)...)
			if err != nil {
				out += err.Error()
			}
			printed <- out
		}()
	}
	waitFor(t, "two watchers", func() bool { return h.watchers(t) == before+2 })
	since, id := time.Now().Add(-time.Minute), messages.NewCaptureID()
	fix := messages.Fix{Version: messages.FixVersion, CaptureID: id, Network: "net", Source: "st", Model: messages.Model{Name: "tri\x1bal", Version: "7"}}
	fix.Uncertainty.ConfidenceInterval = 0.95
	for _, subject := range []string{"fixes.shadow.net.st", "fixes.net.st"} {
		body, err := fix.Encode("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.conn.PublishFix(ctx, subject, subject+"/"+id, messages.ContentTypeJSON, body); err != nil {
			t.Fatal(err)
		}
	}
	if message, _ := h.nextFixMessage(t); message.Subject != "fixes.net.st" {
		t.Errorf("the first fix is on %s", message.Subject)
	}
	found, ok, err := h.conn.FindFix(ctx, jetstream.DefaultTopology(), messages.AllFixes, id, since)
	if err != nil || !ok || found.Subject != "fixes.net.st" {
		t.Errorf("a search found %q, %v, %v", found.Subject, ok, err)
	}
	if out := <-lines["fixes"]; strings.Count(out, "\n") != 1 || strings.Contains(out, "shadow") {
		t.Errorf("watch printed\n%s", out)
	}
	out := strings.Split(<-lines["all"], "\n")
	if len(out) != 3 || !strings.HasSuffix(out[0], `shadow "tri\x1bal" 7`) || strings.Contains(out[1], "shadow") {
		t.Errorf("watch --subject fixes.> printed\n%q", out)
	}
}

func TestNoNetworkIsCalledShadow(t *testing.T) {
	t.Parallel()
	_, err := command(t.Context(), "gateway", "--network", "shadow", "--nats", "nats://127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), messages.CodeReserved) {
		t.Errorf("error %v, want %s", err, messages.CodeReserved)
	}
}
