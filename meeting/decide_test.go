package meeting

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	second = int64(time.Second)
	noon   = 1_800_000_000 * second // a multiple of every slot here
)

// aMember is a station's capture of two seconds that begins so long after noon.
func aMember(station string, sequence uint64, after time.Duration) Member {
	return Member{
		Place: Place{Sequence: sequence, Stored: noon + int64(after)}, Station: station, ID: "id-of-capture-" + station,
		Start: noon + int64(after), End: noon + int64(after) + 2*second, Size: 1000,
	}
}

// anEntry is an event of so many stations, A, B, ..., opened at noon.
func anEntry(state State, members int) *Entry {
	e := &Entry{Version: 1, State: state, Frequency: 145e6, Opened: noon, Anchor: noon, Event: "x"}
	for i := range members {
		e.Members = append(e.Members, aMember(string(rune('A'+i)), uint64(i+1), 0))
	}
	if state == Closed || state == Done {
		e.Tries, e.Begun, e.Until = 1, 1, noon+30*second
	}
	if state == Refused {
		e.Code, e.Reason = "no_baseline", "a sentence"
	}
	return e
}

// aView is the capture of a station, a second after its event was opened.
func aView(m Member, change func(*view)) *view {
	v := &view{
		capture: m, event: "x", frequency: 145e6, deliveries: 1, attempts: 12, rules: DefaultRules(), most: 32,
		now: noon + second, ackWait: 30 * time.Second, behind: func() (bool, error) { return false, nil },
	}
	if change != nil {
		change(v)
	}
	return v
}

