package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"foxhunt/messages"
)

// CodeDuplicateID is the code of a capture whose id was used before on its subject, by another capture.
const CodeDuplicateID = "duplicate_id"

// lookTime bounds the look for a fix that is there already.
const lookTime = 10 * time.Second

// hasFix reports whether a capture that is to be buried got its fix at a delivery before: its worker died, or lost the
// server, before it could acknowledge. Where that cannot be told the capture is buried: a dead letter too many is better
// than none.
func (l *lane) hasFix(ctx context.Context, j *job) bool {
	if j.message.NumDelivered <= 1 {
		return false
	}
	if j.ended != nil {
		_, found := l.look(ctx, j, eventSubject(j.network), j.ended.entry.ID(j.ended.key), j.ended.entry.FirstStored())
		return found
	}
	capture, refused := messages.Peek(j.message.Data) // the job's may not have been read
	if capture.ID == "" {
		return false
	}
	fix, found := l.look(ctx, j, j.message.Subject, capture.ID, j.message.Stored)
	return found && (refused != nil || !isOfAnother(fix, capture))
}

// look looks for a fix.
func (l *lane) look(ctx context.Context, j *job, subject, id string, stored time.Time) (*messages.Fix, bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	fix, found, err := l.publisher.FixOf(ctx, subject, id, stored)
	if err != nil {
		l.options.Log.Warn("cannot tell whether a capture that is refused has a fix from a delivery before",
			"subject", j.message.Subject, "sequence", j.message.Sequence, "error", err)
	}
	return fix, found
}

// compare looks at the fix that the stream keeps in the place of the job's. As a rule it is the same capture's, which was
// delivered twice, or sent twice. If it is another's, the capture would go without a fix, and is refused. Where that cannot
// be told it is not.
func (l *lane) compare(ctx context.Context, j *job, kept uint64) error {
	l.options.Observer.Repeated()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	fix, err := l.publisher.FixAt(ctx, kept)
	switch {
	case err != nil:
		l.options.Log.Warn("the stream had a fix under a capture's id, and it cannot be told whether it is this capture's",
			"subject", j.message.Subject, "sequence", j.message.Sequence, "fix", kept, "error", err)
	case isOfAnother(fix, &j.capture):
		return &messages.Refusal{Code: CodeDuplicateID, Reason: fmt.Sprintf(
			"the id %s has a fix already (number %d), of a capture that begins at %v: ids must be random, and never used twice",
			j.capture.ID, kept, fix.Time)}
	}
	return nil
}

// isOfAnother reports whether a fix with the capture's id is surely of another capture. Of a fix that cannot be read, nil,
// that is not sure.
func isOfAnother(fix *messages.Fix, capture *messages.Capture) bool {
	return fix != nil && (fix.Time != messages.Instant(capture.StartTime()) || fix.Frequency != capture.Frequency ||
		!slices.EqualFunc(fix.Receivers, capture.Receivers, func(f messages.FixReceiver, c messages.Receiver) bool {
			return f.Station == c.Station
		}))
}
