package main

import (
	"context"
	"errors"
	"time"

	"foxhunt/jetstream"
	"foxhunt/station/spool"
)

// sendTimeout is how long one attempt at a capture of so many bytes may take, with a pause and a second try by jetstream in
// it; 400 kbit/s are enough. Then the spool, which knows of the other captures, decides what goes next.
func sendTimeout(size int) time.Duration {
	return 10*time.Second + time.Duration(size)*20*time.Microsecond
}

// sendSpooled sends captures of a spool over conn.
func sendSpooled(conn *jetstream.Conn) func(context.Context, spool.Item) error {
	return func(ctx context.Context, item spool.Item) error {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout(len(item.Data)))
		defer cancel()
		_, err := conn.PublishNumbered(ctx, item.Subject, item.ID, item.Sequence, item.Data)
		return spoolVerdict(err)
	}
}

// spoolVerdict says what a failure means for the captures in a spool. A full subject is everybody's: all have the same one.
func spoolVerdict(err error) error {
	var e *jetstream.Error
	if !errors.As(err, &e) {
		return err // nil, too
	}
	switch e.Code {
	case jetstream.CodeNotConnected, jetstream.CodeTimeout, jetstream.CodeNoStream, jetstream.CodeStationOverLimit, jetstream.CodeStreamFull:
		return err
	case jetstream.CodeTooLarge:
		return spool.Never(err)
	case jetstream.CodeRefused: // the subject, or PubAcks, which all captures share
		return spool.Barred(err)
	}
	return spool.Slowly(err)
}
