package station

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// said is what a recording's file name says; zero values where it does not.
type said struct {
	time      time.Time
	frequency float64 // Hz
	station   string
	mode      string // in lower case
}

// isMode reports whether part of a name is a mode of reception rather than the end of a
// station's name. These are kiwirecorder's.
func isMode(part string) bool {
	return slices.Contains([]string{"iq", "am", "amn", "amw", "sam", "sal", "sau", "sas", "qam", "lsb", "lsn", "usb", "usn",
		"cw", "cwn", "nbfm", "nnfm", "drm"}, part)
}

// parseName reads names as kiwirecorder writes them, TIME_FREQUENCY_STATION_MODE.wav, of which
// the station or the mode may be left out:
//
//	20200813T065220Z_77500_HB9ODP_iq.wav
//
// A station's name may hold underscores. From any other name nothing is taken.
func parseName(name string) said {
	parts := strings.Split(strings.TrimSuffix(name, filepath.Ext(name)), "_")
	if len(parts) < 3 {
		return said{}
	}
	t, err := time.Parse("20060102T150405Z", parts[0])
	if err != nil || t.Year() < 1980 || t.Year() > 2200 {
		return said{}
	}
	frequency, err := strconv.ParseUint(parts[1], 10, 40)
	if err != nil {
		return said{}
	}
	s := said{time: t, frequency: float64(frequency)}
	parts = parts[2:]
	if last := strings.ToLower(parts[len(parts)-1]); isMode(last) {
		s.mode, parts = last, parts[:len(parts)-1]
	}
	s.station = strings.Join(parts, "_")
	return s
}