func TestDecide(t *testing.T) {
	t.Parallel()
	a, d := aMember("A", 1, 0), aMember("D", 4, 0)
	repeated := &Member{Place: other(a).Place, Station: "A"}
	for name, c := range map[string]struct {
		view   *view
		action Action
		code   string
		delay  time.Duration
		writes State // "": nothing
		ends   bool
	}{
		"the first opens":            {aView(a, nil), Wait, "", 5 * time.Second, Open, false},
		"another joins, as a backup": {aView(d, func(v *view) { v.open = anEntry(Open, 2) }), Wait, "", 30 * time.Second, Open, false},
		"and with a wide window": {aView(d, func(v *view) {
			v.open, v.rules.Window = anEntry(Open, 2), 20*time.Second
		}), Wait, "", 34 * time.Second, Open, false},
		"another joins in the second half": {aView(aMember("D", 4, 3*time.Second), func(v *view) {
			v.open, v.now = anEntry(Open, 2), noon+3*second
		}), Wait, "", 5 * time.Second, Open, false},
		"the last of the roster closes": {aView(d, func(v *view) {
			v.open, v.awaited = anEntry(Open, 3), []string{"A", "B", "C", "D"}
		}), Work, "", 0, Closed, false},
		"as many as the model takes close": {aView(d, func(v *view) { v.open, v.most = anEntry(Open, 3), 4 }), Work, "", 0, Closed, false},
		"too few are known, so all wait": {aView(d, func(v *view) {
			v.open, v.awaited = anEntry(Open, 3), []string{"A", "D"}
		}), Wait, "", 30 * time.Second, Open, false},
		"one comes back early": {aView(a, func(v *view) { v.open, v.deliveries = anEntry(Open, 3), 2 }), Wait, "", 4 * time.Second, "", false},
		"the window has passed": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 2, noon+5*second
		}), Work, "", 0, Closed, false},
		"the window is as good as over": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 2, noon+5*second-int64(20*time.Millisecond)
		}), Work, "", 0, Closed, false},
		"the workers are behind": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now, v.behind = anEntry(Open, 2), 2, noon+5*second, func() (bool, error) { return true, nil }
		}), Wait, "", 10 * time.Second, "", false},
		"and have been for long": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now, v.behind = anEntry(Open, 3), patience, noon+500*second, func() (bool, error) { return true, nil }
		}), Work, "", 0, Closed, false},
		"too few came": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 2), 2, noon+5*second
		}), Bury, CodeTooFew, 0, Refused, true},
		"the members have no time in common": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 2, noon+5*second
			v.open.Members[1] = aMember("B", 2, 5*time.Second)
			v.open.Members[1].Stored = noon
		}), Bury, CodeNoOverlap, 0, Refused, true},
		"a copy":                     {aView(aMember("A", 9, 0), func(v *view) { v.open = anEntry(Open, 2) }), Acknowledge, "", 0, "", false},
		"a copy of a closed event's": {aView(aMember("A", 9, 0), func(v *view) { v.open = anEntry(Closed, 3) }), Acknowledge, "", 0, "", false},
		"the same station once more": {aView(other(a), func(v *view) { v.open = anEntry(Open, 2) }), Bury, CodeRepeatedStation, 0, Open, false},
		"and it comes back": {aView(other(a), func(v *view) {
			v.open = anEntry(Open, 2).withBuried(repeated, CodeRepeatedStation)
		}), Bury, CodeRepeatedStation, 0, "", false},
		"and comes back once that was refused": {aView(other(a), func(v *view) {
			v.open, v.ended = later(anEntry(Open, 1)), anEntry(Refused, 3).withBuried(repeated, CodeRepeatedStation)
		}), Bury, CodeRepeatedStation, 0, "", false},
		"the same station after it": {aView(other(a), func(v *view) { v.open = anEntry(Closed, 3) }), Wait, "", 5 * time.Second, "", false},
		"and it is for long":        {aView(other(a), func(v *view) { v.open, v.deliveries = anEntry(Closed, 3), 12 }), Bury, CodeRepeatedStation, 0, "", false},
		"the same station, done":    {aView(other(a), func(v *view) { v.ended = anEntry(Done, 3) }), Bury, CodeRepeatedStation, 0, "", false},
		"another frequency": {aView(d, func(v *view) {
			v.open, v.frequency, v.awaited = anEntry(Open, 2), 146e6, []string{"A", "B", "D"}
		}), Wait, "", 30 * time.Second, Open, false},
		"the last is on another frequency": {aView(d, func(v *view) {
			v.open, v.frequency, v.awaited = anEntry(Open, 3), 146e6, []string{"A", "B", "C", "D"}
		}), Work, "", 0, Closed, false},
		"too few are on one frequency": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 2, noon+5*second
			v.open.Members[1].Frequency = 146e6
		}), Bury, CodeTooFew, 0, Refused, true},
		"as many as the model takes, one of no use": {aView(d, func(v *view) {
			v.open, v.frequency, v.most = anEntry(Open, 2), 146e6, 3
		}), Wait, "", 30 * time.Second, Open, false},
		"the first was too early": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 2), 2, noon+5*second
			v.open.Members[1].Stored = noon + 4*second
		}), Bury, CodeTooFew, 0, Open, false},
		"another comes back after the first": {aView(aMember("B", 2, 4*time.Second), func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 2), 2, noon+5*second
			v.open.Members[1].Stored = noon + 4*second
		}), Wait, "", 4 * time.Second, Open, false},
		"let go while the others wait": {aView(a, func(v *view) {
			v.open, v.deliveries = anEntry(Open, 2), 2
			v.open.Members[0].Left = CodeTooFew
		}), Bury, CodeTooFew, 0, "", false},
		"the server's clock was set back": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 2, noon-3600*second
		}), Wait, "", 5 * time.Second, "", false},
		"set back, and joined": {aView(d, func(v *view) { v.open, v.now = anEntry(Open, 2), noon-3600*second }), Wait, "", 30 * time.Second, Open, false},
		"set back, and for long": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 3), 12, noon-3600*second
		}), Work, "", 0, Closed, false},
		"set back, for long, and too few": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Open, 2), 12, noon-3600*second
		}), Bury, CodeTooFew, 0, Refused, true},
		"set back while it is located": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Closed, 3), 2, noon-3600*second
		}), Wait, "", time.Minute, "", false},
		"too many bytes":               {aView(sized(d, MaxEventBytes), func(v *view) { v.open = anEntry(Open, 2) }), Bury, CodeTooLarge, 0, Open, false},
		"while it is located":          {aView(d, func(v *view) { v.open = anEntry(Closed, 3) }), Wait, "", 5 * time.Second, "", false},
		"while it is located for long": {aView(d, func(v *view) { v.open, v.deliveries = anEntry(Closed, 3), 12 }), Bury, CodeLate, 0, "", false},
		"after the fix":                {aView(d, func(v *view) { v.ended = anEntry(Done, 3) }), Bury, CodeLate, 0, "", false},
		"a member while it is located": {aView(a, func(v *view) { v.open, v.deliveries = anEntry(Closed, 3), 2 }), Wait, "", 29 * time.Second, "", false},
		"a member at its last":         {aView(a, func(v *view) { v.open, v.deliveries = anEntry(Closed, 3), 12 }), Work, "", 0, Closed, false},
		"a member whose worker died": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Closed, 3), 2, noon+31*second
		}), Work, "", 0, Closed, false},
		"workers died again and again": {aView(a, func(v *view) {
			v.open, v.deliveries, v.now = anEntry(Closed, 3), 2, noon+31*second
			v.open.Begun, v.open.Tries = fatalStarts, fatalStarts
		}), Bury, CodeKillsWorkers, 0, Refused, true},
		"left out while it is located": {aView(a, func(v *view) {
			v.open = anEntry(Closed, 3)
			v.open.Members[0].Left = CodeNoOverlap
		}), Bury, CodeNoOverlap, 0, "", false},
		"left out of what is done": {aView(a, func(v *view) {
			v.ended = anEntry(Done, 3)
			v.ended.Members[0].Left = CodeNoOverlap
		}), Bury, CodeNoOverlap, 0, "", false},
		"a member of a fix":                {aView(a, func(v *view) { v.ended = anEntry(Done, 3) }), Acknowledge, "", 0, "", false},
		"a copy of a fix's":                {aView(aMember("A", 9, 0), func(v *view) { v.ended = anEntry(Done, 3) }), Acknowledge, "", 0, "", false},
		"a member of what was refused":     {aView(a, func(v *view) { v.ended = anEntry(Refused, 3) }), Bury, "no_baseline", 0, "", false},
		"a replay of what was refused":     {aView(aMember("A", 9, 0), func(v *view) { v.ended = anEntry(Refused, 3) }), Wait, "", 5 * time.Second, Open, false},
		"the rest of what was refused":     {aView(d, func(v *view) { v.ended = anEntry(Refused, 3) }), Wait, "", 5 * time.Second, Open, false},
		"refused, and its worker died":     {aView(a, func(v *view) { v.open = anEntry(Refused, 3) }), Bury, "no_baseline", 0, "", true},
		"the rest, and its worker died":    {aView(d, func(v *view) { v.open = anEntry(Refused, 3) }), again, "", 0, "", true},
		"done, and its worker died":        {aView(a, func(v *view) { v.open, v.ended = anEntry(Closed, 3), anEntry(Done, 3) }), Acknowledge, "", 0, "", false},
		"late, and its worker died":        {aView(d, func(v *view) { v.open, v.ended = anEntry(Closed, 3), anEntry(Done, 3) }), Bury, CodeLate, 0, "", false},
		"a replay where the worker died":   {aView(d, func(v *view) { v.open, v.ended = anEntry(Refused, 3), anEntry(Refused, 3) }), Wait, "", 5 * time.Second, Open, false},
		"a member of the one opened after": {aView(d, func(v *view) { v.open, v.ended = later(anEntry(Open, 4)), anEntry(Refused, 3) }), Wait, "", 5 * time.Second, "", false},
	} {
		got, err := c.view.decide()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var writes State
		if got.write != nil {
			writes = got.write.State
			if wrong := reread(got.write); wrong != nil {
				t.Errorf("%s: what it writes cannot be read: %v", name, wrong)
			}
		}
		if got.Action != c.action || got.Code != c.code || got.Delay != c.delay || writes != c.writes || (got.ends != nil) != c.ends {
			t.Errorf("%s: %+v, writes %q; want action %d, code %q, delay %v, writes %q, ends %v", name, got, writes, c.action, c.code, c.delay, c.writes, c.ends)
		}
		if got.Action == Bury && got.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
		if v := c.view; got.clear != (v.open != nil && v.ended != nil && v.open.Opened == v.ended.Opened && writes == "") {
			t.Errorf("%s: clears away %v", name, got.clear)
		}
	}
}

