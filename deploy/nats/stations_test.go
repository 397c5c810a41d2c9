package nats_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// receivers of DCF77, which recorded it at the same time.
var receivers = []string{"HB9ODP", "JO51xl", "pa0rdt"}

// mainflingen is where DCF77's transmitter stands.
var mainflingen = geo.Position{Latitude: 50.0152, Longitude: 9.0112}

// networks are the same receivers in three ways: all of them; two where three are needed; two where two will do.
const networks = `
dcf: {window: 1m, stations: [HB9ODP, JO51xl, pa0rdt]}
three: {window: 1s, min_receivers: 3}
two: {window: 1m, min_receivers: 2, stations: [HB9ODP, JO51xl]}
`

const places = `
- {id: HB9ODP, lat: 46.499351, lon: 8.798828, alt: 900}
- {id: JO51xl, lat: 51.466044, lon: 11.977189, alt: 100}
- {id: pa0rdt, lat: 51.500500, lon: 3.600690, alt: 0}
`

// spans are the whole multiples of two seconds in what is common to the recordings.
const spans = 14

var everyTwo = []string{"--every", "2s", "--length", "2s"}

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

// TestDCF77 has each of three real recordings published by a station process of its own, with its own key, on the server of this
// folder: what belongs together meets, and is located. It prints the table of docs/station.md.
//
//	go test ./deploy/nats -run TestDCF77 -v
func TestDCF77(t *testing.T) {
	t.Parallel()
	recordings := dcf77(t)
	p := buildProgram(t)
	s := layOut(t, stationUsers(receivers, "dcf", "three", "two"), p.makeKey)
	s.write(t, "networks.yaml", networks)
	s.write(t, "stations.yaml", places)
	s.start(t, "nats-server.conf")
	worker := p.start(t, s, "worker.nk", "_INBOX_worker", "worker", "--networks", "networks.yaml", "--http-listen", "127.0.0.1:0",
		"--ack-wait", "10s") // after half of which those are looked after whose companions never came
	defer func() {
		if t.Failed() {
			t.Log(worker.log.String())
		}
	}()
	worker.says(t, `msg="worker ready"`)
	t.Run("three stations", func(t *testing.T) {
		fixes := p.locate(t, s, "dcf", recordings, spans)
		checkFixes(t, fixes, receivers, 20e3)
		s.checkDead(t, "dcf", 0)
	})
	delete(recordings, "pa0rdt")
	t.Run("two of three", func(t *testing.T) {
		p.publishAll(t, s, "three", recordings)
		s.checkDead(t, "three", 2*spans)
		if n := len(s.fixes(t, "three")); n != 0 {
			t.Errorf("%d fixes of two receivers where three are needed", n)
		}
	})
	t.Run("two are enough", func(t *testing.T) {
		fixes := p.locate(t, s, "two", p.fetchSigMF(t, s, "three", "HB9ODP", "JO51xl"), spans)
		checkFixes(t, fixes, receivers[:2], math.Inf(1))
		for _, fix := range fixes {
			if fix.Uncertainty.SemiMajor < 300e3 { // two receivers know a line; these stand 600 km apart
				t.Errorf("event %s of two receivers has an ellipse of %.0f m", fix.Event, fix.Uncertainty.SemiMajor)
			}
		}
		s.checkDead(t, "two", 0)
	})
	p.holdTongue(t, s)
}

// dcf77 are the arguments with which each receiver's station publishes its recording, which do not belong to the project:
// FOXHUNT_DATA names the folder above theirs.
func dcf77(t *testing.T) map[string][]string {
	t.Helper()
	folder := cmp.Or(os.Getenv("FOXHUNT_DATA"), "../../../shared/data")
	arguments := map[string][]string{}
	for _, station := range receivers {
		path, err := filepath.Abs(filepath.Join(folder, "dcf77-2020", "20200813T065220Z_77500_"+station+"_iq.wav"))
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			t.Skip("the recordings of DCF77 are not here; name the folder that holds dcf77-2020 in FOXHUNT_DATA")
		}
		arguments[station] = append(slices.Clone(everyTwo), "--stations", "stations.yaml", path)
	}
	return arguments
}

// fetchSigMF has a network's dead letters written as SigMF, which says itself where its station is, and returns the arguments
// with which each of the stations publishes its own.
func (p *program) fetchSigMF(t *testing.T, s *site, network string, stations ...string) map[string][]string {
	t.Helper()
	arguments := map[string][]string{}
	for _, station := range stations {
		folder := s.path("sigmf/" + station)
		out, err := p.run(t, s, "operator.nk", "", "fetch", "--dead", "--subject", "captures."+network+"."+station, "--out", folder)
		if err != nil {
			t.Fatalf("fetch: %v\n%s", err, out)
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.sigmf-meta"))
		if err != nil || len(files) != spans {
			t.Fatalf("fetch wrote %d recordings of %s, want %d\n%s", len(files), station, spans, out)
		}
		arguments[station] = append(slices.Clone(everyTwo), files...)
	}
	return arguments
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

// checkFixes holds fixes against the transmitter's place, and prints them. Every ellipse must hold it: chance, by which one of
// twenty does not, has no say where what errs is the path, the same in all of them, and the budget is right. And no ellipse is
// larger than 20 µs of path demand.
func checkFixes(t *testing.T, fixes []*messages.Fix, stations []string, longest float64) {
	t.Helper()
	table := "| event | from the transmitter | 95 % ellipse, half axes | holds it |\n| --- | --- | --- | --- |\n"
	inside := 0
	for _, fix := range fixes {
		u, here := fix.Uncertainty, geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}
		distance, _, _ := geo.Inverse(here, mainflingen)
		ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
		holds := "no"
		if ellipse.ContainsPosition(here, mainflingen) {
			holds = "yes"
			inside++
		}
		table += fmt.Sprintf("| `%s` | %.1f km | %.1f x %.1f km | %s |\n", fix.Event, distance/1e3, u.SemiMajor/1e3, u.SemiMinor/1e3, holds)
		if u.ConfidenceInterval != 0.95 || u.SemiMinor < 11e3 || u.SemiMajor > longest {
			t.Errorf("event %s: the %g ellipse is %.0f x %.0f m; want 11 to %.0f km at 0.95", fix.Event, u.ConfidenceInterval, u.SemiMajor, u.SemiMinor, longest/1e3)
		}
		checkReceivers(t, fix, stations)
	}
	t.Logf("%d of %d ellipses hold the transmitter\n%s", inside, len(fixes), table)
	if inside < len(fixes) {
		t.Errorf("%d of %d ellipses do not hold the transmitter", len(fixes)-inside, len(fixes))
	}
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
