package rollout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/rollout"
)

// split is a plan that tries a challenger since noon.
func split(t testing.TB, share float64) *rollout.Plan {
	t.Helper()
	p := promoted(t, "grid")
	o := hour(share)
	o.Since = noon
	must(t, p.StartSplit(rollout.Arm{Model: "nats:a@1"}, o, by("ops")))
	return p
}

// TestShare has 100,000 sessions, named in ways that people and programs name them, in experiments of several ids.
func TestShare(t *testing.T) {
	t.Parallel()
	const sessions = 100_000
	random := rand.New(rand.NewPCG(1, 2))
	names := map[string]func(i int) string{
		"numbers": func(i int) string { return fmt.Sprint(i) },
		"padded":  func(i int) string { return fmt.Sprintf("session-%08d", i) },
		"random":  func(int) string { return fmt.Sprintf("%016x", random.Uint64()) },
		"hours":   func(i int) string { return noon.Add(time.Duration(i) * time.Hour).Format(time.RFC3339) },
	}
	least, most := 100.0, 0.0
	for naming, name := range names {
		for _, id := range []string{"a", "experiment-1", "experiment-2"} {
			p := split(t, 30)
			p.Challenger.ID = id
			challenged := 0
			for i := range sessions {
				if p.Challenged(name(i), "x", noon) {
					challenged++
				}
			}
			share := float64(challenged) / sessions * 100
			if least, most = min(least, share), max(most, share); math.Abs(share-30) > 0.5 {
				t.Errorf("%s in %s: %.2f %%; want 30 within 0.5", naming, id, share)
			}
		}
	}
	t.Logf("a split of 30 %% got %.2f to %.2f %%", least, most)
}

// TestExperimentsAreApart holds that a second experiment does not choose the sessions of the first.
func TestExperimentsAreApart(t *testing.T) {
	t.Parallel()
	one, two := split(t, 50), split(t, 50)
	both := 0
	for i := range 10_000 {
		if session := fmt.Sprint(i); one.Challenged(session, "", noon) && two.Challenged(session, "", noon) {
			both++
		}
	}
	if both < 2_200 || both > 2_800 {
		t.Errorf("%d of 10,000 sessions are in both halves; want some 2,500", both)
	}
}

// TestSessionsStay has a share rise and fall: whoever is of the smaller share is of the larger, and each capture goes where
// it would have gone when it was stored.
func TestSessionsStay(t *testing.T) {
	t.Parallel()
	p := split(t, 10)
	id := p.Challenger.ID
	shares := []float64{10, 25, 25, 80, 40}
	at := []time.Time{noon}
	for i, share := range shares[1:] {
		now := noon.Add(time.Duration(i+1) * time.Minute)
		o := hour(share)
		o.Since = now.Add(10 * time.Second)
		must(t, p.StartSplit(rollout.Arm{Model: "nats:a@1"}, o, rollout.NewChange(now, "ops", "")))
		at = append(at, o.Since)
	}
	if p.Challenger.ID != id || !p.Challenger.Since.Equal(noon) || len(p.Challenger.Earlier) != 4 {
		t.Fatalf("the split is %+v", p.Challenger)
	}
	for i := range 10_000 {
		session := fmt.Sprint(i)
		smaller := p.Challenged(session, "", at[0])
		for j, share := range shares {
			challenged := p.Challenged(session, "", at[j])
			if share >= 10 && smaller && !challenged {
				t.Fatalf("session %d was of 10 %% and is not of %v %%", i, share)
			}
			if j > 0 && p.Challenged(session, "", at[j].Add(-1)) != p.Challenged(session, "", at[j-1]) {
				t.Fatalf("session %d: the share of %v %% holds before its time", i, share)
			}
		}
		if p.Challenged(session, "", at[1]) != p.Challenged(session, "", at[2]) {
			t.Fatalf("session %d flips where the share stays", i)
		}
	}
}

// TestShareChangedBeforeItHolds has a second change come before the first has begun.
func TestShareChangedBeforeItHolds(t *testing.T) {
	t.Parallel()
	p := split(t, 10)
	for _, change := range []struct {
		share float64
		since time.Duration
	}{{90, time.Minute}, {20, 30 * time.Second}} {
		o := hour(change.share)
		o.Since = noon.Add(change.since)
		must(t, p.StartSplit(rollout.Arm{Model: "nats:a@1"}, o, by("ops")))
	}
	count := func(at time.Time) (n int) {
		for i := range 10_000 {
			if p.Challenged(fmt.Sprint(i), "", at) {
				n++
			}
		}
		return n / 100
	}
	for after, want := range map[time.Duration]int{0: 10, 29 * time.Second: 10, 30 * time.Second: 20, time.Minute: 20, 10 * time.Minute: 20} {
		if got := count(noon.Add(after)); got < want-2 || got > want+2 {
			t.Errorf("after %v: %d %%, want %d", after, got, want)
		}
	}
}

