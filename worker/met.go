package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"foxhunt/meeting"
)

// met is what a job has of its event, from when work on it began.
type met struct {
	event   *meeting.Event // nil for the shadow's
	place   meeting.Place  // of the capture in hand
	members []meeting.Member
	stored  time.Time // when the first was: a time on which all workers agree
	partial bool

	stop  context.CancelFunc // ends what tells the others that work goes on
	going sync.WaitGroup
	bytes int64 // of the companions, to be released
}

// endedEvent is a refused event that a capture was in.
type endedEvent struct {
	key   meeting.Key
	entry *meeting.Entry
	here  bool // it was refused with this capture
}

// storedTime is the time that the choice of the models goes by.
func (j *job) storedTime() time.Time {
	if j.met != nil {
		return j.met.stored
	}
	return j.message.Stored
}

// tries is how often it was tried to locate the capture, this time included.
func (j *job) tries() int {
	if j.met != nil && j.message.NumDelivered < lastTries {
		return j.met.event.Tries()
	}
	return j.message.NumDelivered
}

// lastTries are the deliveries from which on those count also of captures that met: the stream has a limit.
const lastTries = 16

// takeUp tells other workers, for as long as the job has the event, that work on it goes on.
func (l *lane) takeUp(j *job) {
	ctx, stop := context.WithCancel(context.Background())
	event, every := j.met.event, max(l.options.Table.AckWait()/3, 10*time.Millisecond)
	j.met.stop = stop
	j.met.going.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := event.Beat(ctx); errors.Is(err, meeting.ErrTaken) {
				return // it was not heard of this worker in time; what it says will be the same
			}
		}
	})
}

// leave ends what the job has of its event; its end has been settled.
func (l *lane) leave(j *job) {
	if j.met == nil {
		return
	}
	j.met.stop()
	j.met.going.Wait()
	l.companions.Release(j.met.bytes)
	j.met = nil
}

// settleTime bounds what is still done about an event when the worker is stopping.
const settleTime = 5 * time.Second

// giveBack lets whoever comes after the delay begin anew with the job's event.
func (l *lane) giveBack(ctx context.Context, j *job, delay time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := j.met.event.GiveBack(ctx, delay); err != nil && !errors.Is(err, meeting.ErrTaken) {
		l.options.Log.Warn("an event could not be given back; another worker takes it up when it has not been heard of for long",
			"key", j.met.event.Key.String(), "error", err)
	}
}

// refuse ends the job's event without a fix; false where it has one from a worker before, which died then, or where another
// worker goes on with it.
func (l *lane) refuse(ctx context.Context, j *job, v verdict) (refused bool, err error) {
	if _, found := l.look(ctx, j, eventSubject(j.network), j.met.event.ID(), j.met.event.Entry().FirstStored()); found {
		l.log(j, "event not refused: it has its fix, from a worker before", v)
		if err := l.finish(ctx, j); err != nil {
			return false, err
		}
		return false, l.release(ctx, j)
	}
	err = j.met.event.Refuse(ctx, v.code, v.reason)
	if errors.Is(err, meeting.ErrTaken) {
		l.inHand.remove(j.delivery)
		return false, j.delivery.Wait(takenDelay)
	}
	if j.met.event.Entry().State == meeting.Refused { // though its end could not be noted: whoever does that later does not count it
		l.observer.Met(j.network, outcomeOf(v.code))
	}
	return err == nil, err
}

// takenDelay is when a capture asks again whose event another worker has taken up.
const takenDelay = time.Second

// finish ends the job's event, whose fix is safe.
func (l *lane) finish(ctx context.Context, j *job) error {
	return j.met.event.Finish(ctx, j.met.place)
}

// release ends the delivery of a capture whose event has its fix: where that does not rest on it, it is a dead letter.
func (l *lane) release(ctx context.Context, j *job) error {
	code, reason := j.met.event.Entry().LeftOut(j.met.place)
	if code == "" {
		return j.delivery.Ack(ctx)
	}
	l.observer.LeftOut(j.network, j.station, code)
	return l.bury(ctx, j, verdict{action: bury, code: code, reason: reason})
}
