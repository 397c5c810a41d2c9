package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station"
)

const defaultStations = "stations.yaml"

type publishOptions struct {
	resume   bool
	nats     natsOptions
	traces   traceOptions
	network  string
	bundle   string
	stations string
	station  string
	format   string
	rate     float64
	freq     float64
	t0       string
	sigma    time.Duration
	segment  int
	cutting  station.CaptureOptions
}

func newPublish() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish [STATION=]FILE[@TIME]...",
		Short: "Publish recordings as captures, and wait until they are stored",
		Long: `Publish recordings as captures, and wait until they are stored.

With --bundle, recordings that several receivers made at the same time become one capture, cut to their
common time span. Without it, each recording is published alone, in pieces of --length: captures of one receiver,
which meet those of other stations by their times (docs/meeting.md). Pieces that meet nobody are dead letters,
too_few_receivers.

Recordings are KiwiSDR wav files with GNSS times; SigMF (.sigmf-meta, .sigmf-data or .sigmf); other wav files; and raw
IQ, which needs --format and --rate. A file named time_frequency_station_iq, such as
20200813T065220Z_77500_HB9ODP_iq.wav, says its station and frequency (_iq may be missing). For any other file,
STATION=FILE or --station, and --freq, say them.

SigMF files can say all of this themselves, also where the station stands. Those that foxhunt fetch wrote are published as
they are, not cut again, unless --start or --length are given (docs/sigmf.md).

All others but KiwiSDR's need the time of their first sample, as FILE@TIME or --t0. KiwiSDR's know it, but not the week:
those that are not named so need --t0, too, right to three days. What an argument says goes before the flags, which
stand for all files, and these go before what files and their names say.

How good these times are is in every fix, as the length of its ellipse. KiwiSDR's show it, and SigMF may say it
(foxhunt:sigma_ns). Of others nobody knows: most programs take the computer's clock, so they are believed to 20ms, and
where they have whole seconds to 289ms, which is no fix. State what you know of them: --sigma 100ns, or sigma in the
stations file.

A capture may be refused although nothing is wrong with it: a subject holds so many at most that wait for workers
(station_over_limit), and so does the stream (stream_full). Then, and if NATS cannot be reached, the exit code is 75:
keep the recordings and give the same command again later. With any other fault it is 1.

Ids are random, so the same command again stores everything again. With --resume an id follows from the capture's
content, network and source; CAPTURES remembers ids for 15 minutes, within which the same command with --resume sends only
what is missing, and says of the rest that it "was stored before".

Where the stations are is in the --stations file, which goes before what SigMF files say:

  - id: HB9ODP
    lat: 46.499351
    lon: 8.798828
    alt: 900
    sigma: 100     # ns, of its times; may be missing`,
		Example: `  foxhunt publish --network dcf --bundle dcf77 --stations stations.yaml recordings/*.wav
  foxhunt publish --network city --bundle fm north.sigmf-meta south.sigmf-meta west.sigmf
  foxhunt publish --network city --bundle fm --format cu8 --rate 2.4e6 --freq 98.1e6 --sigma 100ns \
    NORTH=n.raw@2026-03-01T12:00:00.000000120Z SOUTH=s.raw@2026-03-01T12:00:00.5Z WEST=w.raw@2026-03-01T12:00:00.25Z`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *publishOptions) register(flags *pflag.FlagSet) {
	o.nats.register(flags)
	o.traces.register(flags)
	flags.BoolVar(&o.resume, "resume", false, "send only what this command, with --resume, has not stored in the last 15 minutes")
	flags.StringVar(&o.network, "network", "", "network that the stations belong to (needed)")
	flags.StringVar(&o.bundle, "bundle", "", "put all recordings into one capture under this name")
	flags.StringVar(&o.stations, "stations", defaultStations, "YAML list of id, lat, lon, alt; SigMF files that say where they were made need none")
	flags.StringVar(&o.station, "station", "", "station of files that are not given as STATION=FILE (default: from the file's name)")
	flags.StringVar(&o.format, "format", "", "samples of raw files: cu8, ci8, ci16_le or cf32_le")
	flags.Float64Var(&o.rate, "rate", 0, "sample rate in Hz of raw files, and of plain wav files in place of the header's")
	flags.Float64Var(&o.freq, "freq", 0, "centre frequency in Hz (default: from the file's name)")
	flags.StringVar(&o.t0, "t0", "", "time of the first sample of files that are not given as FILE@TIME, RFC 3339 with up to nine decimals")
	flags.IntVar(&o.segment, "segment", 0, "segment of SigMF files, from 1 (default: the longest)")
	flags.DurationVar(&o.sigma, "sigma", 0, "standard deviation of the time stamps (default: the stations file's, or what the recording says; where nothing does, 20ms or more)")
	flags.DurationVar(&o.cutting.Start, "start", 0, "leave out so much of the recordings' common start")
	flags.DurationVar(&o.cutting.Length, "length", 0, "length of a capture (default: of a bundle all that fits, else 1s)")
	flags.StringVar(&o.cutting.Event, "event", "", "name of the emission, kept in the fix")
	flags.StringVar(&o.cutting.Session, "session", "", "name of the session, kept in the fix")
}

