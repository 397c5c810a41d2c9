package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/station"
	"foxhunt/station/cutter"
	"foxhunt/station/receiver"
)

// defaultRTLRate is a sample rate of which a second fits into a message of nats-server's default size, 1 MB.
const defaultRTLRate = 250e3

// open makes the receiver, and says which station it is.
func (o *stationOptions) open(args []string, in io.Reader, log *slog.Logger) (receiver.Receiver, station.Station, error) {
	given := 0
	for _, is := range []bool{len(args) > 0, o.source.rtlTCP != "", o.source.stdin != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, station.Station{}, errors.New("samples come from one of --rtl-tcp HOST:PORT, --stdin FORMAT and recordings; foxhunt station --help has examples")
	}
	if err := o.source.allUsed(len(args) > 0); err != nil {
		return nil, station.Station{}, err
	}
	if len(args) > 0 {
		return o.openRecordings(args, log)
	}
	who, err := o.place.find(nil)
	if err != nil {
		return nil, who, err
	}
	live, err := o.openLive(in, log)
	return live, who, err
}

// allUsed refuses what is given and would do nothing with the source that there is.
func (o *sourceOptions) allUsed(recordings bool) error {
	source := "recordings"
	switch {
	case o.rtlTCP != "":
		source = "--rtl-tcp"
	case o.stdin != "":
		source = "--stdin"
	}
	for _, f := range []struct {
		flag, whose string
		used        bool
	}{
		{"tuner-gain", "--rtl-tcp", o.rtlTCP != ""}, {"ppm", "--rtl-tcp", o.rtlTCP != ""}, {"latency", "live samples", !recordings},
		{"format", "recordings", recordings}, {"t0", "recordings", recordings}, {"segment", "recordings", recordings}, {"realtime", "recordings", recordings},
	} {
		if o.given(f.flag) && !f.used {
			return fmt.Errorf("--%s is for %s, and would do nothing with %s", f.flag, f.whose, source)
		}
	}
	return nil
}

func (o *stationOptions) openLive(in io.Reader, log *slog.Logger) (receiver.Receiver, error) {
	options := receiver.Options{
		Format: messages.SampleFormat(o.source.stdin), SampleRate: o.source.rate, Frequency: o.source.freq,
		Latency: o.source.latency, Sigma: o.source.sigma,
	}
	if options.Frequency == 0 {
		return nil, errors.New("freq is missing; want the centre frequency in Hz, for example --freq 145.5e6")
	}
	if o.source.rtlTCP != "" {
		options.SampleRate = cmp.Or(options.SampleRate, defaultRTLRate)
		gain, err := parseTunerGain(o.source.gain)
		if err != nil {
			return nil, err
		}
		return asReceiver(receiver.NewRTLTCP(o.source.rtlTCP, receiver.RTLOptions{Options: options, TunerGain: gain, Correction: o.source.ppm, Log: log}))
	}
	if options.SampleRate == 0 {
		return nil, errors.New("rate is missing; want how many samples a second come, for example --rate 250e3")
	}
	file, err := standardInput(in)
	if err != nil {
		return nil, err
	}
	return asReceiver(receiver.NewStream(file, "standard input", options, func(since time.Duration) {
		log.Warn("no samples come from standard input", "since", since.Round(time.Second))
	}))
}

// asReceiver keeps a nil pointer from becoming an interface that is not nil.
func asReceiver[R receiver.Receiver](r R, err error) (receiver.Receiver, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// standardInput is a pipe or a file; reads of a pipe can be ended.
func standardInput(in io.Reader) (receiver.DeadlineReader, error) {
	file, ok := in.(*os.File)
	if !ok {
		return nil, errors.New("standard input is no file")
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeCharDevice != 0:
		return nil, fmt.Errorf("standard input is %s; want another program that writes samples, as in rtl_sdr -f 98.1e6 -s 250e3 - | foxhunt station --stdin cu8", deviceName(info))
	case info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0:
		return file, nil
	}
	if file.SetReadDeadline(time.Time{}) == nil {
		return file, nil
	}
	fd, err := syscall.Dup(int(file.Fd())) // so that it has one owner
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), file.Name()), nil // now Go's poller has it, and knows deadlines
}

