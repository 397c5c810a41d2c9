package main

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"foxhunt/messages"
	"foxhunt/metrics"
	"foxhunt/station/spool"
	"foxhunt/station/status"
)

// stationStatus is what a station shows of itself at --listen.
type stationStatus struct {
	started time.Time
	recent  status.Recent
	http    *httpServer                         // nil: nobody is to look
	pubAck  atomic.Pointer[func(time.Duration)] // the metric; nil while nobody is to look
}

// show serves the status page from the process's start to its end; without --listen there is none.
func (p *stationProcess) show() error {
	p.status.started = time.Now()
	if p.o.listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", p.o.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	h := serveListener(listener, p.log)
	p.status.http = h
	status.Register(h.mux, p.snapshot)
	pubAck := metrics.NewReceiver(h.registry, p.state)
	p.status.pubAck.Store(&pubAck)
	h.ready(p.connected)
	p.log.Info("the station's status page", "url", "http://"+h.address()+"/")
	return nil
}

// hide ends the status page.
func (p *stationProcess) hide() {
	if p.status.http != nil {
		p.status.http.close()
	}
}

func (p *stationProcess) connected() bool {
	conn := p.conn.Load()
	return conn != nil && conn.Connected()
}

// spooled notes a capture that is on the disk.
func (s *stationStatus) spooled(item spool.Item, c *messages.Capture) {
	s.recent.Note(captureStatus(item, c))
}

// sent notes a capture that the stream has confirmed; the spool calls it.
func (s *stationStatus) sent(item spool.Item, took time.Duration) {
	if observe := s.pubAck.Load(); observe != nil {
		(*observe)(took)
	}
	var c messages.Capture
	if c.Decode(item.Data) != nil {
		return // made by another version of this program; it is sent, and not shown
	}
	row := captureStatus(item, &c)
	row.Sent, row.PubAck = true, took
	s.recent.Note(row)
}

func captureStatus(item spool.Item, c *messages.Capture) status.Capture {
	rx := &c.Receivers[0]
	return status.Capture{
		Sequence: item.Sequence, ID: item.ID, Event: c.Event, Start: time.Unix(0, rx.StartTime).UTC(),
		Length: time.Duration(seconds(c) * 1e9), Sigma: time.Duration(rx.ClockSigma), Bytes: len(item.Data),
	}
}

// snapshot is how the station does.
func (p *stationProcess) snapshot() status.Snapshot {
	info, made, now := p.receiver.Info(), p.cutter.Captures(), time.Now().UTC()
	s := status.Snapshot{
		Time: now, Started: p.status.started.UTC(), Network: p.o.network, Station: p.who.ID,
		Latitude: p.who.Latitude, Longitude: p.who.Longitude, Altitude: p.who.Altitude,
		Captures: status.Captures{Scheduled: made.Scheduled, Triggered: made.Triggered, Requested: made.Requested, Missed: made.Missed},
		Spool:    p.spool.Stats(), Recent: p.status.recent.List(),
	}
	seen := p.cutter.Meter().Read()
	s.Receiver = status.Receiver{
		Kind: info.Kind, Name: info.Name, Live: info.Live(), Format: string(info.Format), Nominal: info.SampleRate, Rate: seen.Rate,
		Frequency: info.Frequency, Gain: info.Gain, Level: status.Decibels(seen.Level), Peak: status.Decibels(seen.Peak),
		Clipped: seen.Clipped, Sigma: seen.Sigma, LastSample: seen.Time, Samples: seen.Samples, Lost: seen.Lost, Gaps: seen.Gaps,
	}
	if info.Live() {
		reading := p.clock.reading()
		s.Clock = &status.Clock{Offset: reading.Offset, Sigma: reading.Sigma, Synchronized: reading.Synchronized, Source: reading.Source}
	}
	if every := p.o.cut.every; every > 0 && info.Live() {
		s.Schedule = &status.Schedule{Every: every, Length: p.o.cut.length, Next: status.NextTick(now, every)}
	}
	if conn := p.conn.Load(); conn != nil {
		s.NATS = status.NATS{Connected: conn.Connected(), Server: conn.Server(), Reconnects: conn.Reconnects()}
	}
	return s
}

// state is the same for the metrics.
func (p *stationProcess) state() metrics.ReceiverState {
	seen, made, st, now := p.cutter.Meter().Read(), p.cutter.Captures(), p.spool.Stats(), time.Now()
	state := metrics.ReceiverState{
		Level: seen.Level, Peak: seen.Peak, Clipped: seen.Clipped, Rate: seen.Rate, TimeSigma: seen.Sigma / 1e9, LastSample: seen.Time,
		Samples: float64(seen.Samples), Lost: float64(seen.Lost), Gaps: float64(seen.Gaps), Connected: p.connected(),
		Scheduled: float64(made.Scheduled), Triggered: float64(made.Triggered), Requested: float64(made.Requested), Missed: float64(made.Missed),
		Waiting: float64(st.Waiting), InFlight: float64(st.InFlight), Aside: float64(st.Aside), Bytes: float64(st.Bytes),
		MaxBytes: float64(st.MaxBytes), Sequence: float64(st.Sequence), Put: float64(st.Put), Sent: float64(st.Sent), Failed: float64(st.Failed),
		TooOld: float64(st.TooOld), NoRoom: float64(st.NoRoom), Unwritten: float64(st.Unwritten), Unfit: float64(st.Unfit),
		Refused: float64(st.Refused), Damaged: float64(st.Damaged),
		Asked: p.asked.Load().counts(),
	}
	if !st.Oldest.IsZero() {
		state.OldestAge = now.Sub(st.Oldest).Seconds()
	}
	if p.receiver.Info().Live() {
		reading := p.clock.reading()
		state.Clock, state.ClockOffset, state.ClockSigma = true, reading.Offset.Seconds(), reading.Sigma.Seconds()
		state.ClockSynchronized = reading.Synchronized
	}
	return state
}
