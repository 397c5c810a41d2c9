package gateway

import (
	"context"
	"time"
)

// Message is a fix or a dead letter as it was published.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte
}

// Streams is what the gateway needs of NATS. Its errors are Failures.
type Streams interface {
	// PublishCapture stores a capture, and says whether the stream had one of this id already. One that is alone does not wait
	// for those of other stations.
	PublishCapture(ctx context.Context, subject, id string, data []byte, alone bool) (duplicate bool, err error)

	// Listen calls handle with every fix and every dead letter that is published, until stop.
	Listen(handle func(Message)) (stop func(), err error)
	// Gaps grows whenever Listen may have missed something.
	Gaps() uint64

	// FindFix and FindDead look for what was stored about a capture since then, on any subject of the network and source;
	// an empty one stands for all. The fix of an event is that of each capture in it.
	FindFix(ctx context.Context, network, source, captureID string, since time.Time) (Message, bool, error)
	FindDead(ctx context.Context, network, source, captureID string, since time.Time) (Message, bool, error)

	// Pulls is how many requests of workers for captures are open, and how many captures the workers have; those of workers
	// that died count only until their time to answer is over.
	Pulls(ctx context.Context) (open, inFlight int, err error)
	// Connected says whether NATS is there at this moment.
	Connected() bool
}

// Observer hears what the gateway does, for metrics.
type Observer interface {
	InFlight(delta int)
	Answered(route string, status int, took time.Duration)
}