// deviceName says which device nobody's samples come from.
func deviceName(info os.FileInfo) string {
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(info, null) {
		return os.DevNull + ", which is empty"
	}
	return "a terminal, or another device"
}

func parseTunerGain(text string) (float64, error) {
	if text == "auto" {
		return math.NaN(), nil
	}
	gain, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(gain) {
		return 0, fmt.Errorf("tuner-gain is %.40q; want dB, or auto", text)
	}
	return gain, nil
}

// openRecordings reads the recordings, which must be of one station.
func (o *stationOptions) openRecordings(args []string, log *slog.Logger) (receiver.Receiver, station.Station, error) {
	options := station.Options{Station: o.place.id, Frequency: o.source.freq, Format: messages.SampleFormat(o.source.format), SampleRate: o.source.rate, Segment: o.source.segment}
	if o.source.given("sigma") {
		options.ClockSigma = float64(o.source.sigma)
	}
	var err error
	if o.source.t0 != "" {
		if options.StartTime, err = parseStart(o.source.t0); err != nil {
			return nil, station.Station{}, fmt.Errorf("t0 is %w", err)
		}
	}
	recordings, err := openRecordings(args, options, logLines{log})
	if err != nil {
		return nil, station.Station{}, err
	}
	who, err := o.place.find(recordings)
	if err != nil {
		return nil, who, err
	}
	if who.Gain == 0 && !o.source.given("gain") {
		who.Gain = recordedGain(recordings)
	}
	for _, r := range recordings {
		switch {
		case who.ClockSigma > 0 && !o.source.given("sigma"):
			r.ClockSigma = who.ClockSigma
		case r.SigmaUnknown:
			log.Warn(unvouched(r))
		}
	}
	played, err := asReceiver(receiver.NewRecordings(recordings, o.source.realtime))
	return played, who, err
}

// recordedGain is the gain that all recordings say; 0, as where nobody says it, where they differ.
func recordedGain(recordings []*station.Recording) float64 {
	gain := recordings[0].Gain
	if slices.ContainsFunc(recordings, func(r *station.Recording) bool { return r.Gain != gain }) {
		return 0
	}
	return gain
}

// logLines writes lines to a log.
type logLines struct{ log *slog.Logger }

func (l logLines) Write(line []byte) (int, error) {
	l.log.Info(strings.TrimSpace(string(line)))
	return len(line), nil
}

// find is the station that the flags name, or the recordings.
func (o *placeOptions) find(recordings []*station.Recording) (station.Station, error) {
	s := station.Station{ID: o.id, Latitude: o.lat, Longitude: o.lon, Altitude: o.alt, Gain: o.gain}
	for _, r := range recordings {
		switch {
		case s.ID == "":
			s.ID = r.Station
		case r.Station != "" && !strings.EqualFold(r.Station, s.ID):
			return s, fmt.Errorf("%s was recorded by %s, and not by %s; each station needs a process of its own", r.Name, r.Station, s.ID)
		}
	}
	if s.ID == "" {
		return s, errors.New("id is missing; want the station's name, for example --id NORTH")
	}
	return o.placed(s, recordings)
}

