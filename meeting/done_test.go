package meeting_test

import (
	"errors"
	"testing"

	"foxhunt/meeting"
)

// TestHasFix asks about members of an event before and after its fix is safe, and about others.
func TestHasFix(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	has := func(event string, place meeting.Place) bool {
		t.Helper()
		has, err := g.table.HasFix(t.Context(), "net", event, 145e6, 1e18, place)
		if err != nil {
			t.Fatal(err)
		}
		return has
	}
	if has("x", g.places["A"]) {
		t.Error("a capture has a fix whose event is at work")
	}
	if _, _, err := e.Fetch(t.Context(), g.places["C"]); err != nil {
		t.Fatal(err)
	}
	if err := e.Finish(t.Context(), g.places["C"]); err != nil {
		t.Fatal(err)
	}
	if !has("x", g.places["A"]) || !has("x", g.places["C"]) {
		t.Error("the captures of an event with a fix have none")
	}
	other := g.places["A"]
	other.Stored++
	if has("x", other) || has("y", g.places["A"]) || has("", g.places["A"]) {
		t.Error("a capture of no event has a fix")
	}
	away := errors.New("away")
	g.store.Before = func(string) error { return away }
	if _, err := g.table.HasFix(t.Context(), "net", "", 145e6, 1e18, other); !errors.Is(err, away) {
		t.Errorf("with the store away: %v", err)
	}
}
