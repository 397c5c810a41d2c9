package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/station/receiver"
	"foxhunt/station/spool"
)

// stationOptions are the flags of foxhunt station.
type stationOptions struct {
	nats   natsOptions
	logs   logOptions
	place  placeOptions
	source sourceOptions
	cut    cutOptions

	network string
	clock   string
	listen  string
	spool   spool.Options
	order   string

	checking bool
	asJSON   bool
}

func newStation() *cobra.Command {
	o := &stationOptions{}
	cmd := &cobra.Command{
		Use:   "station [STATION=]FILE[@TIME]... | --rtl-tcp HOST:PORT | --stdin FORMAT",
		Short: "Be a station: cut captures out of what a receiver hears, and publish them",
		Long: `Be a station: cut captures out of what a receiver hears, and publish them.

With an RTL-SDR on this machine or another (Debian's package rtl-sdr has rtl_tcp and rtl_sdr):

    rtl_tcp -a 127.0.0.1 &
    foxhunt station --nats nats://127.0.0.1:4222 --network fm --id NORTH --lat 52.01 --lon 4.36 \
      --rtl-tcp 127.0.0.1:1234 --freq 145.5e6

This publishes a second of every ten, aligned to UTC, so that all stations of a network that say the same --freq, --every
and --length publish captures of the same moments, which meet by their event's name. Have a fix or two made of three
stations, and see them with foxhunt watch.

Where samples come from is one of:
  --rtl-tcp HOST:PORT  a server of an RTL-SDR, which is set by --freq, --rate, --tuner-gain and --ppm
  --stdin FORMAT       another program, such as rtl_sdr; --freq and --rate say how it is set
  FILE...              recordings of this station, as foxhunt publish takes them, played once; then the command ends

Which samples become captures:
  --every, --length    on a schedule (--every 0: none)
  --level              when the level rises above a threshold: -30 is dBFS, floor+10 dB above the noise. Such captures have no
                       event, and meet others by their time
  --on-request         when somebody asks for them: foxhunt capture. With --every 0 an RTL-SDR is tuned for it, and back

Whether receiver and clock are fit for time differences, and how good a fix they allow, says the same command with --check.

Times. Recordings have their own; where they do not say how good these are, they are believed as live samples' are, unless
--sigma or the stations file say it. Live samples are timed by this machine's clock as they arrive: those that came earliest
show the true rate and when samples were taken, but for a constant delay of the receiver, its driver and the network,
which nobody can see from here. It is taken for --latency (10ms), with a standard deviation of --sigma (20ms): what each
capture states, together with what the clock's keeper says (--clock). 20 ms are 6000 km. For fixes the delay must be
measured, on an emitter of known place say, and both be given: --latency 31.2ms --sigma 20us.

A capture is on the disk (--spool) before it is sent, and leaves it when the stream has confirmed it. While NATS is away
captures wait there, and neither a crash nor a power cut loses them; --spool-bytes, --spool-age and --spool-order say how
many and which go first.`,
		Example: `  foxhunt station --network fm --id NORTH --lat 52.01 --lon 4.36 --rtl-tcp 127.0.0.1:1234 --freq 145.5e6 --tuner-gain 30
  rtl_sdr -f 98.1e6 -s 250e3 - | foxhunt station --network fm --id NORTH --lat 52.01 --lon 4.36 --stdin cu8 --freq 98.1e6 --rate 250e3
  foxhunt station --network dcf --stations stations.yaml --every 5s --length 4s 20200813T065220Z_77500_HB9ODP_iq.wav`,
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := o.logs.logger()
			if err != nil {
				return err
			}
			if o.spool.MaxBytes == 0 || o.spool.MaxAge == 0 { // which would stand for the spool's defaults
				return errors.New("spool-bytes and spool-age must not be 0, as all captures go through the spool; want room for one, and 1s")
			}
			if o.checking {
				return o.check(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), log)
			}
			return o.run(cmd.Context(), args, cmd.InOrStdin(), log)
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *stationOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.network, "network", "", "network that the station belongs to (needed)")
	o.place.register(flags)
	o.source.register(flags)
	o.cut.register(flags)
	flags.StringVar(&o.clock, "clock", clockSystem, "how good this machine's clock is: system, what its keeper (chrony, ntpd, timesyncd) tells the kernel; or a standard deviation such as 2ms")
	flags.StringVar(&o.spool.Dir, "spool", "spool", "folder for captures until they are confirmed; stations may share it")
	flags.Int64Var(&o.spool.MaxBytes, "spool-bytes", spool.DefaultMaxBytes, "most that waits there; beyond it the oldest are dropped")
	flags.DurationVar(&o.spool.MaxAge, "spool-age", spool.DefaultMaxAge, "captures that waited longer are dropped; 1s at least")
	flags.StringVar(&o.order, "spool-order", string(spool.OldestFirst), "which goes first after an outage: oldest or newest")
	flags.StringVar(&o.listen, "listen", "", "address of the status page, /metrics, /livez and /readyz, such as 127.0.0.1:8090 (default: none)")
	flags.BoolVar(&o.checking, "check", false, "watch the samples for ten seconds, the clock, and NATS if --nats is given; say whether they are fit for time differences, and end: with 1 if not")
	flags.BoolVar(&o.asJSON, "json", false, "with --check: one JSON value")
	o.nats.register(flags)
	o.logs.register(flags)
}

