package meeting

import (
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	for name, c := range map[string]struct {
		event string
		after time.Duration // noon
		want  string
	}{
		"an event":           {"77500-20200813T065225Z", 4900 * time.Millisecond, "net.e.d72c1f5a3cbb1f24f68f24ebf9f3b4f1"},
		"a slot's middle":    {"", 0, "net.f77500.180000000"},
		"before the edge":    {"", 2900 * time.Millisecond, "net.f77500.180000000"},
		"close to the edge":  {"", 3100 * time.Millisecond, "net.f77500.180000000 net.f77500.180000001"},
		"beyond the edge":    {"", 5 * time.Second, "net.f77500.180000001 net.f77500.180000000"},
		"far beyond":         {"", 7100 * time.Millisecond, "net.f77500.180000001"},
		"at the lower edge":  {"", -4900 * time.Millisecond, "net.f77500.180000000 net.f77500.179999999"},
		"just below that":    {"", -5100 * time.Millisecond, "net.f77500.179999999 net.f77500.180000000"},
		"away from it again": {"", -2900 * time.Millisecond, "net.f77500.180000000"},
	} {
		var got []string
		for _, key := range rules.Keys("net", c.event, 77500.2, noon+int64(c.after)) {
			got = append(got, key.String())
			if again, err := ParseKey(key.String()); err != nil || again != key {
				t.Errorf("%s is read as %v, %v", key, again, err)
			}
		}
		if name == "an event" {
			if len(got) != 1 || got[0] != KeyOfEvent("net", c.event).String() || len(got[0]) != len(c.want) {
				t.Errorf("an event's keys are %v", got)
			}
			continue
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	for _, bad := range []string{"", "a.b", "a.b.c.d", "a..c", "a.b.*", "a.b.c d"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is read as a key", bad)
		}
	}
}

// TestChoose: which of the two events at an edge a capture belongs to.
func TestChoose(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	m := aMember("D", 4, 4500*time.Millisecond) // half a second before the edge
	event := func(state State, anchor time.Duration) *Entry {
		e := anEntry(state, 3)
		e.Anchor = noon + int64(anchor)
		return e
	}
	for name, c := range map[string]struct {
		own, next found
		want      int
	}{
		"nothing":                              {found{}, found{}, 0},
		"its own":                              {found{open: event(Open, 4*time.Second)}, found{}, 0},
		"the neighbour's, close by":            {found{}, found{open: event(Open, 5200*time.Millisecond)}, 1},
		"the neighbour's, far":                 {found{}, found{open: event(Open, 8*time.Second)}, 0},
		"both, the nearer":                     {found{open: event(Open, 4*time.Second)}, found{open: event(Open, 5200*time.Millisecond)}, 0},
		"both, and the other":                  {found{open: event(Open, 2*time.Second)}, found{open: event(Open, 5*time.Second)}, 1},
		"its own has another emission":         {found{open: event(Open, -4*time.Second)}, found{}, 1},
		"which has its fix":                    {found{last: last{ended: event(Done, -4*time.Second)}}, found{}, 1},
		"which was refused":                    {found{last: last{ended: event(Refused, -4*time.Second)}}, found{}, 0},
		"the neighbour's has its fix":          {found{}, found{last: last{ended: event(Done, 5200*time.Millisecond)}}, 1},
		"both have others, its own is nearer":  {found{open: event(Open, -1*time.Second)}, found{open: event(Open, 12*time.Second)}, 0},
		"both have others, the next is nearer": {found{open: event(Open, -4*time.Second)}, found{open: event(Open, 6*time.Second)}, 1},
		"it is a member already":               {found{open: event(Open, 4*time.Second)}, found{open: with(event(Open, 12*time.Second), m)}, 1},
		"it was a member":                      {found{}, found{last: last{ended: with(event(Refused, 12*time.Second), m)}}, 1},
	} {
		if got := rules.choose(&m, []found{c.own, c.next}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func with(e *Entry, m Member) *Entry {
	e.Members = append(e.Members, m)
	return e
}

// FuzzKeys: whatever a station says, keys are such as NATS takes, and captures within the guard share one.
func FuzzKeys(f *testing.F) {
	f.Add("", 77500.0, int64(1_700_000_000_000_000_000), int64(10e9), int64(999_999_999))
	f.Add("an event", 300e9, int64(1), int64(1e9), int64(0))
	f.Add("\xff. *>", 1e-9, messages.MaxStartTime-1, int64(24*time.Hour), int64(5e8))
	f.Fuzz(func(t *testing.T, event string, frequency float64, start, slot, apart int64) {
		rules := DefaultRules()
		rules.Slot = time.Duration(slot)
		rules.Guard = rules.Slot / guardsPerSlot / 2
		if rules.Validate() != nil || !(frequency > 0 && frequency <= messages.MaxFrequency) || start <= 0 || start >= messages.MaxStartTime {
			return
		}
		keys := rules.Keys("net", event, frequency, start)
		for _, key := range keys {
			if again, err := ParseKey(key.String()); err != nil || again != key {
				t.Fatalf("%s is read as %v, %v", key, again, err)
			}
		}
		shared := false
		near := start + max(apart, -apart)%max(int64(rules.Guard), 1)
		for _, a := range rules.Keys("net", event, frequency, near) {
			for _, b := range keys {
				shared = shared || a == b
			}
		}
		if !shared {
			t.Fatalf("captures at %d and %d, with slots of %v and a guard of %v, look for none of each other's events", start, near, rules.Slot, rules.Guard)
		}
	})
}
