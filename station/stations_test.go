package station

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadStations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stations.yaml")
	text := "# three\n- id: HB9ODP\n  lat: 46.499351\n  lon: 8.798828\n  alt: 1100\n  gain: -3.5\n  sigma: 150\n" +
		"- {id: JO51xl, lat: 51, lon: 12}\n- {lon: 3.6, id: pa0rdt, lat: 51.5005, alt: -2}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadStations(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Stations{
		{"HB9ODP", 46.499351, 8.798828, 1100, -3.5, 150}, {"JO51xl", 51, 12, 0, 0, 0}, {"pa0rdt", 51.5005, 3.6, -2, 0, 0},
	}
	if len(got) != len(want) {
		t.Fatalf("read %d stations, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("read %+v, want %+v", got[i], want[i])
		}
	}
	if s, ok := got.Find("PA0RDT"); !ok || s.ID != "pa0rdt" {
		t.Errorf("PA0RDT finds %+v, %v", s, ok)
	}
	if _, ok := got.Find("pa0rd"); ok {
		t.Error("pa0rd was found")
	}
}

func TestParseStationsRefuses(t *testing.T) {
	for text, words := range map[string]string{
		"":                                  "no stations",
		"[]":                                "no stations",
		"id: A":                             "line 1",
		"- {id: A, lat: 1, lon: 2}\n- [":    "line 2",
		"- {id: A, lat: 1, lon: 2, lng: 3}": "lng",
		"- id: A\n  lat: 1\n  lon: 2\n  height: 3\n":               "line 4",
		"- id: A\n  lat: 1\n  lon: east\n":                         `line 3: "east" is no number`,
		"- {id: A, lat: 1, lon: 2}\n- null":                        "entry 2 is empty",
		"! 000000000000000":                                        "not YAML as expected",
		"- id: A\n  lat: 1\n  lat: 2\n  lon: 2\n":                  "line 3",
		"- {id: A, lat: 1, lon: 2}\n- {id: a, lat: 1, lon: 2}":     "line 2: a is listed before as A",
		"- {id: A, lat: 1, lon: 2}\n\n- {id: a.b, lat: 1, lon: 2}": `line 3: id is "a.b"`,
		"- {lat: 1, lon: 2}":                                       `id is ""`,
		"- {id: A, lat: 1}":                                        "lat and lon of A are needed",
		"- {id: A, lat: 91, lon: 0}":                               "lat of A is 91",
		"- {id: A, lat: .nan, lon: 0}":                             "lat of A is NaN",
		"- {id: A, lat: 1, lon: 181}":                              "lon of A is 181",
		"- {id: A, lat: 0, lon: 0}":                                "never told its place",
		"- {id: A, lat: 1, lon: 2, alt: .inf}":                     "alt of A is +Inf",
		"- {id: A, lat: 1, lon: 2, gain: 300}":                     "gain of A is 300",
		"- {id: A, lat: 1, lon: 2, sigma: -1}":                     "sigma of A is -1",
		"- just text":                                              "line 1",
	} {
		_, err := ParseStations([]byte(text), "s.yaml")
		wantCode(t, err, CodeBadStations, words)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line for %q: %v", text, err)
		}
	}
}

func TestLoadStationsRefusesFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yaml")
	if _, err := LoadStations(path); !os.IsNotExist(err) {
		t.Errorf("error %v for a file that is not there", err)
	}
	if err := os.WriteFile(path, make([]byte, maxStationsBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadStations(path)
	wantCode(t, err, CodeBadStations, "1048577 bytes")
	if _, err := LoadStations(t.TempDir()); err == nil {
		t.Error("a folder was read as a stations file")
	}
}

func FuzzParseStations(f *testing.F) {
	f.Add([]byte("- {id: A, lat: 1, lon: 2}\n"))
	f.Add([]byte("! 000000000000000")) // makes the library panic
	f.Add([]byte("- &a {id: A, lat: 1, lon: 2}\n- *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stations, err := ParseStations(text, "s.yaml")
		if (err == nil) != (len(stations) > 0) {
			t.Fatalf("%d stations, error %v", len(stations), err)
		}
	})
}
