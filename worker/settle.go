package worker

import (
	"context"
	"time"

	"foxhunt/messages"
)

// settle carries the verdict out. Where even that fails, the capture stays with the stream, which delivers it again.
func (l *lane) settle(ctx context.Context, j *job, v verdict) {
	var err error
	switch v.action {
	case acknowledge:
		shadowed := l.forShadow(j)
		if err = l.complete(ctx, j); err == nil {
			took := time.Since(j.started)
			l.options.Observer.Fixed(took)
			l.observeFix(j)
			j.seat.arm.fixed(took)
			l.shadows.give(shadowed)
		} else {
			l.shadows.giveUp(shadowed)
		}
	case bury:
		err = l.reject(ctx, j, v)
	case wait, done:
		err = l.putBy(ctx, j, v)
	case retry:
		if j.met != nil {
			l.giveBack(ctx, j, v.delay)
		}
		l.options.Observer.Retried(v.code)
		l.log(j, "capture handed back", v)
		l.inHand.remove(j.delivery) // an extension after the Nak would undo its delay
		err = j.delivery.Nak(v.delay)
	}
	if err != nil {
		j.delivery.Forget() // else it is in hand here for ever: its bytes are held, and what the stream delivers again is not handed out
		l.options.Log.Error("a capture could not be settled; the stream will deliver it again",
			"subject", j.message.Subject, "sequence", j.message.Sequence, "error", err)
	}
}

// complete ends the delivery of a capture whose fix is safe, and its event, if it has one.
func (l *lane) complete(ctx context.Context, j *job) error {
	if j.met == nil {
		return j.delivery.Ack(ctx)
	}
	if err := l.finish(ctx, j); err != nil {
		return err
	}
	return l.release(ctx, j)
}

// reject buries a capture that can never be processed, and refuses its event with it, unless they have their fix.
func (l *lane) reject(ctx context.Context, j *job, v verdict) error {
	if j.met != nil {
		if refused, err := l.refuse(ctx, j, v); !refused {
			return err
		}
		err := l.bury(ctx, j, v)
		l.buryOthers(ctx, j, j.met.event.Key, j.met.event.Entry())
		return err
	}
	if l.hasFix(ctx, j) {
		l.log(j, "capture not refused: it has its fix, from a delivery before", v)
		return j.delivery.Ack(ctx)
	}
	err := l.bury(ctx, j, v)
	if j.ended != nil && j.ended.here {
		l.buryOthers(ctx, j, j.ended.key, j.ended.entry)
	}
	return err
}

// putBy ends the delivery of a capture that waits for others, or about which nothing is left to do: neither is a failure.
func (l *lane) putBy(ctx context.Context, j *job, v verdict) error {
	if v.action == done {
		return j.delivery.Ack(ctx)
	}
	l.inHand.remove(j.delivery) // an extension after this would undo its delay
	return j.delivery.Wait(v.delay)
}

// bury puts the capture among the dead letters, and only then takes it off the stream.
func (l *lane) bury(ctx context.Context, j *job, v verdict) error {
	letter := &messages.DeadLetter{
		Body: j.message.Data, Subject: j.message.Subject, Headers: j.message.Header,
		Reason: v.code, Sentence: v.reason, Deliveries: j.message.NumDelivered,
		Worker: l.options.Name, ModelVersion: l.versionOf(j), Time: time.Now(),
	}
	repeated, err := l.publisher.PublishDead(ctx, j.message.Sequence, letter)
	if err != nil {
		return err
	}
	if !repeated { // else it was counted by who stored it, and could not take the capture off the stream
		l.options.Observer.Dead(v.code)
	}
	l.log(j, "capture refused", v)
	return j.delivery.Term(v.code)
}

// versionOf is that of the model that was asked last; where none was, of the champion.
func (l *lane) versionOf(j *job) string {
	if j.seat != nil {
		return j.seat.identity.Version
	}
	s := l.begin()
	defer l.end(s)
	return s.champion.identity.Version
}

// log writes one line for a capture that got no fix; a successful one is silent.
func (l *lane) log(j *job, what string, v verdict) {
	l.options.Log.Warn(what, "subject", j.message.Subject, "sequence", j.message.Sequence,
		"delivery", j.message.NumDelivered, "code", v.code, "reason", v.reason)
}
