package jetstream

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// Lag is how far the workers are behind, at one moment.
type Lag struct {
	Time     time.Time    `json:"time"`
	Stream   string       `json:"stream"`
	Consumer string       `json:"consumer"`
	Subjects []SubjectLag `json:"subjects"` // the largest first

	Total       uint64 `json:"total"`           // captures for the consumer: undelivered, in flight, waiting for companions and dead
	Pending     uint64 `json:"num_pending"`     // never delivered yet
	InFlight    int    `json:"num_ack_pending"` // with workers, or waiting for another delivery, or for companions
	Redelivered int    `json:"num_redelivered"`
	Waiting     int    `json:"num_waiting"` // pull requests open: 0 means that no worker listens
	// Dead counts captures in no pending count: delivered MaxDeliver times and not yet moved to the dead letters. In a
	// single reading it may be off by captures that moved between two questions; a [LagTracker] puts the least of three in
	// its place.
	Dead uint64 `json:"dead"`
	// Companions counts captures that wait for those of other stations, and for no worker: members of events that are open.
	// It is 0 where EventsOpen is nil, which means not known.
	Companions uint64  `json:"waiting_for_companions"`
	EventsOpen *uint64 `json:"events_open,omitempty"`
	// OldestCompanionAge is that of the oldest among Companions, in seconds; nil: none, or not known.
	OldestCompanionAge *float64 `json:"oldest_companion_age_seconds,omitempty"`

	// The stream's figures, whichever consumers it has. Arrived and Completed have counted since the stream was made.
	Arrived   uint64   `json:"arrived"`                      // captures ever stored
	Completed uint64   `json:"completed"`                    // of them, those that are gone: fixed, or among the dead letters, or purged
	Stored    uint64   `json:"bytes"`                        // of the captures in the stream
	MaxBytes  int64    `json:"max_bytes"`                    // at which the stream refuses captures; -1: none
	OldestAge *float64 `json:"oldest_age_seconds,omitempty"` // of the oldest capture; nil when there is none

	DeadLetters DeadLetterCount `json:"dead_letters"`
	Pace        *Pace           `json:"pace,omitempty"` // set by a [LagTracker] from its second reading on
}

// SubjectLag is the lag of one concrete subject.
type SubjectLag struct {
	Subject string `json:"subject"`
	Lag     uint64 `json:"lag"` // captures: undelivered, in flight, waiting for companions and dead
	// Companions counts those of them that wait for other stations' captures of their event; the rest waits for a worker, or
	// is with one.
	Companions uint64 `json:"waiting_for_companions"`
	// The two below are asked for the largest few subjects only; else nil. InFlight counts captures that were delivered and
	// not settled, the dead among them; OldestAge is in seconds.
	InFlight  *uint64  `json:"in_flight,omitempty"`
	OldestAge *float64 `json:"oldest_age_seconds,omitempty"`
}

// DeadLetterCount is what the stream of the dead letters holds.
type DeadLetterCount struct {
	Total    uint64            `json:"total"`
	Stored   uint64            `json:"bytes"`
	MaxBytes int64             `json:"max_bytes"` // at which the oldest are dropped; -1: none
	Subjects map[string]uint64 `json:"subjects"`  // letters by the subject of the capture
}

// lookBytes bounds what a reading may fetch of the captures, whose ages cannot be asked for without their bodies.
const lookBytes = 8 << 20

// Lag asks the server for the lag of t's Captures stream. For the worst subjects with the largest lag, or fewer where the
// captures are large, it also asks for the oldest capture and for how many are in flight, which costs two captures' bytes
// for each. Open events are read, too, some 200 bytes for each capture that waits for companions. The rest the server answers
// from an index in memory: 1,000 subjects take it about a millisecond.
func (c *Conn) Lag(ctx context.Context, t Topology, worst int) (Lag, error) {
	if !c.Connected() { // questions would wait for the connection
		return Lag{}, explain(t.Captures.Name, nats.ErrDisconnected)
	}
	lag := Lag{Time: time.Now().UTC(), Stream: t.Captures.Name, Consumer: t.Workers.Durable, Subjects: []SubjectLag{}}
	before, err := c.consumerInfo(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return lag, err
	}
	info, err := c.subjectsInfo(ctx, t.Captures.Name, t.Workers.FilterSubject)
	if err != nil {
		return lag, err
	}
	after, err := c.consumerInfo(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return lag, err
	}
	lag.setStream(info)
	lag.setConsumer(before, after)
	if lag.DeadLetters, err = c.countDeadLetters(ctx, t.Dead.Name); err != nil {
		return lag, err
	}
	if err = c.setCompanions(ctx, &lag, t, info); err != nil {
		return lag, err
	}
	if info.State.Msgs > 0 {
		worst = min(worst, len(lag.Subjects), max(1, int(lookBytes/2*info.State.Msgs/max(info.State.Bytes, 1))))
		for i := range worst {
			if err := c.lookAt(ctx, &lag.Subjects[i], info, after.Delivered.Stream); err != nil {
				return lag, err
			}
		}
	}
	return lag, nil
}

