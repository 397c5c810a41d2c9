package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station"
	"foxhunt/station/cutter"
	"foxhunt/station/receiver"
	"foxhunt/station/spool"
)

// stationProcess is a station at work: receiver -> cutter -> spool -> NATS, each in a goroutine of its own but for the first two.
type stationProcess struct {
	o        *stationOptions
	who      station.Station
	receiver receiver.Receiver
	cutter   *cutter.Cutter
	spool    *spool.Spool
	clock    *stationClock
	tuner    *tuner
	status   stationStatus
	log      *slog.Logger

	cut    chan *messages.Capture         // to the spool, closed when no more will come
	linger time.Duration                  // for which a live station whose samples have ended goes on sending
	conn   atomic.Pointer[jetstream.Conn] // nil until NATS answers

	asked atomic.Pointer[askedRequests] // nil while no requests are heard
}

// waitingCaptures are those that wait to be written to the disk: what comes beyond holds up the receiver.
const waitingCaptures = 4

// lingers is enough for the last captures of a link that works.
const lingers = 10 * time.Second

// run is the command.
func (o *stationOptions) run(ctx context.Context, args []string, in io.Reader, log *slog.Logger) error {
	p, err := o.process(args, in, log)
	if err != nil {
		return err
	}
	defer p.close()
	p.introduce()
	if err := p.show(); err != nil {
		return err
	}
	defer p.hide()
	return p.run(ctx)
}

// process makes all that needs no network, so that what makes no sense is said at once.
func (o *stationOptions) process(args []string, in io.Reader, log *slog.Logger) (*stationProcess, error) {
	p := &stationProcess{o: o, log: log, cut: make(chan *messages.Capture, waitingCaptures), linger: lingers}
	if o.network == "" {
		return nil, errors.New("network is missing; want for example --network dcf")
	}
	var err error
	if p.clock, err = newStationClock(o.clock); err != nil {
		return nil, err
	}
	if p.receiver, p.who, err = o.open(args, in, log); err != nil {
		return nil, err
	}
	if _, err := messages.CaptureSubject(o.network, p.who.ID); err != nil {
		return nil, err
	}
	if p.cutter, err = o.cut.cutter(p.receiver.Info(), p.who); err != nil {
		return nil, err
	}
	p.tuner = newTuner(p.receiver, log)
	o.spool.Network, o.spool.Station, o.spool.Order, o.spool.Log = o.network, p.who.ID, spool.Order(o.order), log
	o.spool.Sent = p.status.sent
	p.spool, err = spool.Open(o.spool)
	return p, err
}

func (p *stationProcess) close() {
	if err := errors.Join(p.receiver.Close(), p.spool.Close()); err != nil {
		p.log.Warn("closing the station", "error", err)
	}
}

// introduce says who this is and what it will do.
func (p *stationProcess) introduce() {
	info := p.receiver.Info()
	attrs := []any{"network", p.o.network, "station", p.who.ID, "lat", p.who.Latitude, "lon", p.who.Longitude, "alt", p.who.Altitude,
		"source", info.Kind + " " + info.Name, "freq", fmt.Sprintf("%.12g", info.Frequency), "rate", fmt.Sprintf("%.9g", info.SampleRate), "format", info.Format}
	if p.o.cut.every > 0 {
		attrs = append(attrs, "schedule", fmt.Sprintf("%v every %v", p.o.cut.length, p.o.cut.every))
	}
	if p.o.cut.level != "" {
		attrs = append(attrs, "level", p.o.cut.level)
	}
	attrs = append(attrs, "on_request", p.o.cut.onRequest)
	if info.Live() {
		attrs = append(attrs, "latency", p.o.source.latency, "latency_sigma", p.o.source.sigma, "clock_sigma", p.clock.sigma())
		p.clock.warn(p.log)
	}
	if waiting := p.spool.Stats().Waiting; waiting > 0 {
		attrs = append(attrs, "spooled_before", waiting)
	}
	p.log.Info("this is a station", attrs...)
	if info.Live() && !p.o.source.given("latency") && !p.o.source.given("sigma") {
		p.log.Info(fmt.Sprintf("the receiver's delay was never measured: it is taken for %v ± %v, too little known for a fix; see --latency and --sigma",
			p.o.source.latency, p.o.source.sigma))
	}
}

// run works until the recordings end and are published, or until ctx ends; then what was cut is on the disk.
func (p *stationProcess) run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	receiving, endReceiving := context.WithCancel(working) // ends with ctx, and where anything fails
	defer endReceiving()
	defer context.AfterFunc(ctx, endReceiving)()
	group.Go(func() error { return p.receive(receiving) })
	group.Go(func() error { return p.tuner.run(receiving) })
	group.Go(func() error {
		defer stop()
		p.keep(receiving)
		return p.finish(ctx, working)
	})
	group.Go(func() error { p.clock.system.Run(working); return nil })
	group.Go(func() error { return p.send(working) })
	return untilStopped(ctx, group.Wait())
}

