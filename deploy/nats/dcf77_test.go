package nats_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"foxhunt/geo"
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
