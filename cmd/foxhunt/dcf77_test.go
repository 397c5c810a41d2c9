package main

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"foxhunt/geo"
	"foxhunt/messages"
)

// recordings are the three of DCF77, which do not belong to the project: FOXHUNT_DATA names the folder above theirs.
// Where they are missing there are none.
func recordings(t *testing.T) []string {
	t.Helper()
	folder := cmp.Or(os.Getenv("FOXHUNT_DATA"), "../../../shared/data")
	paths, err := filepath.Glob(filepath.Join(folder, "dcf77-2020", "*_iq.wav"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		if paths[i], err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// stationsFile says where DCF77's three receivers stand.
func stationsFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stations.yaml")
	text := `
- {id: HB9ODP, lat: 46.499351, lon: 8.798828, alt: 900}
- {id: JO51xl, lat: 51.466044, lon: 11.977189, alt: 100}
- {id: pa0rdt, lat: 51.500500, lon: 3.600690, alt: 0}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkDCF77 holds a fix against the transmitter's place. Parts of the recordings locate it less well.
func checkDCF77(t *testing.T, fix *messages.Fix, within, longest float64) {
	t.Helper()
	there := geo.Position{Latitude: 50.0152, Longitude: 9.0112}
	here := geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}
	distance, _, _ := geo.Inverse(here, there)
	u := fix.Uncertainty
	if !(distance <= within) {
		t.Errorf("the fix is %.0f m from DCF77; want at most %.0f m", distance, within)
	}
	ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
	if !ellipse.ContainsPosition(here, there) {
		t.Errorf("the ellipse of %.0f x %.0f m at %.0f° does not hold DCF77, %.0f m away", u.SemiMajor, u.SemiMinor, u.Theta, distance)
	}
	if !(u.SemiMinor >= 11e3 && u.SemiMajor <= longest) || u.ConfidenceInterval != 0.95 {
		t.Errorf("the %g ellipse is %.0f x %.0f m; want 11 to %.0f km at 0.95", u.ConfidenceInterval, u.SemiMajor, u.SemiMinor, longest/1e3)
	}
	if fix.Confidence < 0.9 || fix.Network != "dcf" || math.Abs(fix.Budget.Propagation-20e-6) > 1e-12 {
		t.Errorf("confidence %v, network %s, budget %+v; want at least 0.9, dcf, 20 µs", fix.Confidence, fix.Network, fix.Budget)
	}
	for _, r := range fix.Receivers {
		if !r.Used {
			t.Errorf("receiver %s was not used", r.Station)
		}
	}
}

// testUp is the issue's own example: up, watch and publish as three processes, with default options.
func (p *program) testUp(t *testing.T) {
	paths, stations := recordings(t), stationsFile(t)
	if len(paths) != 3 {
		t.Skip("the recordings of DCF77 are not here; name the folder that holds dcf77-2020 in FOXHUNT_DATA")
	}
	up := p.start(t, "up", "--data-dir", "D", "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	url, address := up.ready(t)
	watch := p.start(t, "watch", "--nats", url, "--count", "1", "--timeout", "40s", "--format", "json")
	waitForWatcher(t, url)
	out := p.run(t, append([]string{"publish", "--nats", url, "--network", "dcf", "--bundle", "dcf77", "--stations", stations}, paths...)...)
	if !strings.Contains(out, "1/1  stored as 1 of CAPTURES on captures.dcf.dcf77: 3 receivers, 29") {
		t.Errorf("publish says %q", out)
	}
	watch.wait(t)
	fix, err := messages.DecodeFix(messages.ContentTypeJSON, watch.out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	checkDCF77(t, fix, 3e3, 15e3)
	waitFor(t, "one fix in /metrics", func() bool { n, _ := metric(t, address, "foxhunt_fixes_total"); return n == 1 })
	up.stop(t, os.Interrupt)
	if strings.Contains(up.log.String(), "level=ERROR") {
		t.Errorf("up wrote\n%s", up.log.String())
	}
}

// waitForWatcher waits until somebody reads the fixes.
func waitForWatcher(t *testing.T, url string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a watcher", func() bool {
		info, err := js.StreamInfo("FIXES")
		return err == nil && info.State.Consumers > 0
	})
}
