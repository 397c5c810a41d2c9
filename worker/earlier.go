package worker

import (
	"context"
	"slices"
	"time"

	"foxhunt/messages"
)

// lookTime bounds the look for a fix that is there already.
const lookTime = 10 * time.Second

// hasFix reports whether a capture that is to be buried got its fix at a delivery before: its worker died, or lost the
// server, before it could acknowledge. Where that cannot be told the capture is buried: a dead letter too many is better
// than none.
func (l *lane) hasFix(ctx context.Context, j *job) bool {
	if j.message.NumDelivered <= 1 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	fix, found, err := l.publisher.FixOf(ctx, j.message)
	if err != nil {
		l.options.Log.Warn("cannot tell whether a capture that is refused has a fix from a delivery before",
			"subject", j.message.Subject, "sequence", j.message.Sequence, "error", err)
	}
	var capture messages.Capture // the job's may not have been read
	return found && (capture.Decode(j.message.Data) != nil || !isOfAnother(fix, &capture))
}

// isOfAnother reports whether a fix with the capture's id is surely of another capture. Of a fix that cannot be read, nil,
// that is not sure.
func isOfAnother(fix *messages.Fix, capture *messages.Capture) bool {
	return fix != nil && (fix.Time != messages.Instant(capture.StartTime()) || fix.Frequency != capture.Frequency ||
		!slices.EqualFunc(fix.Receivers, capture.Receivers, func(f messages.FixReceiver, c messages.Receiver) bool {
			return f.Station == c.Station
		}))
}