// receive cuts captures until the samples end; that ctx ended is no error.
func (p *stationProcess) receive(ctx context.Context) error {
	defer close(p.cut)
	defer p.cutter.End()
	watch := newSampleWatch(p.cutter.Meter(), p.receiver.Info(), p.log)
	for {
		block, err := p.receiver.Read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			p.ended()
			return nil
		case err != nil:
			return err
		}
		captures := p.cutter.Add(block)
		watch.look(time.Now())
		for _, c := range captures {
			if p.receiver.Info().Live() {
				p.clock.state(c)
			}
			if !p.hand(ctx, c) {
				return nil
			}
		}
	}
}

// hand hands a capture to the disk; ok is false where ctx ended and there is no place for it.
func (p *stationProcess) hand(ctx context.Context, c *messages.Capture) (ok bool) {
	select {
	case p.cut <- c: // whether ctx ended or not
		return true
	default:
	}
	select {
	case p.cut <- c:
		return true
	case <-ctx.Done():
		p.log.Warn("a capture was cut and is given up, as the disk is behind and the station is to stop")
		return false
	}
}

// ended says that no more samples come.
func (p *stationProcess) ended() {
	if p.receiver.Info().Live() {
		p.log.Warn("the samples ended: the program that writes to standard input has gone")
	}
}

// keep writes captures to the disk as they are cut, until no more will come. When ctx ends it waits for nothing else.
func (p *stationProcess) keep(ctx context.Context) {
	for c := range p.cut {
		item, err := p.spool.Put(c)
		if err != nil {
			p.log.Error("a capture is lost, as it could not be spooled", "error", err)
			continue
		}
		p.status.spooled(item, c)
		rx := &c.Receivers[0]
		p.log.Debug("spooled a capture", "sequence", item.Sequence, "event", c.Event, "t0", messages.Instant(rx.StartTime),
			"seconds", seconds(c), "sigma", time.Duration(rx.ClockSigma), "bytes", len(item.Data), "id", c.ID)
		if stats := p.spool.Stats(); !p.receiver.Info().Live() && stats.Bytes > stats.MaxBytes/2 { // recordings can wait, and are not to be dropped
			if err := p.spool.Drain(ctx); err != nil && ctx.Err() == nil {
				p.log.Error("the rest of the recordings is left out, as the spool gets full and nothing is taken out of it")
				return
			}
		}
	}
}

// finish waits, when the samples have ended, until all is published, or until the server has said that it takes nothing. After a live
// source it waits for as long as it lingers only: whoever starts the station and its source again is waiting, too. A station that is
// stopped ends with what waits on the disk.
func (p *stationProcess) finish(ctx, working context.Context) error {
	if ctx.Err() == nil && working.Err() == nil {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(working, cancel)()
		if p.receiver.Info().Live() {
			defer time.AfterFunc(p.linger, cancel).Stop()
		}
		_ = p.spool.Drain(ctx) // what its error means is said below
	}
	stats, made := p.spool.Stats(), p.cutter.Captures()
	p.log.Info("the station ends", "scheduled", made.Scheduled, "triggered", made.Triggered, "requested", made.Requested,
		"missed", made.Missed, "published", stats.Sent, "waiting", stats.Waiting+stats.InFlight)
	switch waiting := stats.Waiting + stats.InFlight; {
	case stats.Refused+stats.Unwritten+stats.Unfit > 0:
		return fmt.Errorf("%d captures could not be published, %d not be written, and %d are such as nobody takes; the log says why",
			stats.Refused, stats.Unwritten, stats.Unfit)
	case waiting > 0 && (ctx.Err() == nil || !p.receiver.Info().Live()):
		return fmt.Errorf("%d captures wait in %s, and are sent when this station starts there again: %s", waiting, p.o.spool.Dir, p.whyWaiting(stats))
	case ctx.Err() == nil && working.Err() == nil && p.cutter.Meter().Read().Samples == 0:
		return fmt.Errorf("no samples came from %s, which has ended; what does the program say that writes them?", p.receiver.Info().Name)
	case made == (cutter.Captures{}) && !p.receiver.Info().Live():
		return errors.New("the recordings hold no whole capture: see --every and --length")
	}
	return nil
}

// whyWaiting says why captures wait.
func (p *stationProcess) whyWaiting(stats spool.Stats) string {
	switch {
	case stats.LastError != "":
		return printable(stats.LastError)
	case !p.connected():
		return "there is no connection to NATS"
	}
	return "there was no time to send them"
}

// send connects to NATS, whenever that answers, and publishes what is spooled until ctx ends.
func (p *stationProcess) send(ctx context.Context) error {
	p.o.nats.Log = p.log
	conn, err := p.o.nats.connect(ctx, "station "+p.who.ID)
	if err != nil {
		if ctx.Err() != nil {
			return nil // what is spooled is sent by the next process
		}
		return err
	}
	defer conn.Close()
	p.conn.Store(conn)
	p.log.Info("connected to NATS", "server", conn.Server())
	if p.o.cut.onRequest {
		stop := p.hearRequests(ctx, conn)
		defer stop()
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var closed error
	group := errgroup.Group{}
	group.Go(func() error {
		defer stop()
		select {
		case <-conn.Closed():
			closed = errors.New("the connection to NATS was closed and does not come back")
		case <-sending.Done():
		}
		return nil
	})
	_ = p.spool.Run(sending, sendSpooled(conn)) // its error is ctx's
	stop()
	_ = group.Wait() // never fails
	return closed
}
