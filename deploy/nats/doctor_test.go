package nats_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"foxhunt/doctor"
)

// testDoctor has foxhunt doctor look at the site with two roles' rights: an operator sees all of the deployment, and an
// exporter hears what it may not see.
func (p *program) testDoctor(t *testing.T, s *site) {
	t.Helper()
	for _, c := range []struct {
		key, inbox string
		unseen     []string
	}{
		{"operator.nk", "", nil},
		{"exporter.nk", "_INBOX_exporter", []string{"nats_jetstream", "dead_letters", "fixes"}},
	} {
		out, err := p.run(t, s, c.key, c.inbox, "doctor", "--look", "1s", "--timeout", "10s", "--json")
		var report struct{ Findings []doctor.Finding }
		if json.NewDecoder(strings.NewReader(out)).Decode(&report) != nil || len(report.Findings) == 0 {
			t.Fatalf("doctor: %v\n%s", err, out)
		}
		severity := map[string]doctor.Severity{}
		for _, f := range report.Findings {
			severity[f.Code] = f.Severity
			if slices.Contains(c.unseen, f.Code) && (f.Severity != doctor.Unknown || !strings.Contains(f.Seen, "permissions do not allow")) {
				t.Errorf("%s: %+v; want that it was refused", c.key, f)
			}
		}
		for _, code := range []string{"nats_reach", "nats_version", "nats_jetstream", "nats_max_payload", "nats_tls", "nats_auth", "stream_missing", "stream_config",
			"captures_retention", "max_deliver", "ack_wait", "workers", "lag", "dead_captures", "advisories", "fixes", "station_residual"} {
			if have, seen := severity[code]; have != doctor.OK && !slices.Contains(c.unseen, code) && (seen || c.unseen == nil) {
				t.Errorf("%s: %s is %q", c.key, code, have)
			}
		}
		if have := severity["dead_letters"]; c.unseen == nil && have != doctor.Warning {
			t.Errorf("%s: a dead letter is %q", c.key, have)
		}
	}
}