func (o *publishOptions) run(ctx context.Context, arguments []string, out, log io.Writer) error {
	captures, err := o.captures(arguments, log)
	if err != nil {
		return err
	}
	o.nats.Log = slog.New(slog.NewTextHandler(log, nil))
	_, endTracing, err := o.traces.start(ctx, &o.nats.Options, "publish", o.nats.Log)
	if err != nil {
		return err
	}
	defer endTracing()
	conn, err := o.nats.connectSoon(ctx, "publish")
	if err != nil {
		return err
	}
	defer conn.Close()
	return o.publishAll(ctx, conn, captures, out, log)
}

// publishAll publishes one capture after the other, and goes on where one is refused.
func (o *publishOptions) publishAll(ctx context.Context, conn *jetstream.Conn, captures []*messages.Capture, out, log io.Writer) error {
	stored, total := 0, len(captures)
	var worst error // of those that lie with the captures, if there is one, else of those that pass
	for i, c := range captures {
		err := o.publish(ctx, conn, c, fmt.Sprintf("%d/%d", i+1, total), out)
		switch {
		case err == nil:
			stored++
		case ctx.Err() != nil, isUnreachable(err): // the server may have taken this one and not come to say so
			return fmt.Errorf("%d of %d captures are known to be stored: %w", stored, total, err)
		default:
			fmt.Fprintf(log, "capture %d/%d was not stored: %v\n", i+1, total, err)
			if worst == nil || isPassing(worst) {
				worst = err
			}
		}
		if reportsAfter(i+1, total, isTerminal(log)) {
			fmt.Fprintf(log, "%d of %d stored\n", stored, total)
		}
	}
	if stored < total {
		return fmt.Errorf("%d of %d captures were not stored: %w", total-stored, total, worst)
	}
	if len(captures[0].Receivers) == 1 {
		fmt.Fprintln(log, "Each capture waits some seconds for those of other stations of its network, and is a dead letter, "+
			"too_few_receivers, if none come. --bundle makes one capture of several receivers' recordings.")
	}
	return nil
}

