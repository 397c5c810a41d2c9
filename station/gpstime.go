package station

import "time"

const (
	gpsWeekSeconds = 7 * 24 * 3600
	// gpsEpochUnix is 1980-01-06T00:00:00Z, where GPS time began, in Unix seconds.
	gpsEpochUnix = 315964800
	// gpsLeapSeconds is how far GPS time, which has no leap seconds, is ahead of UTC: 18 s since
	// 2017-01-01, and no further leap second is announced. Recordings from before 2017 come
	// out early by whole seconds, all stations alike.
	gpsLeapSeconds = 18
)

// gpsWeekToUnix is a time of the GPS week (ns) in ns since the Unix epoch, in the week that
// brings it nearest to about. ns may lie outside the week.
func gpsWeekToUnix(ns int64, about time.Time) int64 {
	const week = gpsWeekSeconds * int64(time.Second)
	first := (gpsEpochUnix-gpsLeapSeconds)*int64(time.Second) + ns // in week 0
	weeks := (about.UnixNano() - first + week/2) / week
	return first + weeks*week
}