// placeOptions say who the station is.
type placeOptions struct {
	id       string
	stations string
	lat, lon float64
	alt      float64
	gain     float64
	given    func(flag string) bool // on the command line or in the environment
}

func (o *placeOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.id, "id", "", "the station's name (default: from the recordings)")
	flags.Float64Var(&o.lat, "lat", 0, "latitude of the antenna, degrees")
	flags.Float64Var(&o.lon, "lon", 0, "longitude of the antenna, degrees")
	flags.Float64Var(&o.alt, "alt", 0, "altitude of the antenna, m")
	flags.Float64Var(&o.gain, "gain", 0, "gain of the antenna and what follows up to the tuner, dB")
	flags.StringVar(&o.stations, "stations", "", "YAML list of id, lat, lon, alt that has the station, instead of --lat and --lon")
	o.given = flags.Changed
}

// sourceOptions say where samples come from.
type sourceOptions struct {
	rtlTCP   string
	stdin    string
	freq     float64
	rate     float64
	gain     string
	ppm      int
	latency  time.Duration
	sigma    time.Duration
	format   string
	t0       string
	segment  int
	realtime bool
	given    func(flag string) bool
}

func (o *sourceOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.rtlTCP, "rtl-tcp", "", "address of an rtl_tcp server, host:port")
	flags.StringVar(&o.stdin, "stdin", "", "samples come from standard input, as cu8, ci8, ci16_le or cf32_le")
	flags.Float64Var(&o.freq, "freq", 0, "centre frequency in Hz (recordings: default from the file)")
	flags.Float64Var(&o.rate, "rate", 0, "samples a second; an RTL-SDR takes 225001 to 300e3 and 900001 to 3.2e6, and beyond 2.56e6 USB may lose some (default of rtl_tcp: 250e3, of recordings: from the file)")
	flags.StringVar(&o.gain, "tuner-gain", "auto", "gain of rtl_tcp's tuner, dB; auto: the tuner chooses")
	flags.IntVar(&o.ppm, "ppm", 0, "correction of rtl_tcp's oscillator, parts per million")
	flags.DurationVar(&o.latency, "latency", receiver.DefaultLatency, "live samples: the constant delay from the antenna to here, taken off all times")
	flags.DurationVar(&o.sigma, "sigma", receiver.DefaultSigma, "live samples: standard deviation of --latency; recordings: of their times, in place of what the stations file or they themselves say")
	flags.StringVar(&o.format, "format", "", "recordings: samples of raw files, as for --stdin")
	flags.StringVar(&o.t0, "t0", "", "recordings: time of the first sample of those that do not say it, RFC 3339")
	flags.IntVar(&o.segment, "segment", 0, "recordings: segment of SigMF files, from 1 (default: the longest)")
	flags.BoolVar(&o.realtime, "realtime", false, "recordings: play them at their pace rather than as fast as they are published")
	o.given = flags.Changed
}

// cutOptions say what becomes a capture.
type cutOptions struct {
	every, length time.Duration
	level         string
	before        time.Duration
	holdOff       time.Duration
	onRequest     bool
}

func (o *cutOptions) register(flags *pflag.FlagSet) {
	flags.DurationVar(&o.every, "every", 10*time.Second, "a capture each such time, at its multiples in UTC, 10ms or more; 0: none")
	flags.DurationVar(&o.length, "length", time.Second, "length of a capture, on schedule and by level")
	flags.StringVar(&o.level, "level", "", "a capture when the level rises above so many dBFS (-30), or dB above the noise (floor+10)")
	flags.DurationVar(&o.before, "pre-trigger", 100*time.Millisecond, "with --level: how much of the capture lies before that")
	flags.DurationVar(&o.holdOff, "hold-off", time.Second, "with --level: least time from a capture's end to the next")
	flags.BoolVar(&o.onRequest, "on-request", false, "captures that others of the network ask for: foxhunt capture")
}
