package jetstream

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// pullEnd says how a pull request ended.
type pullEnd string

const (
	endNormal   pullEnd = ""                                // fulfilled, or expired
	endTooSmall pullEnd = "the next capture is larger"      // than the bytes asked for
	endLeader   pullEnd = "the consumer has another leader" // ask again
	endGone     pullEnd = "the consumer is gone"            // or its stream, or JetStream
	endDown     pullEnd = "the connection is down"          //
	endSilent   pullEnd = "the server does not answer"      //
	endShutdown pullEnd = "the server is shutting down"     //
	endRefused  pullEnd = "the server refuses the pull"     //
)

// pullRequest is the body of a request to $JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>.
type pullRequest struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes"`
	Expires  time.Duration `json:"expires"`
}

// pull asks for up to that many captures and bytes, and passes on what comes until the request has ended. It returns how
// many came. It goes on after Stop: what the server sends must not be dropped.
func (s *Source) pull(messages, bytes int) (got int, end pullEnd) {
	if !s.conn.Connected() {
		return 0, endDown
	}
	s.pulls++
	reply := s.inbox + "." + strconv.Itoa(s.pulls)
	body, err := json.Marshal(pullRequest{messages, bytes, pullExpiry})
	if err != nil {
		return 0, endRefused
	}
	api := "$JS.API.CONSUMER.MSG.NEXT." + s.topology.Captures.Name + "." + s.topology.Workers.Durable
	refused, done := s.conn.refusals.notice(api)
	defer done()
	if err := s.conn.nc.PublishRequest(api, reply, body); err != nil {
		return 0, endDown
	}
	status := s.conn.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer s.conn.nc.RemoveStatusListener(status)
	silence := time.NewTimer(pullExpiry + graceTime)
	defer silence.Stop()
	for got < messages {
		select {
		case msg := <-s.msgs:
			silence.Reset(pullExpiry + graceTime)
			code, text := statusOf(msg)
			if code == "" {
				s.accept(msg)
				got++
				continue
			}
			if msg.Subject != reply {
				continue // the late end of a pull that was taken for lost
			}
			if end, ended := endOf(code, text); ended {
				return got, end
			}
		case <-refused:
			return got, endRefused
		case <-status:
			return got, endDown
		case <-silence.C:
			return got, endSilent
		}
	}
	return got, endNormal
}

// accept puts a capture where Next finds it.
func (s *Source) accept(msg *nats.Msg) {
	d, pending, err := newDelivery(s, msg)
	if err != nil {
		s.log.Warn("a message that is no delivery came to the source's inbox", "subject", msg.Subject, "error", err)
		return
	}
	s.overtaking.sawPending(pending)
	if !s.inHand.hold(d) {
		s.stats.repeated.Add(1)
		return
	}
	s.stats.delivered.Add(1)
	s.stats.bytes.Add(uint64(len(d.Data)))
	if d.numDelivered > 1 {
		s.stats.redelivered.Add(1)
	}
	s.held.Add(int64(d.size))
	s.ready <- d
}

// statusOf returns the code and text of a status message, or "" for a capture.
func statusOf(msg *nats.Msg) (code, text string) {
	if len(msg.Data) > 0 || len(msg.Header) == 0 || strings.HasPrefix(msg.Reply, "$JS.ACK.") {
		return "", ""
	}
	return msg.Header.Get("Status"), strings.ToLower(msg.Header.Get("Description"))
}

// endOf reads a status message as nats-server writes them (consumer.go) and reports whether it ends the pull.
func endOf(code, text string) (pullEnd, bool) {
	switch code {
	case "100": // heartbeat
		return endNormal, false
	case "404", "408": // nothing there, expired
		return endNormal, true
	case "503": // nobody answers for this consumer
		return endGone, true
	case "409":
		switch {
		case strings.Contains(text, "exceeds maxbytes"):
			return endTooSmall, true
		case strings.Contains(text, "batch completed"):
			return endNormal, true
		case strings.Contains(text, "leadership change"):
			return endLeader, true
		case strings.Contains(text, "consumer deleted"):
			return endGone, true
		case strings.Contains(text, "server shutdown"):
			return endShutdown, true
		}
	}
	return endRefused, true
}
