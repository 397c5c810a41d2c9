package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// Delivery is one capture in hand. It must end in one Ack, Nak, Wait, Term or Forget; until then its bytes count against the
// source's bound, the server waits for it, and it is not handed out again.
type Delivery struct {
	Subject        string
	Header         map[string][]string
	Data           []byte    // valid until the delivery ends
	StreamSequence uint64    // names the capture in its stream, over all its deliveries
	Timestamp      time.Time // when the stream stored it

	source    *Source
	size      int       // bytes of the message
	outOfTurn bool      // taken by the source itself; the consumer may deliver it, too
	made      time.Time // when the stream was, for a capture taken out of turn

	mu           sync.Mutex
	reply        string // subject that the newest delivery is answered on; "": the consumer has not delivered it
	numDelivered int
	waiting      bool      // in the source, for Next
	unfinished   int       // see Unfinished
	consumerMade time.Time // when the consumer that has delivered it was, as far as the source knows
	noted        uint64    // revision of its entry among the claims; 0: none
	settled      bool
}

func newDelivery(s *Source, msg *nats.Msg) (d *Delivery, pending uint64, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, 0, err
	}
	return &Delivery{
		Subject: msg.Subject, Header: msg.Header, Data: msg.Data,
		StreamSequence: meta.Sequence.Stream, Timestamp: meta.Timestamp,
		source: s, size: msg.Size(), reply: msg.Reply, numDelivered: int(meta.NumDelivered), waiting: true,
		consumerMade: s.made,
	}, meta.NumPending, nil
}

func (d *Delivery) key() captureKey { return captureKey{d.StreamSequence, d.Timestamp.UnixNano()} }

// NumDelivered is how often the capture has been delivered: 1 the first time, more also while it is in hand, when the
// server has heard nothing of it for AckWait.
func (d *Delivery) NumDelivered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.numDelivered
}

// renew takes over a newer delivery of the same capture and returns true, unless d has ended.
func (d *Delivery) renew(newer *Delivery) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return false
	}
	if newer.reply != "" {
		d.reply, d.numDelivered = newer.reply, max(d.numDelivered, newer.numDelivered)
		d.consumerMade = newer.consumerMade
	}
	return true
}

