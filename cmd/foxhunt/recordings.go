package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"foxhunt/messages"
	"foxhunt/station"
)

// openRecordings reads the files that the arguments name. What an argument says goes before o, which stands for those
// that say nothing. What a recording left out is written to log.
func openRecordings(arguments []string, o station.Options, log io.Writer) ([]*station.Recording, error) {
	var recordings []*station.Recording
	for _, text := range arguments {
		if strings.EqualFold(filepath.Ext(text), ".sigmf-data") && slices.Contains(arguments, station.SigMFTwin(text)) {
			continue // as *.sigmf-* names both files of a recording
		}
		a, err := parseRecordingArgument(text)
		if err != nil {
			return nil, err
		}
		r, err := station.Open(a.path, a.options(o))
		if err != nil {
			return nil, err
		}
		if r.Dropped > 0 {
			fmt.Fprintf(log, "%s: %s of %s samples left out: %s\n", r.Name,
				withCommas(r.Dropped), withCommas(r.Dropped+r.Samples()), whyDropped(r))
		}
		recordings = append(recordings, r)
	}
	return recordings, nil
}

func whyDropped(r *station.Recording) string {
	if station.IsSigMF(r.Name) {
		return "other segments; --segment chooses one"
	}
	return "a gap or stale timestamps"
}

// unvouched says of a recording of whose time nobody says how good it is what is believed of it, and who may say better.
func unvouched(r *station.Recording) string {
	return fmt.Sprintf("%s: nothing says how good its time is: it is taken for ±%v, too little known for a fix; state it with --sigma, "+
		"as sigma in the stations file, or as foxhunt:sigma_ns in SigMF", r.Name, time.Duration(r.ClockSigma).Round(time.Millisecond))
}

// recordingArgument is a recording on the command line.
type recordingArgument struct {
	station string // "" where it says none
	path    string
	start   int64 // ns since the Unix epoch; 0 where it says none
}

// parseRecordingArgument reads [STATION=]FILE[@TIME]. Files whose names look like more than a name are told apart by a
// folder, as in ./A=b.wav, and by what follows @ being no time.
func parseRecordingArgument(text string) (recordingArgument, error) {
	a := recordingArgument{path: text}
	if id, path, found := strings.Cut(text, "="); found && messages.ValidateToken("station", id) == nil {
		a.station, a.path = id, path
	}
	at := strings.LastIndexByte(a.path, '@')
	if at < 0 || strings.Contains(a.path[at:], "/") {
		return a, nil
	}
	start, err := parseStart(a.path[at+1:])
	if err == nil {
		a.path, a.start = a.path[:at], start
		return a, nil
	}
	if _, missing := os.Stat(a.path); missing != nil {
		return a, fmt.Errorf("the start in %s is %w", text, err)
	}
	return a, nil
}

// options are o where the argument says nothing else.
func (a recordingArgument) options(o station.Options) station.Options {
	if a.station != "" {
		o.Station = a.station
	}
	if a.start != 0 {
		o.StartTime = a.start
	}
	return o
}

// parseStart is a time in ns since the Unix epoch. Its error goes on where a sentence has named the time.
func parseStart(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !t.After(time.Unix(0, 0)) || !t.Before(time.Unix(0, messages.MaxStartTime)) {
		return 0, fmt.Errorf("%q; want a time from 1970 to 2199, for example 2020-08-13T06:52:20.123456789Z", text)
	}
	return t.UnixNano(), nil
}

// withCommas writes n, which is not negative, as 1,440,000.
func withCommas(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
