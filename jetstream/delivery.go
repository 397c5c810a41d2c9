package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Delivery is one delivery of a capture. It must end in one Ack, Nak or Term; until then its bytes count against the
// source's bound and the server waits for it.
type Delivery struct {
	Subject        string
	Header         map[string][]string
	Data           []byte    // valid until the delivery ends
	StreamSequence uint64    // names the capture in its stream, over all its deliveries
	NumDelivered   int       // 1 the first time
	Timestamp      time.Time // when the stream stored it

	source  *Source
	msg     *nats.Msg
	settled atomic.Bool
}

func newDelivery(s *Source, msg *nats.Msg) (*Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	return &Delivery{
		Subject: msg.Subject, Header: msg.Header, Data: msg.Data,
		StreamSequence: meta.Sequence.Stream, NumDelivered: int(meta.NumDelivered), Timestamp: meta.Timestamp,
		source: s, msg: msg,
	}, nil
}

// Ack removes the capture from its stream and returns once the server has confirmed it. It tries again, over
// reconnections, until ctx ends, but for no longer than AckWait and not once the consumer is gone: the server delivers the
// capture again then, and in a stream made anew its sequence may be another capture's. After an error the capture may come
// a second time. If ctx has ended already, the acknowledgement is sent and nothing awaited.
func (d *Delivery) Ack(ctx context.Context) error {
	defer d.settle()
	if ctx.Err() != nil {
		return d.publishNow("+ACK")
	}
	ctx, cancel := context.WithTimeout(ctx, d.source.AckWait())
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := d.request(ctx, "+ACK")
		switch {
		case err == nil:
			return nil
		case errors.Is(err, nats.ErrNoResponders):
			return fail(CodeNoStream, err, "%s cannot be acknowledged: the server no longer has its consumer", d.Subject)
		case d.source.conn.nc.IsClosed() || !sleep(ctx, pause):
			return d.source.conn.explain("the acknowledgement of "+d.Subject, err)
		}
	}
}

// request waits for the server's answer. It sends nothing while the connection is down: nats.go would keep it, and send it
// to whatever the server has when it is back.
func (d *Delivery) request(ctx context.Context, verb string) error {
	if !d.source.conn.Connected() {
		return nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(ctx, lastPause)
	defer cancel()
	_, err := d.source.conn.nc.RequestWithContext(ctx, d.msg.Reply, []byte(verb))
	return err
}

// Nak gives the capture back, to be delivered again after delay. The delivery counts towards MaxDeliver, so a delay of 0
// uses them all up at once; grow it with NumDelivered.
func (d *Delivery) Nak(delay time.Duration) error {
	defer d.settle()
	return d.publish(fmt.Sprintf(`-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// Term removes the capture from its stream for good. Publish its dead letter first.
func (d *Delivery) Term(reason string) error {
	defer d.settle()
	return d.publishNow("+TERM " + reasonText(reason))
}

// InProgress starts the time to acknowledge anew, for work that takes longer than AckWait.
func (d *Delivery) InProgress() error { return d.publish("+WPI") }

// publishNow is publish for what removes a capture: as with request, that must not be sent late.
func (d *Delivery) publishNow(verb string) error {
	if !d.source.conn.Connected() {
		return explain("the answer about "+d.Subject, nats.ErrDisconnected)
	}
	return d.publish(verb)
}

func (d *Delivery) publish(verb string) error {
	if err := d.source.conn.nc.Publish(d.msg.Reply, []byte(verb)); err != nil {
		return explain("the answer about "+d.Subject, err)
	}
	return nil
}

// settle gives the delivery's bytes back to the source's budget, once.
func (d *Delivery) settle() {
	if d.settled.CompareAndSwap(false, true) {
		d.source.release(d.msg.Size())
	}
}