// Unfinished returns how often, as far as is known, work on the capture was begun by workers that never ended it by an Ack,
// Nak or Term: they died, or lost the server for good.
func (d *Delivery) Unfinished(ctx context.Context) int {
	if d.NumDelivered() <= 1 {
		return 0
	}
	unfinished, revision, err := d.source.claims.read(ctx, d.key())
	if err != nil {
		d.source.log.Debug("it is not known whether work on a capture was begun before", "subject", d.Subject, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unfinished, d.noted = unfinished, revision
	return unfinished
}

// Begin notes that work on the capture begins now; Unfinished must have been asked. Of the first delivery of a capture
// nothing is noted, so that most cost nothing.
func (d *Delivery) Begin(ctx context.Context) {
	d.mu.Lock()
	first, unfinished, revision := d.numDelivered <= 1, d.unfinished, d.noted
	d.mu.Unlock()
	if first {
		return
	}
	revision, err := d.source.claims.begin(ctx, d.key(), unfinished, revision)
	if err != nil {
		d.source.log.Debug("the beginning of work on a capture could not be noted", "subject", d.Subject, "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noted = revision
}

// Ack removes the capture from its stream and returns once the server has confirmed it. It tries again, over
// reconnections, until ctx ends, but for no longer than AckWait and not once the consumer is gone: the server delivers the
// capture again then, and in a stream made anew its sequence may be another capture's. After an error the capture may come
// a second time. If ctx has ended already, the acknowledgement is sent and nothing awaited.
func (d *Delivery) Ack(ctx context.Context) error {
	defer d.settle()
	if ctx.Err() != nil {
		return d.removeNow("+ACK")
	}
	ctx, cancel := context.WithTimeout(ctx, d.source.AckWait())
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := d.remove(ctx, "+ACK")
		switch {
		case err == nil:
			return nil
		case errors.Is(err, nats.ErrNoResponders) && d.isLost(ctx):
			return fail(CodeNoStream, err, "%s cannot be acknowledged: the server no longer has its consumer", d.Subject)
		case isFinal(err):
			return err
		case d.source.conn.nc.IsClosed() || !sleep(ctx, jitter(pause)):
			return d.source.conn.explain("the acknowledgement of "+d.Subject, err)
		}
	}
}

// isLost reports whether the consumer that delivered the capture is gone, perhaps for one of the same name. Where it is
// there nobody answers either for as long as it has no leader.
func (d *Delivery) isLost(ctx context.Context) bool {
	d.mu.Lock()
	made := d.consumerMade
	d.mu.Unlock()
	t := d.source.topology
	info, err := d.source.conn.consumerInfo(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		var api *js.APIError
		return isFinal(err) || errors.As(err, &api) && api.ErrorCode == js.JSErrCodeConsumerNotFound
	}
	return !info.Created.Equal(made)
}

// Nak gives the capture back, to be delivered again after delay. The delivery counts towards MaxDeliver, so a delay of 0
// uses them all up at once; grow it with NumDelivered.
func (d *Delivery) Nak(delay time.Duration) error {
	reply := d.settle() // first, so that no extension undoes the delay
	if reply == "" {
		d.source.claims.decline(d.key()) // the consumer delivers it in its turn
		return nil
	}
	return d.nak(reply, delay)
}

func (d *Delivery) nak(reply string, delay time.Duration) error {
	if delay <= 0 { // with a delay of 0 the server would look for it when it next looks for all
		return d.send(reply, "-NAK")
	}
	return d.send(reply, fmt.Sprintf(`-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// Wait gives the capture back, to be delivered again after delay, because something is awaited that is no failure. Of many
// captures it is far cheaper and more punctual than Nak, see waiting. If this process dies the capture comes again sooner or later
// than that: after AckWait; and so does one whose delay is little less. One that was taken out of turn comes in its turn.
func (d *Delivery) Wait(delay time.Duration) error {
	s := d.source
	if delay > s.AckWait() {
		return d.Nak(delay)
	}
	var err error
	if delay > s.AckWait()/2 { // the server is not to bring it before
		err = d.InProgress()
	}
	reply := d.settle()
	if reply == "" {
		s.claims.decline(d.key())
		return err
	}
	if err != nil || delay > s.AckWait()/6*5 {
		return err
	}
	light := &Delivery{Subject: d.Subject, source: s} // without the data
	s.waiting.add(delay, func(left time.Duration) {
		if err := light.nak(reply, left); err != nil {
			s.log.Debug("a capture that waited comes again after AckWait", "subject", light.Subject, "error", err)
		}
	})
	return nil
}

// Term removes the capture from its stream for good. Publish its dead letter first.
func (d *Delivery) Term(reason string) error {
	defer d.settle()
	return d.removeNow("+TERM " + reasonText(reason))
}

// Forget ends the delivery without an answer, where what had to come before one has failed: the stream delivers the capture
// again after AckWait, and one that was taken out of turn in its turn. It does nothing where the delivery has ended.
func (d *Delivery) Forget() {
	d.mu.Lock()
	settled := d.settled
	d.mu.Unlock()
	if !settled && d.settle() == "" {
		d.source.claims.decline(d.key())
	}
}

// InProgress starts the time to acknowledge anew, for work that takes longer than AckWait.
func (d *Delivery) InProgress() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled || d.reply == "" {
		return nil
	}
	return d.send(d.reply, "+WPI")
}

// extendWaiting is InProgress for a capture that has not been handed out.
func (d *Delivery) extendWaiting() error {
	d.mu.Lock()
	waiting := d.waiting
	d.mu.Unlock()
	if !waiting {
		return nil
	}
	return d.InProgress()
}

func (d *Delivery) handedOut() *Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = false
	return d
}

// remove has the capture removed from its stream and waits for the server's answer. It sends nothing while the connection
// is down: nats.go would keep it, and send it to whatever the server has when it is back.
func (d *Delivery) remove(ctx context.Context, verb string) error {
	if !d.source.conn.Connected() {
		return nats.ErrDisconnected
	}
	d.mu.Lock()
	reply := d.reply
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lastPause)
	defer cancel()
	if reply == "" {
		return d.source.delete(ctx, d)
	}
	mine := func(forbidden string) bool { return forbidden == reply }
	return d.source.conn.refusals.exchange(ctx, mine, func(ctx context.Context) error {
		_, err := d.source.conn.nc.RequestWithContext(ctx, reply, []byte(verb))
		return err
	})
}

// removeNow is remove without waiting for an answer to what the consumer delivered.
func (d *Delivery) removeNow(verb string) error {
	d.mu.Lock()
	reply := d.reply
	d.mu.Unlock()
	if reply == "" {
		if err := d.remove(context.Background(), verb); err != nil {
			return explain("the answer about "+d.Subject, err)
		}
		return nil
	}
	return d.send(reply, verb)
}

// send sends an answer, and nothing while the connection is down, as remove does: by the time that it is back another worker
// may have the capture, which a Nak from here would take away.
func (d *Delivery) send(reply, verb string) error {
	if !d.source.conn.Connected() {
		return explain("the answer about "+d.Subject, nats.ErrDisconnected)
	}
	if err := d.source.conn.nc.Publish(reply, []byte(verb)); err != nil {
		return explain("the answer about "+d.Subject, err)
	}
	return nil
}

// settle ends the delivery, once: its bytes go back to the source's budget, its entry among the claims goes. It returns
// where the newest delivery is answered.
func (d *Delivery) settle() (reply string) {
	d.mu.Lock()
	settled := d.settled
	d.settled = true
	reply = d.reply
	noted := d.noted
	d.mu.Unlock()
	if settled {
		return reply
	}
	if noted != 0 {
		d.source.claims.end(d.key(), noted)
	}
	d.source.inHand.forget(d)
	if d.outOfTurn {
		d.source.overtaking.release(d.size)
	} else {
		d.source.release(d.size)
	}
	return reply
}
