package worker

import (
	"context"
	"time"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// othersTime bounds what is done about the other captures of a refused event while the lane could have the next capture.
const othersTime = 10 * time.Second

// buryOthers writes the dead letters of the other captures of an event that this worker has refused. What it does not come to
// comes back, and is buried then; a letter has the same id whoever writes it, and the stream keeps one.
func (l *lane) buryOthers(ctx context.Context, j *job, key meeting.Key, entry *meeting.Entry) {
	ctx, cancel := context.WithTimeout(ctx, othersTime)
	defer cancel()
	err := l.options.Table.BuryOthers(ctx, key, entry, whereOf(j), func(m meeting.Member, found *meeting.Message, code, reason string) (bool, error) {
		if l.companion(&m, found, j.network) == nil {
			return false, nil // what it is shows when it comes back
		}
		letter := &messages.DeadLetter{
			Body: found.Data, Subject: found.Subject, Headers: found.Header, Reason: code, Sentence: reason,
			Deliveries: 1, // as far as is known here
			Worker:     l.options.Name, ModelVersion: l.versionOf(j), Time: time.Now(),
		}
		repeated, err := l.publisher.PublishDead(ctx, m.Sequence, letter)
		if err != nil {
			return false, err
		}
		if !repeated {
			l.options.Observer.Dead(code)
		}
		l.options.Log.Warn("capture refused with its event", "subject", found.Subject, "sequence", m.Sequence, "code", code, "reason", reason)
		return true, nil
	})
	if err != nil {
		l.options.Log.Info("the other captures of a refused event become dead letters when they come back", "key", key.String(), "error", err)
	}
}