func other(m Member) Member {
	m.ID, m.Sequence = "another-capture-of-it", 9
	return m
}

func sized(m Member, size int) Member {
	m.Size = size
	return m
}

// later is an event that was opened when the one before had been refused.
func later(e *Entry) *Entry {
	e.Opened += second
	return e
}

func reread(e *Entry) error {
	_, err := DecodeEntry(e.Encode())
	return err
}

// TestWorkIsNoted: who begins says so, and until when nobody else is to.
func TestWorkIsNoted(t *testing.T) {
	t.Parallel()
	before := anEntry(Closed, 3)
	d, err := aView(aMember("A", 1, 0), func(v *view) { v.open, v.now, v.deliveries = before, noon+60*second, 2 }).decide()
	if err != nil || d.write == nil || d.write.Begun != 2 || d.write.Tries != 2 || d.write.Until != noon+90*second {
		t.Errorf("%+v, %v", d.write, err)
	}
	if before.Begun != 1 {
		t.Error("the entry that was read has been changed")
	}
}

func TestCloseByWindowIsPartial(t *testing.T) {
	t.Parallel()
	d, _ := aView(aMember("A", 1, 0), func(v *view) { v.open, v.now, v.deliveries = anEntry(Open, 3), noon+5*second, 2 }).decide()
	if d.write == nil || !d.write.Partial {
		t.Errorf("%+v is not partial", d.write)
	}
	d, _ = aView(aMember("D", 4, 0), func(v *view) { v.open, v.most = anEntry(Open, 3), 4 }).decide()
	if d.write == nil || d.write.Partial {
		t.Errorf("%+v is partial", d.write)
	}
}

