package main

import (
	"slices"
	"strings"
	"testing"

	"foxhunt/jetstream"
)

// The same command again sends what is missing, as after exit code 75.
func TestPublishAgainSendsWhatIsMissing(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*4)) // 4 captures of 20 kB
	publish := append(slices.Clone(rawFlags), "--resume", "A=1.raw@2026-03-01T12:00:00Z")
	config := jetstream.DefaultTopology().Captures
	config.MaxMsgsPerSubject = 3
	if _, err := p.house.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := p.run(t.Context(), publish...); exitCode(err) != 75 {
		t.Fatalf("a full subject: %v", err)
	}
	config.MaxMsgsPerSubject = 100
	if _, err := p.house.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := p.run(t.Context(), publish...); err != nil {
		t.Fatal(err)
	}
	out := p.out.String()
	if strings.Count(out, "was stored before as") != 3 || !strings.Contains(out, "3/4  was stored before as 3 of CAPTURES on captures.test.A") ||
		!strings.Contains(out, "4/4  stored as 4 of CAPTURES") {
		t.Errorf("publish says\n%s", out)
	}
	if n := p.house.stored(t, "CAPTURES"); n != 4 {
		t.Errorf("%d captures are stored, want 4", n)
	}
	if c := p.stored(t, 1); c.ID == p.stored(t, 2).ID || len(c.ID) != 32 || !strings.Contains(out, "id "+c.ID) {
		t.Errorf("the id %q is not the one told, or another capture's:\n%s", c.ID, out)
	}
}

// What differs in anything is another capture.
func TestPublishOfOtherContentHasAnotherID(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*2))
	p.write(t, "2.raw", slices.Concat(make([]byte, 2*10000*2-1), []byte{1}))
	const at = "@2026-03-01T12:00:00Z"
	n := 0
	for _, args := range [][]string{
		{"A=1.raw" + at}, {"B=1.raw" + at}, {"A=2.raw" + at, "--length", "2s"}, {"A=1.raw" + at, "--length", "2s"}, {"A=1.raw@2026-03-01T12:00:00.000000001Z"},
		{"A=1.raw" + at, "--session", "x"}, {"A=1.raw" + at, "--event", "x"}, {"A=1.raw" + at, "--network", "other"},
		{"A=1.raw" + at, "--bundle", "A2"}, {"A=1.raw" + at, "--sigma", "50ns"},
	} {
		if err := p.run(t.Context(), slices.Concat(rawFlags, []string{"--resume"}, args)...); err != nil {
			t.Fatal(err)
		}
		n += strings.Count(p.out.String(), "stored as")
		if strings.Contains(p.out.String(), "before") || p.house.stored(t, "CAPTURES") != n {
			t.Errorf("%v is taken for another:\n%s", args, p.out.String())
		}
	}
}
