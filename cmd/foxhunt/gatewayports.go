package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"foxhunt/cache"
	"foxhunt/gateway"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// gatewayStreams fits the jetstream room to the gateway.
type gatewayStreams struct {
	conn     *jetstream.Conn
	topology jetstream.Topology
	listener *jetstream.Listener // from Listen on
}

func (s *gatewayStreams) PublishCapture(ctx context.Context, subject, id string, data []byte, alone bool) (bool, error) {
	publish := s.conn.PublishCapture
	if alone {
		publish = s.conn.PublishAlone
	}
	stored, err := publish(ctx, subject, id, data)
	return stored.Duplicate, failure(err)
}

func (s *gatewayStreams) Listen(handle func(gateway.Message)) (stop func(), err error) {
	s.listener, err = s.conn.Listen(func(h jetstream.Heard) { handle(gateway.Message(h)) },
		messages.AllFixes, messages.DeadPrefix+"."+messages.CapturePrefix+".*.*")
	if err != nil {
		return nil, failure(err)
	}
	return s.listener.Stop, nil
}

func (s *gatewayStreams) Gaps() uint64    { return s.listener.Gaps() }
func (s *gatewayStreams) Connected() bool { return s.conn.Connected() }

func (s *gatewayStreams) FindFix(ctx context.Context, network, source, id string, since time.Time) (gateway.Message, bool, error) {
	fix, found, err := s.conn.FindFix(ctx, s.topology, messages.FixPrefix+"."+oneOrAll(network, source), id, since)
	if !found && err == nil && source != "" { // it may have met those of other stations
		fix, found, err = s.conn.FindFix(ctx, s.topology, messages.FixPrefix+"."+oneOrAll(network, messages.EventSource), id, since)
	}
	return gateway.Message(fix), found, failure(err)
}

func (s *gatewayStreams) FindDead(ctx context.Context, network, source, id string, since time.Time) (gateway.Message, bool, error) {
	filter := messages.DeadPrefix + "." + messages.CapturePrefix + "." + oneOrAll(network, source)
	dead, found, err := s.conn.FindDead(ctx, s.topology, filter, id, since)
	return gateway.Message(dead), found, failure(err)
}

func oneOrAll(network, source string) string {
	return cmp.Or(network, "*") + "." + cmp.Or(source, "*")
}

func (s *gatewayStreams) Pulls(ctx context.Context) (open, inFlight int, err error) {
	open, inFlight, err = s.conn.Pulls(ctx, s.topology)
	return open, inFlight, failure(err)
}

// cacheAvailable says whether the worker in this process has a cache that answers.
func (p *workerProcess) cacheAvailable() bool {
	return p.cache != nil && slices.ContainsFunc(p.cache.Stats(), func(s cache.Stats) bool { return s.Available })
}

// failure keeps an error's code and sentence for the gateway's clients.
func failure(err error) error {
	var e *jetstream.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return &gateway.Failure{Code: e.Code, Reason: e.Reason}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &gateway.Failure{Code: jetstream.CodeTimeout, Reason: "NATS did not answer in time"}
	}
	return err
}
