package station

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// said is what a recording's file name says; zero values where it does not.
type said struct {
	time      time.Time
	frequency float64 // Hz
	station   string
}

// parseName reads names as kiwirecorder writes them, TIME_FREQUENCY_STATION_MODE.wav:
//
//	20200813T065220Z_77500_HB9ODP_iq.wav
//
// A station's name may hold underscores. From any other name nothing is taken.
func parseName(name string) said {
	parts := strings.Split(strings.TrimSuffix(name, filepath.Ext(name)), "_")
	if len(parts) < 4 {
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
	return said{time: t, frequency: float64(frequency), station: strings.Join(parts[2:len(parts)-1], "_")}
}
