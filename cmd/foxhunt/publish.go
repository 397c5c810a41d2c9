package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station"
)

type publishOptions struct {
	nats     natsOptions
	network  string
	bundle   string
	stations string
	station  string
	format   string
	rate     float64
	freq     float64
	t0       string
	sigma    time.Duration
	cutting  station.CaptureOptions
}

func newPublish() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish RECORDING...",
		Short: "Publish recordings as captures, and wait until they are stored",
		Long: `Publish recordings as captures, and wait until they are stored.

With --bundle, recordings that several receivers made at the same time become one capture, cut to their
common time span. Without it, each recording is published alone, in pieces of --length.

Recordings are KiwiSDR wav files with GNSS times, which say everything themselves; other wav files, which need
--t0; and raw IQ, which needs --format, --rate and --t0, too. A file named time_frequency_station_iq, such as
20200813T065220Z_77500_HB9ODP_iq.wav, says its station and frequency (_iq may be missing); for others there are
--station and --freq. Where a station stands is in the --stations file:

  - id: HB9ODP
    lat: 46.499351
    lon: 8.798828
    alt: 900`,
		Example: "  foxhunt publish --network dcf --bundle dcf77 --stations stations.yaml recordings/*.wav",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *publishOptions) register(flags *pflag.FlagSet) {
	o.nats.register(flags)
	flags.StringVar(&o.network, "network", "", "network that the stations belong to (needed)")
	flags.StringVar(&o.bundle, "bundle", "", "put all recordings into one capture under this name")
	flags.StringVar(&o.stations, "stations", "stations.yaml", "YAML list of id, lat, lon, alt")
	flags.StringVar(&o.station, "station", "", "station of a single recording (default: from the file's name)")
	flags.StringVar(&o.format, "format", "", "samples of raw files: cu8, ci8, ci16_le or cf32_le")
	flags.Float64Var(&o.rate, "rate", 0, "sample rate of raw files in Hz")
	flags.Float64Var(&o.freq, "freq", 0, "centre frequency in Hz (default: from the file's name)")
	flags.StringVar(&o.t0, "t0", "", "time of the first sample, RFC 3339 with up to nine decimals")
	flags.DurationVar(&o.sigma, "sigma", 0, "standard deviation of the time stamps (default: what the recording shows)")
	flags.DurationVar(&o.cutting.Start, "start", 0, "leave out so much of the recordings' common start")
	flags.DurationVar(&o.cutting.Length, "length", 0, "length of a capture (default: of a bundle all that fits, else 1s)")
	flags.StringVar(&o.cutting.Event, "event", "", "name of the emission, kept in the fix")
	flags.StringVar(&o.cutting.Session, "session", "", "name of the session, kept in the fix")
}

func (o *publishOptions) run(ctx context.Context, out io.Writer, paths []string) error {
	captures, err := o.captures(paths)
	if err != nil {
		return err
	}
	o.nats.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	conn, err := o.nats.connect(ctx, "publish")
	if err != nil {
		return err
	}
	defer conn.Close()
	failed := 0
	for i, c := range captures {
		if err := o.publish(ctx, conn, c, fmt.Sprintf("%d/%d", i+1, len(captures)), out); err != nil {
			if ctx.Err() != nil {
				return err
			}
			failed++
			fmt.Fprintf(os.Stderr, "capture %d/%d was not stored: %v\n", i+1, len(captures), err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d captures were not stored", failed, len(captures))
	}
	return nil
}

// captures reads the recordings and cuts them, before anything is published.
func (o *publishOptions) captures(paths []string) ([]*messages.Capture, error) {
	if o.network == "" {
		return nil, errors.New("network is missing; want for example --network dcf")
	}
	if o.station != "" && len(paths) > 1 {
		return nil, fmt.Errorf("station names the station of one recording; there are %d", len(paths))
	}
	stations, err := station.LoadStations(o.stations)
	if err != nil {
		return nil, err
	}
	recordings, err := o.open(paths)
	if err != nil {
		return nil, err
	}
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

func (o *publishOptions) open(paths []string) ([]*station.Recording, error) {
	options := station.Options{
		Station: o.station, Frequency: o.freq, Format: messages.SampleFormat(o.format), SampleRate: o.rate,
		ClockSigma: float64(o.sigma.Nanoseconds()),
	}
	if o.t0 != "" {
		t0, err := time.Parse(time.RFC3339Nano, o.t0)
		if err != nil {
			return nil, fmt.Errorf("t0 is %q; want for example 2020-08-13T06:52:20.123456789Z", o.t0)
		}
		options.StartTime = t0.UnixNano()
	}
	var recordings []*station.Recording
	for _, path := range paths {
		r, err := station.Open(path, options)
		if err != nil {
			return nil, err
		}
		recordings = append(recordings, r)
	}
	return recordings, nil
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
	data, err := c.Encode(nil)
	if err != nil {
		return err
	}
	stored, err := conn.PublishCapture(ctx, subject, c.ID, data)
	switch {
	case err != nil:
		return err
	case stored.Duplicate:
		return fmt.Errorf("the stream already holds a message of id %s: somebody else uses this id", c.ID)
	}
	_, err = fmt.Fprintf(out, "%s  stored as %d of %s on %s: %d receivers, %.1f s from %s, %.2f MB, id %s\n", which,
		stored.Sequence, stored.Stream, subject, len(c.Receivers), seconds(c), messages.Instant(c.StartTime()), float64(len(data))/1e6, c.ID)
	return err
}

// seconds is the length of a capture's first receiver.
func seconds(c *messages.Capture) float64 {
	return float64(c.Receivers[0].Samples()) / c.Receivers[0].SampleRate
}
