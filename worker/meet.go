package worker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// meetTime bounds what the meeting may take to decide about a capture; a server that is away makes it a passing failure.
const meetTime = 20 * time.Second

// waits says that a capture has to wait for others: it is handed back, and nothing failed.
type waits struct{ delay time.Duration }

func (w *waits) Error() string {
	return fmt.Sprintf("it waits %v for the others of its event, or until it may begin", w.delay)
}

// settled says that there is nothing left to do about a capture: a fix rests on it, or it is a copy of one in an event.
type settled struct{}

func (settled) Error() string { return "its event has its fix, or holds the same capture" }

// meets says whether the capture is located together with those of other stations: it holds one receiver, the champion wants
// more, and nobody waits for its answer.
func (l *lane) meets(j *job) bool {
	return l.options.Table != nil && len(j.message.Header[messages.AloneHeader]) == 0 && len(j.capture.Receivers) == 1 && j.set.champion.contract.Receivers.Min > 1
}

// meet brings the capture together with the others of its emission. It returns nil where the job then holds them all.
func (l *lane) meet(ctx context.Context, j *job) error {
	if err := j.capture.Receivers[0].CheckSamples(); err != nil {
		return err // it is this station's fault, and not to be the others'
	}
	deciding, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	o, err := l.options.Table.Arrive(deciding, l.arrival(j))
	if o.Refuses { // also where its end could not be noted: whoever does that later does not count it
		l.observer.Met(j.network, outcomeOf(o.Code))
	}
	if errors.Is(err, meeting.ErrNoRoom) && j.message.NumDelivered < lastTries {
		return &waits{untilRoom(j, time.Now())}
	}
	if err != nil {
		return err
	}
	j.tell("foxhunt.event", o.Key.String())
	switch o.Action {
	case meeting.Wait:
		return &waits{o.Delay}
	case meeting.Acknowledge:
		return settled{}
	case meeting.Work:
		j.met = &met{event: o.Event, place: whereOf(j)}
		l.takeUp(j)
		err := l.gather(ctx, j)
		if errors.Is(err, meeting.ErrTaken) {
			return &waits{takenDelay}
		}
		return err
	}
	if o.Ended != nil {
		j.ended = &endedEvent{o.Key, o.Ended, o.Refuses}
	} else {
		l.observer.LeftOut(j.network, j.source, o.Code)
	}
	return &messages.Refusal{Code: o.Code, Reason: o.Reason}
}

// roomPause is how often a capture tries whose event may not begin: with lastTries for a quarter of an hour.
const roomPause = time.Minute

// untilRoom is when such a capture tries again: all of one event, or of one frequency, in the same moment of each minute, as those
// that came back apart from each other would miss each other; other events in others.
func untilRoom(j *job, now time.Time) time.Duration {
	met := j.capture.Event
	if met == "" {
		met = meeting.HertzOf(j.capture.Frequency)
	}
	h := fnv.New32a()
	h.Write([]byte(j.network + " " + met))
	phase := time.Duration(h.Sum32()) % roomPause
	return roomPause - time.Duration(now.UnixNano()+int64(phase))%roomPause
}

// How an event ended, as the metrics name it.
const (
	EventComplete = "complete" // all that were due came
	EventPartial  = "partial"  // the window passed
	EventTooFew   = "too_few"
	EventRefused  = "refused" // whatever else kept it from its fix
)

func outcomeOf(code string) string {
	if code == meeting.CodeTooFew {
		return EventTooFew
	}
	return EventRefused
}

func whereOf(j *job) meeting.Place {
	return meeting.Place{Sequence: j.message.Sequence, Stored: j.message.Stored.UnixNano()}
}

func (l *lane) arrival(j *job) meeting.Arrival {
	r := &j.capture.Receivers[0]
	limits := j.set.champion.contract.Receivers
	length := float64(r.Samples()-1) / r.SampleRate * float64(time.Second)
	return meeting.Arrival{
		Network: j.network, Event: j.capture.Event, Frequency: j.capture.Frequency,
		Capture: meeting.Member{
			Place: whereOf(j), Station: r.Station, ID: j.capture.ID,
			Start: r.StartTime, End: r.StartTime + int64(length), Size: len(j.message.Data), Rate: int64(math.Round(r.SampleRate)),
		},
		Deliveries: j.message.NumDelivered, Attempts: l.attempts, Least: limits.Min, Most: limits.Max,
	}
}
