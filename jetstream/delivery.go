package jetstream

import (
	"context"
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
// reconnections, until ctx ends; then the capture may come a second time.
func (d *Delivery) Ack(ctx context.Context) error {
	defer d.settle()
	var err error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err = d.request(ctx, "+ACK"); err == nil {
			return nil
		}
		if !sleep(ctx, pause) {
			return explain("the acknowledgement of "+d.Subject, err)
		}
	}
}

func (d *Delivery) request(ctx context.Context, verb string) error {
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
	return d.publish("+TERM " + reasonText(reason))
}

// InProgress starts the time to acknowledge anew, for work that takes longer than AckWait.
func (d *Delivery) InProgress() error { return d.publish("+WPI") }

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
