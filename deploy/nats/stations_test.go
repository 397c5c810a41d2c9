package nats_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestStations has three stations publish what they heard of a simulated transmitter, each a process with its own key: it is one
// event, and one fix.
func TestStations(t *testing.T) {
	t.Parallel()
	p := buildProgram(t)
	names := []string{"cuneo", "milano", "torino"} // of whom record writes
	s := layOut(t, stationUsers(names, "demo"), p.makeKey)
	s.write(t, "networks.yaml", "demo: {window: 1m, stations: [cuneo, milano, torino]}\n")
	s.start(t, "nats-server.conf")
	worker := p.start(t, s, "worker.nk", "_INBOX_worker", "worker", "--networks", "networks.yaml", "--http-listen", "127.0.0.1:0")
	worker.says(t, `msg="worker ready"`)
	tick := time.Now().Truncate(time.Second)
	recorded := record(t, s, tick.Add(-time.Millisecond)) // some 18 ms
	take(t, &recorded, "--network")
	options, files := recorded[:len(recorded)-3], recorded[len(recorded)-3:]
	stations := map[string][]string{}
	for _, file := range files {
		name, _, _ := strings.Cut(file, "=")
		stations[name] = append(slices.Clone(options), "--every", "1s", "--length", "10ms", file)
	}
	fix := p.locate(t, s, "demo", stations, 1)[0]
	checkReceivers(t, fix, names)
	if want := messages.TickEvent(fix.Frequency, tick.UnixNano()); fix.Event != want {
		t.Errorf("the event is %s, want %s", fix.Event, want)
	}
	s.checkDead(t, "demo", 0)
	p.holdTongue(t, s)
}

// stationUsers are lines of users.conf: a key for every station in every network.
func stationUsers(stations []string, networks ...string) string {
	lines := "STATIONS: [\n"
	for _, n := range networks {
		for _, r := range stations {
			lines += fmt.Sprintf("{ nkey: \"<public key of %s.%s.nk>\", permissions: { publish: \"captures.%s.%s\", subscribe: \"_INBOX_%s.%s.>\" } }\n", n, r, n, r, n, r)
		}
	}
	return lines + "]\n"
}

// publishAll has stations publish, each as a process, and waits until they have ended and the workers have finished every
// capture.
func (p *program) publishAll(t *testing.T, s *site, network string, stations map[string][]string) {
	t.Helper()
	var processes []*running
	for station, arguments := range stations {
		user := network + "." + station
		processes = append(processes, p.start(t, s, user+".nk", "_INBOX_"+user, append([]string{"station", "--network", network, "--id", station,
			"--spool", "spool"}, arguments...)...))
	}
	for _, process := range processes {
		process.endsWithin(t, time.Minute)
	}
	operator := s.connect(t, "operator.nk", "")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		lag, err := operator.Lag(within(t), jetstream.DefaultTopology(), 1)
		if err == nil && lag.Total == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("captures are left: %+v, %v", lag, err)
		}
	}
}

// locate publishes, and returns one fix for each of so many events, in order of their time.
func (p *program) locate(t *testing.T, s *site, network string, stations map[string][]string, events int) []*messages.Fix {
	t.Helper()
	p.publishAll(t, s, network, stations)
	fixes := s.fixes(t, network)
	slices.SortFunc(fixes, func(a, b *messages.Fix) int { return strings.Compare(a.Event, b.Event) })
	located := map[string]bool{}
	for _, fix := range fixes {
		located[fix.Event] = true
	}
	if len(fixes) != events || len(located) != events {
		t.Fatalf("%d fixes of %d events in %s; want one for each of %d", len(fixes), len(located), network, events)
	}
	return fixes
}

// fixes are all that a network has.
func (s *site) fixes(t *testing.T, network string) (fixes []*messages.Fix) {
	t.Helper()
	operator := s.connect(t, "operator.nk", "")
	_, stored, err := operator.StoredFixes(within(t), jetstream.DefaultTopology(), time.Now().Add(-time.Hour), "fixes."+network+".*")
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range stored {
		if err != nil {
			t.Fatal(err)
		}
		fix, err := messages.DecodeFix(m.ContentType, m.Body)
		if err != nil {
			t.Fatal(err)
		}
		fixes = append(fixes, fix)
	}
	return fixes
}

// checkReceivers has a fix rest on one capture of each station.
func checkReceivers(t *testing.T, fix *messages.Fix, stations []string) {
	t.Helper()
	captures := map[string]bool{}
	var names []string
	for _, r := range fix.Receivers {
		names = append(names, r.Station)
		captures[r.CaptureID] = true
		if !r.Used {
			t.Errorf("event %s: %s was not used", fix.Event, r.Station)
		}
	}
	if fix.Source != "event" || !slices.Equal(names, stations) || len(captures) != len(stations) || captures[""] {
		t.Errorf("event %s of %s rests on %v, captures %v; want one of each of %v", fix.Event, fix.Source, names, captures, stations)
	}
}

// checkDead expects so many dead letters of a network, all for want of receivers.
func (s *site) checkDead(t *testing.T, network string, want int) {
	t.Helper()
	n := 0
	filter := jetstream.DeadFilter{Subject: "captures." + network + ".*"}
	for d, err := range s.connect(t, "operator.nk", "").DeadLetters(within(t), jetstream.DefaultTopology(), filter) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if d.Letter.Reason != "too_few_receivers" {
			t.Errorf("%s died of %s: %s", d.Letter.Subject, d.Letter.Reason, d.Letter.Sentence)
		}
	}
	if n != want {
		t.Errorf("%s has %d dead letters; want %d", network, n, want)
	}
}

// endsWithin waits for a good end.
func (r *running) endsWithin(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-r.ended:
		if r.err != nil {
			t.Fatalf("%v: %v\n%s", r.cmd.Args, r.err, r.log.String())
		}
	case <-time.After(d):
		t.Fatalf("%v has not ended\n%s", r.cmd.Args, r.log.String())
	}
}
