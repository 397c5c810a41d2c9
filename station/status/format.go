package status

import (
	"fmt"
	"math"
	"time"
)

// short is a duration with three digits and the unit that fits.
func short(d time.Duration) string {
	switch a := d.Abs(); {
	case a >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case a >= 2*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	case a >= 2*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case a >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case a >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case a >= time.Microsecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%d ns", d)
}

func size(bytes int64) string {
	switch x := float64(bytes); {
	case x >= 1<<30:
		return fmt.Sprintf("%.3g GiB", x/(1<<30))
	case x >= 1<<20:
		return fmt.Sprintf("%.3g MiB", x/(1<<20))
	case x >= 1<<10:
		return fmt.Sprintf("%.3g KiB", x/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// hertz keeps all digits that matter: of a rate they tell how far off an oscillator is.
func hertz(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.6f MHz", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.4f kHz", x/1e3)
	}
	return fmt.Sprintf("%.2f Hz", x)
}

// ppm is by how much a measured rate is off.
func ppm(measured, nominal float64) string {
	if measured <= 0 || nominal <= 0 {
		return ""
	}
	return fmt.Sprintf("%+.2f ppm", (measured/nominal-1)*1e6)
}

func decibels(x *float64) string {
	if x == nil {
		return "silence"
	}
	return fmt.Sprintf("%.1f dBFS", *x)
}

// scale is where a level stands on a bar from -80 to 0 dBFS, in %.
func scale(x *float64) float64 {
	if x == nil {
		return 0
	}
	return math.Round(100 * min(max(1+*x/80, 0), 1))
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
func full(t time.Time) string  { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
func nanoseconds(ns float64) string {
	return short(time.Duration(ns))
}
func fraction(n, of int64) float64 { return math.Round(100 * float64(n) / float64(max(of, 1))) }