func TestWhoIsChallenged(t *testing.T) {
	t.Parallel()
	p := split(t, 50)
	end := noon.Add(time.Hour)
	in, out := "", ""
	for i := 0; in == "" || out == ""; i++ {
		if session := fmt.Sprint(i); p.Challenged(session, "", noon) {
			in = session
		} else {
			out = session
		}
	}
	for name, test := range map[string]struct {
		session string
		stored  time.Time
		want    bool
	}{
		"of the share":                   {in, noon, true},
		"not of it":                      {out, noon, false},
		"stored before":                  {in, noon.Add(-1), false},
		"stored last":                    {in, end.Add(-1), true},
		"stored after":                   {in, end, false},
		"a capture of no time":           {in, time.Time{}, false},
		"delivered again after its time": {in, noon.Add(time.Minute), true},
	} {
		for _, capture := range []string{"a", "b", "c"} { // the session decides
			if got := p.Challenged(test.session, capture, test.stored); got != test.want {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	if p.Challenged("", in, noon) == p.Challenged("", out, noon) && p.Challenged("", in, noon) == p.Challenged("", in+"1", noon) &&
		p.Challenged("", in, noon) == p.Challenged("", in+"2", noon) && p.Challenged("", in, noon) == p.Challenged("", in+"3", noon) &&
		p.Challenged("", in, noon) == p.Challenged("", in+"4", noon) && p.Challenged("", in, noon) == p.Challenged("", in+"5", noon) {
		t.Error("captures without a session all go the same way")
	}
	must(t, p.StopSplit("", by("ops")))
	if p.Challenged(in, "", noon) {
		t.Error("stopped, and still challenging")
	}
	if (&rollout.Plan{}).Challenged(in, "", noon) || (&rollout.Plan{}).Shadowed(in, "", noon) {
		t.Error("an empty plan assigns")
	}
}

func FuzzAssignment(f *testing.F) {
	f.Add("session", "capture", "id", 30.0, 50.0)
	f.Add("", "", "", 1.0, 99.0)
	f.Fuzz(func(t *testing.T, session, capture, id string, share, more float64) {
		if !(share >= 1 && share <= more && more <= 99) {
			t.Skip()
		}
		p := split(t, share)
		p.Challenger.ID = id
		before := p.Challenged(session, capture, noon)
		if again := p.Challenged(session, capture, noon.Add(time.Minute)); again != before {
			t.Fatal("it flips")
		}
		if session != "" && p.Challenged(session, capture+"x", noon) != before {
			t.Fatal("a session flips with its captures")
		}
		p.Challenger.Share = more
		if before && !p.Challenged(session, capture, noon) {
			t.Fatal("a larger share took it out")
		}
	})
}

func BenchmarkChallenged(b *testing.B) {
	p := split(b, 30)
	b.ReportAllocs()
	for b.Loop() {
		p.Challenged("session-00000001", "capture", noon)
	}
}

// TestExperimentIsOfTheStreamsTime: it names the captures among which Challenged chooses, whenever they are located.
func TestExperimentIsOfTheStreamsTime(t *testing.T) {
	t.Parallel()
	p := split(t, 30)
	s := p.Challenger
	for name, c := range map[string]struct {
		stored time.Time
		want   string
	}{
		"before": {s.Since.Add(-1), ""}, "first": {s.Since, s.ID}, "last": {s.Until.Add(-1), s.ID}, "after": {s.Until, ""},
	} {
		if got := p.Experiment(c.stored); got != c.want {
			t.Errorf("%s: experiment %q, want %q", name, got, c.want)
		}
	}
	must(t, p.StopSplit("enough", by("ops")))
	if got := p.Experiment(s.Since); got != "" || p.Challenged("any", "", s.Since) {
		t.Errorf("experiment %q of a split that was stopped", got)
	}
	if got := promoted(t, "grid").Experiment(noon); got != "" {
		t.Errorf("experiment %q without a split", got)
	}
}