func (lag *Lag) setStream(info *js.StreamInfo) {
	for subject, n := range info.State.Subjects {
		lag.Subjects = append(lag.Subjects, SubjectLag{Subject: subject, Lag: n})
		lag.Total += n
	}
	slices.SortFunc(lag.Subjects, func(a, b SubjectLag) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(a.Subject, b.Subject))
	})
	lag.Arrived, lag.Completed = info.State.LastSeq, less(info.State.LastSeq, info.State.Msgs)
	lag.Stored, lag.MaxBytes = info.State.Bytes, info.Config.MaxBytes
	if info.State.Msgs > 0 {
		lag.OldestAge = age(info, info.State.FirstTime)
	}
}

// setConsumer takes the consumer's figures from before and after the stream's were asked for. What moved meanwhile is in
// one of them and not in the other, so that the larger leaves fewer captures that seem dead and are not.
func (lag *Lag) setConsumer(before, after *js.ConsumerInfo) {
	lag.Pending, lag.InFlight, lag.Redelivered, lag.Waiting = after.NumPending, after.NumAckPending, after.NumRedelivered, after.NumWaiting
	accounted := max(before.NumPending+uint64(before.NumAckPending), after.NumPending+uint64(after.NumAckPending))
	lag.Dead = less(lag.Total, accounted)
}

// less is a - b, and never below 0: figures read one after the other need not fit.
func less(a, b uint64) uint64 { return a - min(a, b) }

// age is how long ago something was stored, by the server's clock alone.
func age(info *js.StreamInfo, stored time.Time) *float64 {
	seconds := max(info.TimeStamp.Sub(stored).Seconds(), 0)
	return &seconds
}

func (c *Conn) consumerInfo(ctx context.Context, stream, consumer string) (*js.ConsumerInfo, error) {
	var info js.ConsumerInfo
	if err := c.askAPI(ctx, "$JS.API.CONSUMER.INFO."+stream+"."+consumer, nil, &info); err != nil {
		return nil, c.explain(stream, err)
	}
	return &info, nil
}

// subjectsInfo is a stream's state with its number of messages by subject, which come in pages.
func (c *Conn) subjectsInfo(ctx context.Context, stream, filter string) (*js.StreamInfo, error) {
	var all *js.StreamInfo
	for offset := 0; ; {
		var page struct {
			js.StreamInfo
			Total int `json:"total"`
		}
		request := map[string]any{"subjects_filter": filter, "offset": offset}
		if err := c.askAPI(ctx, "$JS.API.STREAM.INFO."+stream, request, &page); err != nil {
			return nil, c.explain(stream, err)
		}
		if all == nil {
			all = &page.StreamInfo
		} else {
			maps.Copy(all.State.Subjects, page.State.Subjects)
		}
		offset += len(page.State.Subjects)
		if len(page.State.Subjects) == 0 || offset >= page.Total {
			return all, nil
		}
	}
}

func (c *Conn) countDeadLetters(ctx context.Context, stream string) (DeadLetterCount, error) {
	info, err := c.subjectsInfo(ctx, stream, messages.DeadPrefix+".>")
	if err != nil {
		return DeadLetterCount{}, err
	}
	count := DeadLetterCount{Total: info.State.Msgs, Stored: info.State.Bytes, MaxBytes: info.Config.MaxBytes, Subjects: map[string]uint64{}}
	for subject, n := range info.State.Subjects {
		count.Subjects[strings.TrimPrefix(subject, messages.DeadPrefix+".")] = n
	}
	return count, nil
}

// lookAt fills in what only single captures tell: the age of the subject's oldest one, and how many of it there are after
// the last that was delivered; the others are in flight. A subject drained meanwhile has neither.
func (c *Conn) lookAt(ctx context.Context, s *SubjectLag, info *js.StreamInfo, delivered uint64) error {
	oldest, err := c.direct(ctx, info.Config.Name, map[string]any{"seq": 1, "next_by_subj": s.Subject})
	if errors.Is(err, ErrNoMessage) {
		return nil
	}
	if err != nil {
		return c.explain(s.Subject, err)
	}
	s.OldestAge = age(info, oldest.Time)
	var undelivered uint64
	next, err := c.direct(ctx, info.Config.Name, map[string]any{"seq": delivered + 1, "next_by_subj": s.Subject, "batch": 1})
	switch {
	case errors.Is(err, ErrNoMessage):
	case err != nil:
		return c.explain(s.Subject, err)
	default:
		after, err := strconv.ParseUint(next.Header.Get("Nats-Num-Pending"), 10, 63)
		if err != nil { // a server before 2.11 does not say
			return nil
		}
		undelivered = after + 1
	}
	inFlight := less(s.Lag, undelivered)
	s.InFlight = &inFlight
	return nil
}
