package dsp

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Recordings of the long-wave time signal DCF77 at three stations. They are not part of the project: dcf77Signals
// says where they are looked for.
var dcf77 = []struct {
	file                string
	latitude, longitude float64 // degrees
}{
	{"20200813T065220Z_77500_HB9ODP_iq.wav", 46.499351, 8.798828},
	{"20200813T065220Z_77500_JO51xl_iq.wav", 51.466044, 11.977189},
	{"20200813T065220Z_77500_pa0rdt_iq.wav", 51.500500, 3.600690},
}

const mainflingenLatitude, mainflingenLongitude = 50.0152, 9.0112

// dcf77Signals reads the recordings, or skips.
func dcf77Signals(t testing.TB) []Signal {
	t.Helper()
	folder := os.Getenv("FOXHUNT_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	var in []Signal
	for _, r := range dcf77 {
		raw, err := os.ReadFile(filepath.Join(folder, "dcf77-2020", r.file))
		if err != nil {
			t.Skipf("no recordings of DCF77 (%v): name the folder that holds dcf77-2020 in FOXHUNT_DATA", err)
		}
		in = append(in, readKiwi(t, raw))
	}
	return in
}

// readKiwi reads a KiwiSDR IQ recording: after the headers, over and over, the GNSS time of a block and
// its samples. The first blocks carry stale times: what counts is the last contiguous run.
func readKiwi(t testing.TB, raw []byte) Signal {
	t.Helper()
	var s Signal
	var times []float64 // s, of each block of the run
	block := 0
	for at := 12; at+8 <= len(raw); {
		id, size := string(raw[at:at+4]), int(binary.LittleEndian.Uint32(raw[at+4:]))
		body := raw[at+8 : min(at+8+size, len(raw))]
		at += 8 + size + size%2
		switch id {
		case "kiwi":
			now := float64(binary.LittleEndian.Uint32(body[2:])) + 1e-9*float64(binary.LittleEndian.Uint32(body[6:]))
			if n := len(times); n > 0 && math.Abs(now-times[n-1]-float64(block)/12001) > 1e-3 {
				times, s.Re, s.Im = nil, nil, nil
			}
			times = append(times, now)
		case "data":
			block = len(body) / 4
			for j := range block {
				s.Re = append(s.Re, float32(int16(binary.LittleEndian.Uint16(body[4*j:])))/32768)
				s.Im = append(s.Im, float32(int16(binary.LittleEndian.Uint16(body[4*j+2:])))/32768)
			}
		}
	}
	last := len(times) - 1
	s.SampleRate = float64(last*block) / (times[last] - times[0])
	s.StartTime = int64(times[0] * 1e9)
	return s
}

// greatCircle is the distance in metres on a sphere of 6371 km, 0.3 % off the ellipsoid's at most.
func greatCircle(latitudeA, longitudeA, latitudeB, longitudeB float64) float64 {
	const rad = math.Pi / 180
	a, b, l := latitudeA*rad, latitudeB*rad, (longitudeB-longitudeA)*rad
	h := math.Pow(math.Sin((b-a)/2), 2) + math.Cos(a)*math.Cos(b)*math.Pow(math.Sin(l/2), 2)
	return 2 * 6371008.8 * math.Asin(math.Sqrt(h))
}

// TestDCF77 compares the lags of real recordings of one transmitter with what geometry says. The ground wave's own
// delay over land is a few microseconds and not known.
func TestDCF77(t *testing.T) {
	whole, err := NewAligner().Align(dcf77Signals(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seconds float64
		channel string
		limit   float64 // s
	}{
		{0.4, ChannelCorrelation, 90e-6},
		{3, ChannelCorrelation, 40e-6},
		{28, ChannelCorrelation, 20e-6},
		{28, ChannelPHAT, 20e-6},
	} {
		n := min(whole.Samples(), int(c.seconds*whole.SampleRate))
		g := *whole
		g.Re, g.Im = make([][]float32, len(dcf77)), make([][]float32, len(dcf77))
		for i := range dcf77 {
			g.Re[i], g.Im[i] = whole.Re[i][:n], whole.Im[i][:n]
		}
		cfg := DefaultCorrelationConfig()
		cfg.Channels = []string{c.channel}
		correlator, err := NewCorrelator(cfg)
		if err != nil {
			t.Fatal(err)
		}
		band, err := correlator.Analyse(&g, 2.8e-3)
		if err != nil {
			t.Fatal(err)
		}
		var out Correlation
		if err := correlator.Correlate(sameReach(len(dcf77), 2.8e-3), &out); err != nil {
			t.Fatal(err)
		}
		t.Logf("%g s, %s: band %+v", c.seconds, c.channel, band)
		for p, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
			want := (flight(pair[1]) - flight(pair[0]))
			lag, rho := peakOf(&out, p)
			t.Logf("  %s, %s: lag %.1f us, %+.1f us off, rho %.3f, N %.0f", dcf77[pair[0]].file[23:29], dcf77[pair[1]].file[23:29], 1e6*lag, 1e6*(lag-want), rho, out.TimeBandwidth[p])
			if math.Abs(lag-want) > c.limit {
				t.Errorf("%g s, %s, pair %v: lag %g s, by geometry %g s", c.seconds, c.channel, pair, lag, want)
			}
		}
	}
}

// flight is the time of flight to receiver i, s.
func flight(i int) float64 {
	return greatCircle(dcf77[i].latitude, dcf77[i].longitude, mainflingenLatitude, mainflingenLongitude) / 299792458
}
