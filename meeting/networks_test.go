package meeting

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNetworks(t *testing.T) {
	t.Parallel()
	n, err := ParseNetworks([]byte("dcf:\n  slot: 20s\n  guard: 0s\n  window: 1500ms\n  min_receivers: 2\n  stations: [A, B, C]\ncity: {window: 1m}\nplain: {}\n"), "networks.yaml", DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	dcf := n.For("dcf")
	if dcf.Slot != 20*time.Second || dcf.Guard != 0 || dcf.Window != 1500*time.Millisecond || dcf.MinReceivers != 2 || !slices.Equal(dcf.Stations, []string{"A", "B", "C"}) {
		t.Errorf("dcf has %+v", dcf)
	}
	if city := n.For("city"); city.Window != time.Minute || city.Slot != 10*time.Second || city.Stations != nil {
		t.Errorf("city has %+v", city)
	}
	for _, network := range []string{"plain", "unlisted"} {
		if r := n.For(network); r.Window != 5*time.Second || r.MinReceivers != 3 || r.Stations != nil {
			t.Errorf("%s has %+v", network, r)
		}
	}
	if n, err := ParseNetworks(nil, "empty.yaml", DefaultRules()); err != nil || n.For("any").Window != 5*time.Second {
		t.Errorf("an empty file: %v", err)
	}
}

func TestBadNetworks(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		"dcf: {windows: 5s}":           "windows",
		"dcf: {window: soon}":          `window is "soon"`,
		"dcf: {window: 5}":             `window is "5"`,
		"dcf: {window: 1h}":            "window is 1h0m0s",
		"dcf: {slot: 1s}":              "guard is 1s",
		"dcf: {slot: -1s}":             "slot is -1s",
		"dcf: {guard: -1s}":            "guard is -1s",
		"dcf: {min_receivers: 1}":      "min_receivers is 1",
		"dcf: {min_receivers: 33}":     "min_receivers is 33",
		"dcf: {stations: [A, B]}":      "fewer than min_receivers",
		"dcf: {stations: [A, A, B]}":   "A is listed twice",
		"dcf: {stations: [A, B.C, D]}": "station",
		"d.c.f: {}":                    "network",
		"- dcf":                        "networks.yaml",
		"dcf: {}\ndcf: {}":             "dcf",
		"dcf: {stations: [" + strings.Repeat("S,", 40) + "]}": "stations",
		strings.Repeat("#", maxNetworksBytes+1):               "bytes",
	} {
		_, err := ParseNetworks([]byte(text), "networks.yaml", DefaultRules())
		if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "networks.yaml") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v; want %q", text, err, words)
		}
	}
}

func FuzzNetworks(f *testing.F) {
	f.Add([]byte("dcf: {slot: 20s, stations: [A, B, C]}"))
	f.Add([]byte("!!binary x: [\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := ParseNetworks(text, "f", DefaultRules()); err == nil && n.Validate() != nil {
			t.Fatal(n.Validate())
		}
	})
}