// TestNobodyCanTell: where it is not known whether workers are behind, the capture fails and comes again.
func TestNobodyCanTell(t *testing.T) {
	t.Parallel()
	down := errors.New("the server is away")
	_, err := aView(aMember("A", 1, 0), func(v *view) {
		v.open, v.now, v.deliveries, v.behind = anEntry(Open, 3), noon+5*second, 2, func() (bool, error) { return false, down }
	}).decide()
	if !errors.Is(err, down) {
		t.Error(err)
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	at := func(station string, from, to time.Duration) Member {
		return Member{Station: station, Start: noon + int64(from), End: noon + int64(to)}
	}
	for name, c := range map[string]struct {
		members []Member
		want    string
	}{
		"one":                       {[]Member{at("A", 0, 1000)}, "A"},
		"all":                       {[]Member{at("A", 0, 1000), at("B", 10, 1010), at("C", 20, 900)}, "ABC"},
		"one off by seconds":        {[]Member{at("A", 0, 1000), at("B", 5000, 6000), at("C", 20, 1020)}, "AC"},
		"one that hardly touches":   {[]Member{at("A", 0, 1000), at("B", 990, 1990), at("C", 20, 1020)}, "AC"},
		"a short one in long ones":  {[]Member{at("A", 0, 10000), at("B", 4000, 4100), at("C", 20, 10020), at("D", 0, 10000)}, "ACD"},
		"without it too few":        {[]Member{at("A", 0, 10000), at("B", 4000, 4100), at("C", 20, 10020)}, "ABC"},
		"two pairs, the longer":     {[]Member{at("A", 0, 1000), at("B", 200, 1000), at("C", 5000, 6000), at("D", 5000, 6000)}, "CD"},
		"a chain":                   {[]Member{at("A", 0, 1000), at("B", 600, 1600), at("C", 1200, 2200)}, "AB"},
		"single samples, same time": {[]Member{at("A", 5, 5), at("B", 5, 5)}, "AB"},
	} {
		e := &Entry{Members: c.members}
		var got string
		for i, code := range e.fit(3, 32) {
			if code == "" {
				got += e.Members[i].Station
			}
		}
		if got != c.want {
			t.Errorf("%s: %s are located together; want %s", name, got, c.want)
		}
	}
}

// TestFit has members on other frequencies, with other rates and with other lengths: one does not decide what the others have
// in common.
func TestFit(t *testing.T) {
	t.Parallel()
	of := func(station string, rate int64, frequency float64, length time.Duration) Member {
		return Member{Station: station, Start: noon, End: noon + int64(length), Rate: rate, Frequency: frequency}
	}
	const frequency, rate, other, slow = CodeFrequencyMismatch, CodeRateMismatch, 145e6 + 5, 1000
	for name, c := range map[string]struct {
		members []Member
		want    string
	}{
		"alike":                          {[]Member{of("A", 48000, 0, usual), of("B", 12000, 145e6+0.7, usual), of("C", 48000, 0, usual)}, " / / "},
		"the first on another frequency": {[]Member{of("D", 0, other, usual), of("A", 0, 145e6, usual), of("B", 0, 145e6, usual), of("C", 0, 145e6, usual)}, frequency + "/ / / "},
		"the last on another frequency":  {[]Member{of("A", 0, 0, usual), of("B", 0, 0, usual), of("C", 0, 0, usual), of("D", 0, other, usual)}, " / / /" + frequency},
		"a slow one":                     {[]Member{of("D", slow, 0, usual), of("A", 250e3, 0, usual), of("B", 250e3, 0, usual), of("C", 48000, 0, usual)}, rate + "/ / / "},
		"slow ones that are needed":      {[]Member{of("D", slow, 0, usual), of("A", 250e3, 0, usual), of("B", 250e3, 0, usual)}, " / / "},
		"rates not known":                {[]Member{of("D", 0, 0, usual), of("A", 250e3, 0, usual), of("B", 250e3, 0, usual), of("C", 250e3, 0, usual)}, " / / / "},
		"a single sample":                {[]Member{of("D", 0, 0, 0), of("A", 0, 0, usual), of("B", 0, 0, usual), of("C", 0, 0, usual)}, CodeNoOverlap + "/ / / "},
		"one for an hour":                {[]Member{of("D", 0, 0, time.Hour), of("A", 0, 0, usual), of("B", 0, 0, usual), of("C", 0, 0, usual)}, " / / / "},
		"more than the model takes": {[]Member{of("A", 0, 0, usual), of("B", 0, 0, usual), of("C", 0, 0, usual), of("D", 0, 0, usual), of("E", 0, 0, usual)},
			" / / / /" + CodeLate},
	} {
		e := &Entry{Frequency: 145e6, Members: c.members}
		var got []string
		for _, code := range e.fit(3, 4) {
			got = append(got, cmp.Or(code, " "))
		}
		if got := strings.Join(got, "/"); got != c.want {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
}

const usual = 2 * time.Second

func TestChosenAreInOrder(t *testing.T) {
	t.Parallel()
	e := anEntry(Closed, 4)
	slices.Reverse(e.Members)
	e.Members[1].Left = CodeNoOverlap // C
	var names []string
	for _, m := range e.Chosen() {
		names = append(names, m.Station)
	}
	if got := strings.Join(names, ""); got != "ABD" {
		t.Errorf("chosen are %s, want ABD", got)
	}
	if e.Members[0].Station != "D" {
		t.Error("the entry's own order has changed")
	}
}