// placed gives a station its place: from the flags, the stations file or the recordings, in that order.
func (o *placeOptions) placed(s station.Station, recordings []*station.Recording) (station.Station, error) {
	given := o.given("lat") || o.given("lon")
	switch {
	case o.stations != "" && (given || o.given("alt") || o.given("gain")):
		return s, errors.New("both --lat, --lon, --alt or --gain and --stations say where the station is and what it has; want one")
	case given && !(o.given("lat") && o.given("lon")):
		return s, errors.New("lat and lon are both needed, in degrees")
	case given:
		return s, nil
	case o.stations != "":
		all, err := station.LoadStations(o.stations)
		if err != nil {
			return s, err
		}
		found, ok := all.Find(s.ID)
		if !ok {
			return s, fmt.Errorf("station %s is not in %s", s.ID, o.stations)
		}
		return found, nil
	}
	found, err := recordedPlace(recordings)
	if err != nil {
		return s, err
	}
	if found == nil {
		return s, fmt.Errorf("where is %s? Want --lat and --lon, or --stations FILE", s.ID)
	}
	s.Latitude, s.Longitude, s.Altitude = found.Latitude, found.Longitude, found.Altitude
	return s, nil
}

// mostMoved is how far the places of a station's recordings may be apart: receivers that stand still write what GNSS says just then.
const mostMoved = 30 // m, 0.1 µs

// recordedPlace is the one place that recordings say; nil where none says any. A station has one place, in all of its captures.
func recordedPlace(recordings []*station.Recording) (*station.Place, error) {
	var first *station.Recording
	for _, r := range recordings {
		switch {
		case r.Place == nil:
		case first == nil:
			first = r
		default:
			moved, _, _ := geo.Inverse(position(first.Place), position(r.Place))
			if moved > mostMoved {
				return nil, fmt.Errorf("%s and %s were recorded %.0f m apart, and a station has one place: play the recordings of each place by themselves, "+
					"or give the place of all with --lat and --lon, or --stations", first.Name, r.Name, moved)
			}
		}
	}
	if first == nil {
		return nil, nil
	}
	return first.Place, nil
}

func position(p *station.Place) geo.Position {
	return geo.Position{Latitude: p.Latitude, Longitude: p.Longitude, Altitude: p.Altitude}
}

// cutter is what cuts captures of a station out of what a receiver hears.
func (o *cutOptions) cutter(info receiver.Info, s station.Station) (*cutter.Cutter, error) {
	options := cutter.Options{
		Receiver: messages.Receiver{Station: s.ID, Latitude: s.Latitude, Longitude: s.Longitude, Altitude: s.Altitude, Gain: s.Gain + info.Gain},
		Schedule: cutter.Schedule{Every: o.every, Length: o.length},
	}
	if o.every == 0 && o.level == "" && !o.onRequest {
		return nil, errors.New("nothing would become a capture; want --every, --level or --on-request")
	}
	if o.level != "" {
		level, aboveFloor, err := parseLevel(o.level)
		if err != nil {
			return nil, err
		}
		options.Trigger = &cutter.Trigger{Level: level, AboveFloor: aboveFloor, Length: o.length, Before: o.before, HoldOff: o.holdOff}
	}
	if o.onRequest {
		options.Keep = keepForRequests
	}
	if err := validPlace(options.Receiver, info); err != nil {
		return nil, err
	}
	return cutter.New(info, options)
}

// keepForRequests is how much of the past can be asked for, if that is not more than 64 MiB.
const keepForRequests = 10 * time.Second

// parseLevel reads -30, dBFS, or floor+10, dB above the noise.
func parseLevel(text string) (level float64, aboveFloor bool, err error) {
	number, aboveFloor := strings.CutPrefix(text, "floor+")
	level, err = strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, false, fmt.Errorf("level is %.40q; want dBFS, such as -30, or floor+10", text)
	}
	return level, aboveFloor, nil
}

// validPlace holds what all captures will say against what a capture may say, before any is made.
func validPlace(rx messages.Receiver, info receiver.Info) error {
	rx.StartTime, rx.SampleRate, rx.Format = 1, info.SampleRate, info.Format
	rx.IQ = make([]byte, info.Format.BytesPerSample())
	c := messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Frequency: info.Frequency, Receivers: []messages.Receiver{rx}}
	return c.Validate()
}
