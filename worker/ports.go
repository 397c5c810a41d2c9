package worker

import (
	"context"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
)

// Message is one delivery of a capture as the stream tells it.
type Message struct {
	Subject      string
	Header       map[string][]string
	Data         []byte // valid until the delivery ends
	Sequence     uint64 // position in the stream
	NumDelivered int    // 1 for the first delivery
	Stored       time.Time
}

// Delivery is a capture taken off the stream. One of Ack, Nak, Wait and Term ends it, whether they fail or not, or Forget.
type Delivery interface {
	Message() Message
	Unfinished(context.Context) int // how often work on it was begun and, as far as is known, never ended: its worker died
	Begin(context.Context)          // work on it begins now, which is noted for who gets it next; after Unfinished
	Ack(context.Context) error      // it is done with; returns once the stream has confirmed that
	Nak(delay time.Duration) error  // deliver it again after the delay: something failed
	Wait(delay time.Duration) error // likewise, as it waits for others; cheap and punctual for many, and later if this process dies
	Term(reason string) error       // never deliver it again
	Forget()                        // no answer: it could not be settled, and the stream delivers it again; where it has ended, nothing
	InProgress() error              // start the time to acknowledge anew
}

// Source hands out captures. Next blocks until one is there or the context ends; it may be called from several
// goroutines. After Stop it hands out what was fetched already, and then only errors: giving captures back would use up
// one of their deliveries.
type Source interface {
	Next(context.Context) (Delivery, error)
	Stop()
	AckWait() time.Duration // after which the stream delivers a capture again
	MaxDeliver() int        // how often it does so in all; 0 or less: without end
	// Observe tells how long a capture was in hand, so that the source fetches no more ahead than can be served in
	// time.
	Observe(service time.Duration)
}

// Publisher puts fixes and dead letters where they are safe: publishing returns nil only after the server's PubAck.
// A second fix under the same id, or a second dead letter of the same capture, is the server's to drop.
type Publisher interface {
	// PublishFix returns 0 or, if the server dropped the fix at the first attempt, the number of the one it keeps. captures
	// are the ids of those that met, if they did.
	PublishFix(ctx context.Context, subject, id, contentType string, body []byte, captures []string) (kept uint64, err error)
	// PublishDead says whether the letter was stored before, by whatever worker.
	PublishDead(ctx context.Context, sequence uint64, letter *messages.DeadLetter) (repeated bool, err error)

	// FixOf looks for the fix of a capture with that id on the subject captures.<network>.<source>, stored since then; found
	// is false if there is none, and the fix nil if it cannot be read.
	FixOf(ctx context.Context, subject, captureID string, stored time.Time) (fix *messages.Fix, found bool, err error)
	// FixAt reads a fix by its number.
	FixAt(ctx context.Context, number uint64) (*messages.Fix, error)
}

// Cache remembers what a model said about captures. A cache that fails is a cache that does not know: Get answers
// false for every kind of failure, and neither call may take longer than a few milliseconds.
type Cache interface {
	NewKeyer(digest string, contract []byte) Keyer
	Get(ctx context.Context, key [32]byte) ([]byte, bool)
	Set(ctx context.Context, key [32]byte, value []byte)
}

// Keyer makes a model's cache keys for one goroutine: Add adds bytes to a key, told apart by their length, and Key ends it.
type Keyer interface {
	Add(b []byte)
	Key() [32]byte
}

// Predictor is a loaded model. Two that are equal are the same model.
type Predictor interface {
	Identity() messages.Model
	Contract() *contract.Contract
	MaxBatch() int // captures the model takes at a time; 0: any number
	NewRunner() (Runner, error)
}

// Runner runs a model for one goroutine. Run takes the contract's tensors of several captures of one shape, and gives
// one prediction for each, in dst's memory where there is room.
type Runner interface {
	Run(dst []contract.Prediction, batch ...[]contract.Tensor) ([]contract.Prediction, error)
	Close() error
}

// Observer is told what happens, for the metrics. Its methods are called from many goroutines.
type Observer interface {
	InFlight(delta int)
	Stage(name string, took time.Duration)
	Batch(size int)
	Cache(hit bool) // a look-up that was a hit, or a miss
	Shared()        // a look-up that was neither: another lane computed the very same meanwhile
	Fixed(took time.Duration)
	Repeated() // a fix that the stream had already
	Dead(code string)
	Met(network, outcome string)           // an event ended, as one of the Event constants says
	EventFixed(receivers int)              // an event's fix is safe
	FirstToFix(took time.Duration)         // so long after its first sample, by two clocks; of live events, and never below 0
	LeftOut(network, station, code string) // a capture that its event does without
	Retried(code string)

	Latency(took time.Duration) // of a fix, from storing its capture; by two clocks, so that it may be below 0
	// Station is a receiver of a fix's capture: whether the fix rests on it, by how many s the signal came later there than
	// the fix explains, and when the capture was stored.
	Station(network, station string, used bool, residual float64, stored time.Time)

	Received(network, station string, sequence uint64) // the first delivery of a capture that its station numbered

	// Of a model, by its name and version, in an arm.
	ArmServes(model, version, arm string)                    // from now on, or still
	ArmInferred(model, version, arm string)                  // it located a capture
	ArmFixed(model, version, arm string, took time.Duration) // its fix is safe
	ArmFailed(model, version, arm, code string)              // it could not locate a capture
	FellBack(code string)                                    // the champion answered what was the challenger's
	ShadowDropped()                                          // a capture that the shadow had no room for
}