// reportsAfter says whether progress is due after the done-th of total captures: up to ten times, for somebody who
// watches or has long to wait.
func reportsAfter(done, total int, watched bool) bool {
	const few = 5
	step := (total + 9) / 10
	return (watched || total > few) && (done%step == 0 || done == total)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// captures reads the recordings and cuts them, before anything is published.
func (o *publishOptions) captures(arguments []string, log io.Writer) ([]*messages.Capture, error) {
	if o.network == "" {
		return nil, errors.New("network is missing; want for example --network dcf")
	}
	stations, missing := station.LoadStations(o.stations)
	if missing != nil && (o.stations != defaultStations || !errors.Is(missing, fs.ErrNotExist)) {
		return nil, missing
	}
	defaults, err := o.defaults()
	if err != nil {
		return nil, err
	}
	recordings, err := openRecordings(arguments, defaults, log)
	if err != nil {
		return nil, err
	}
	if missing != nil && slices.ContainsFunc(recordings, func(r *station.Recording) bool { return r.Place == nil }) {
		return nil, missing // recordings that all say where they were made need no stations file
	}
	for _, r := range recordings {
		if known, _ := stations.Find(r.Station); r.SigmaUnknown && known.ClockSigma == 0 {
			fmt.Fprintln(log, unvouched(r))
		}
	}
	return o.cut(recordings, stations)
}

// cut makes captures of recordings.
func (o *publishOptions) cut(recordings []*station.Recording, stations station.Stations) ([]*messages.Capture, error) {
	if o.bundle != "" {
		capture, err := station.Bundle(recordings, stations, o.cutting)
		return []*messages.Capture{capture}, err
	}
	var all []*messages.Capture
	for _, r := range recordings {
		captures, err := station.Sequence(r, stations, o.cutting)
		if err != nil {
			return nil, err
		}
		all = append(all, captures...)
	}
	return all, nil
}

// defaults say of all recordings what their arguments do not.
func (o *publishOptions) defaults() (station.Options, error) {
	options := station.Options{
		Station: o.station, Frequency: o.freq, Format: messages.SampleFormat(o.format), SampleRate: o.rate,
		ClockSigma: float64(o.sigma.Nanoseconds()), Segment: o.segment,
	}
	var err error
	if o.t0 != "" {
		if options.StartTime, err = parseStart(o.t0); err != nil {
			err = fmt.Errorf("t0 is %w", err)
		}
	}
	return options, err
}

// A capture is given up after publishTime, and what its bytes take over a link of 200 kbit/s.
const (
	publishTime = 30 * time.Second
	publishByte = 40 * time.Microsecond
)

// isPassing reports whether the same call may succeed later without anybody changing anything.
func isPassing(err error) bool {
	var e interface {
		error
		Passing() bool
	}
	return errors.As(err, &e) && e.Passing()
}

// isUnreachable reports whether others would fare no better.
func isUnreachable(err error) bool {
	var e *jetstream.Error
	return errors.As(err, &e) && (e.Code == jetstream.CodeNotConnected || e.Code == jetstream.CodeTimeout)
}

func (o *publishOptions) publish(ctx context.Context, conn *jetstream.Conn, c *messages.Capture, which string, out io.Writer) error {
	source := o.bundle
	if source == "" {
		source = c.Receivers[0].Station
	}
	subject, err := messages.CaptureSubject(o.network, source)
	if err != nil {
		return err
	}
	data, err := o.encode(c, subject)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime+time.Duration(len(data))*publishByte)
	defer cancel()
	stored, err := conn.PublishCapture(ctx, subject, c.ID, data)
	if err != nil {
		return err
	}
	how := "stored"
	switch {
	case stored.Duplicate && o.resume:
		how = "was stored before"
	case stored.Duplicate:
		return fmt.Errorf("the stream already holds a message of id %s: somebody else uses this id", c.ID)
	}
	_, err = fmt.Fprintf(out, "%s  %s as %d of %s on %s: %d receivers, %.1f s from %s, %.2f MB, id %s\n", which, how,
		stored.Sequence, stored.Stream, subject, len(c.Receivers), seconds(c), messages.Instant(c.StartTime()), float64(len(data))/1e6, c.ID)
	return err
}

// encode gives c an id and writes it.
func (o *publishOptions) encode(c *messages.Capture, subject string) ([]byte, error) {
	if o.resume {
		return identify(c, subject)
	}
	c.ID = messages.NewCaptureID()
	return c.Encode(nil)
}

// identify encodes c, to be published on subject, after giving it an id that follows from all that is in it: the stream drops
// what the same command sends again. Nobody can guess it who has not the samples, as nobody guesses a random one.
func identify(c *messages.Capture, subject string) ([]byte, error) {
	hash := sha256.New()
	c.ID = hex.EncodeToString(make([]byte, idBytes)) // as long as the id
	data, err := c.Encode(nil)
	if err != nil {
		return nil, err
	}
	hash.Write([]byte(subject + " "))
	hash.Write(data)
	c.ID = hex.EncodeToString(hash.Sum(nil)[:idBytes])
	return c.Encode(data[:0])
}

// idBytes is how much of the hash is the id: 128 bits, as random ids have.
const idBytes = 16

// seconds is the length of a capture's first receiver.
func seconds(c *messages.Capture) float64 {
	return float64(c.Receivers[0].Samples()) / c.Receivers[0].SampleRate
}
