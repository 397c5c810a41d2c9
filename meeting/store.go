package meeting

import (
	"context"
	"errors"
	"time"
)

// ErrConflict is returned by a conditional write when somebody else has written meanwhile.
var ErrConflict = errors.New("meeting: the entry has changed meanwhile")

// ErrNoRoom is what the error of Room is where too many events are open.
var ErrNoRoom = errors.New("meeting: no event begins until others have ended")

// Message is a capture as the stream has it.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte // the caller's
	Stored  time.Time
}

// Store keeps entries, and gives the captures that they name. All calls are bounded in time by their context and by the
// store; an error other than ErrConflict is taken as passing. Its methods are called from many goroutines.
//
// There are two places: open events, of which there are only those in progress, and events that ended, which are kept for an
// hour so that latecomers are told so.
type Store interface {
	// Now is the time by the server's clock, as well as is known: no question for each call.
	Now(ctx context.Context) (time.Time, error)
	// AckWait is how long the server waits for a worker that has a capture in hand and says nothing.
	AckWait() time.Duration

	// Room is ErrNoRoom where no other event may begin, so that those that are open can go on.
	Room(ctx context.Context) error
	// Read gives an open event's entry, and the revision of its key, or, of a slot, of its whole group, read before the entry
	// was; nil and 0 where there is none. For a minute after a removal it gives nil and a revision that is not 0.
	Read(ctx context.Context, key Key) (value []byte, revision uint64, err error)
	// ReadGroup is Read for several slots of one group, by their names.
	ReadGroup(ctx context.Context, network, group string, names []string) (values [][]byte, revision uint64, err error)
	// Write writes an open event's entry if what Read gave is still the revision (0: there is none), else ErrConflict. So of two
	// slots of one group nobody can begin both at once.
	Write(ctx context.Context, key Key, value []byte, revision uint64) (uint64, error)
	// Remove drops an open event's entry if its revision is still the one given, else ErrConflict.
	Remove(ctx context.Context, key Key, revision uint64) error

	// Ended gives the entry of an event that ended, and its revision; nil and 0: none.
	Ended(ctx context.Context, key Key) (value []byte, revision uint64, err error)
	// End keeps the entry of an event that ended in the place of the one with the revision, else ErrConflict. The oldest of other
	// keys go where there is no room.
	End(ctx context.Context, key Key, value []byte, revision uint64) error

	// Fetch gives captures by their places, each nil that is surely no longer there, or is another one.
	Fetch(ctx context.Context, places []Place) ([]*Message, error)
	// Delete takes captures off the stream; those that are gone, or are others, are left alone.
	Delete(ctx context.Context, places []Place) error
	// Behind says whether captures of a network wait to be delivered for the first time that were stored before then.
	Behind(ctx context.Context, network string, then time.Time) (bool, error)

	// Hear notes that a station was heard. It does not wait, and what fails is tried again with the next capture.
	Hear(network string, frequency float64, station string)
	// Heard gives the stations of a network and frequency that were heard within 5 minutes, and for the first time of
	// those before then; as far as this process knows.
	Heard(network string, frequency float64, then time.Time) []string
}
