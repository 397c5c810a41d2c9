package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stationNames are the receivers of station.py.
var stationNames = []string{"superga", "rivoli", "moncalieri", "venaria"}

// TestExamples has four stations in Python, each with a key of its own, and the dashboard in JavaScript at the two ends of a real
// server and a real worker: where the dashboard says the transmitter is, there the stations had put it.
func TestExamples(t *testing.T) {
	t.Parallel()
	python, node, foxhunt := pythonWithPackages(t), nodeWithModules(t), buildFoxhunt(t)
	for _, format := range []string{"json", "msgpack"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, append(stationNames, "dashboard", "worker")...)
			worker := foxhunt.start(t, "worker", "--nats", s.url, "--nats-nkey", s.key("worker"), "--http-listen", "127.0.0.1:0",
				"--networks", turin(t), "--fix-format", format)
			worker.says(t, `msg="worker ready"`)
			picture := filepath.Join(t.TempDir(), "map.svg")
			dashboard := node.start(t, "dashboard/dashboard.js", "--nats", s.url, "--nkey", s.key("dashboard"), "--count", "3", "--svg", picture)
			dashboard.says(t, "listening on fixes.*.*")
			for _, station := range startStations(t, python, s, "--count", "3", "--seed", "7") {
				station.succeeds(t)
				t.Logf("the station printed\n%s", station.out.String())
			}
			dashboard.succeeds(t)
			t.Logf("the dashboard printed\n%s", dashboard.out.String())

			fixes := fixLine.FindAllStringSubmatch(dashboard.out.String(), -1)
			if len(fixes) != 3 {
				t.Fatalf("the dashboard understood %d of 3 fixes", len(fixes))
			}
			for _, fix := range fixes {
				north, east := (number(t, fix[1])-45.07)*111_195, (number(t, fix[2])-7.69)*78_700
				if major := number(t, fix[3]); north*north+east*east > 100*100 || major > 300 || major < 3 {
					t.Errorf("%q is %.0f m north and %.0f m east of the transmitter", fix[0], north, east)
				}
			}
			checkPicture(t, picture)
		})
	}
}

var fixLine = regexp.MustCompile(`(?m)^\S+Z turin/event 145\.5000 MHz (-?[\d.]+) (-?[\d.]+) 95 % in (\d+) x \d+ m confidence [\d.]+, [34] of 4 receivers, grid \S+$`)

// turin is a file that says which stations the network has, and gives slow machines time to start them.
func turin(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "networks.yaml")
	text := "turin: {window: 1m, stations: [" + strings.Join(stationNames, ", ") + "]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startStations starts all stations of station.py, each with its key, to hear the same seconds.
func startStations(t *testing.T, python program, s *site, args ...string) (stations []*running) {
	t.Helper()
	first := strconv.FormatInt(time.Now().Unix(), 10)
	for _, name := range stationNames {
		stations = append(stations, python.start(t, append([]string{"station/station.py", "--nats", s.url, "--nkey", s.key(name),
			"--station", name, "--start", first}, args...)...))
	}
	return stations
}

// A station whose key the server does not know ends with an error, and does not hang.
func TestStationRefused(t *testing.T) {
	t.Parallel()
	python := pythonWithPackages(t)
	s := startServer(t, "superga")
	newKey(t, s.key("stranger"))
	station := python.start(t, "station/station.py", "--nats", s.url, "--nkey", s.key("stranger"))
	if err := station.wait(t); err == nil || !strings.Contains(station.log.String(), "Authorization Violation") || strings.Contains(station.log.String(), "Traceback") {
		t.Errorf("the station ended with %v, and said\n%s", err, station.log.String())
	}
}

// A station that publishes before anybody has made the stream says so, tries again, and loses nothing.
func TestStationBeforeStream(t *testing.T) {
	t.Parallel()
	python, foxhunt := pythonWithPackages(t), buildFoxhunt(t)
	s := startServer(t, "superga", "worker")
	station := python.start(t, "station/station.py", "--nats", s.url, "--nkey", s.key("superga"))
	station.says(t, "no response from stream; trying again")
	foxhunt.start(t, "worker", "--nats", s.url, "--nats-nkey", s.key("worker"), "--http-listen", "127.0.0.1:0")
	station.succeeds(t)
	if !strings.Contains(station.out.String(), "number 1 in CAPTURES") {
		t.Errorf("the station printed %q", station.out.String())
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func checkPicture(t *testing.T, path string) {
	t.Helper()
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(svg), "<ellipse "); n != 3 || strings.Contains(string(svg), "NaN") {
		t.Errorf("the picture has %d ellipses:\n%s", n, svg)
	}
}
