package jetstream

import (
	"context"
	"io"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// TestReaper is a reaper whose sweeps do not wait.
type TestReaper struct{ *reaper }

// NewTestReaper returns a reaper that takes a capture for given up once it was seen below the floor twice, settle apart.
func NewTestReaper(c *Conn, t Topology, worker string, settle time.Duration, buried func(code string)) TestReaper {
	r := c.newReaper(t, worker, buried)
	r.wait = 20 * time.Millisecond
	r.sweep.every, r.sweep.settle = 0, settle
	return TestReaper{r}
}

// Run is Reap.
func (r TestReaper) Run(ctx context.Context) { r.run(ctx) }

// Look sweeps once.
func (r TestReaper) Look(ctx context.Context) error { return r.sweepWhenDue(ctx) }

// Asking is how many questions of this connection wait for their answers.
func (c *Conn) Asking() int {
	c.refusals.mu.Lock()
	defer c.refusals.mu.Unlock()
	n := 0
	for w := range c.refusals.waiting {
		if w.once {
			n++
		}
	}
	return n
}

// MatchesSubject reports whether a NATS filter chooses a subject.
func MatchesSubject(filter, subject string) bool { return matchesSubject(filter, subject) }

// Floors returns a function that is given what a sweep may see, and returns up to where captures have been below the floor
// for ten seconds.
func Floors() func(Seen) uint64 {
	var m floorMark
	return func(s Seen) uint64 {
		now := floorMark{time.Unix(s.At, 0), s.First, s.Floor, s.Deliveries, time.Unix(1, 0), time.Unix(s.Made, 0)}
		return m.settled(now, 10*time.Second)
	}
}

// Seen is a floorMark; its times are in seconds.
type Seen struct {
	At                       int64
	First, Floor, Deliveries uint64
	Made                     int64
}

// RemoveAbandoned removes parts of models' files that were left so long ago.
func (c *Conn) RemoveAbandoned(ctx context.Context, t Topology, after time.Duration) error {
	return c.removeAbandoned(ctx, t, after)
}

// PushChunks stores a file of at most so many bytes.
func (c *Conn) PushChunks(ctx context.Context, subject string, file io.Reader, most int64) error {
	_, _, _, err := c.pushChunks(ctx, subject, file, most)
	return err
}

// Chunks is the subject of the parts of a model's file.
func (m Model) Chunks() string { return m.chunks }

// CountMembers is what an entry of a bucket with the subjects of filter adds to the captures that wait for companions.
func CountMembers(filter, subject string, data []byte) map[string]uint64 {
	waiting := companions{subjects: map[string]uint64{}}
	waiting.add(filter, StreamMessage{Subject: subject, Data: data})
	return waiting.subjects
}

// ClockOf tells the time that ask tells, asking once in a while; age lets so much time pass.
func ClockOf(ask func(context.Context) (time.Time, error)) (now func(context.Context) (time.Time, error), age func(time.Duration)) {
	c := &serverClock{ask: ask}
	return c.now, func(d time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked = c.asked.Add(-d)
	}
}

// FilterOf is what chooses those captures of a network that a filter chooses, if there can be any.
func FilterOf(filter, network string) (string, bool) { return filterOf(filter, network) }

// EachOpen looks through n open events, the calls of which do gets the numbers, and returns how many are left.
func EachOpen(ctx context.Context, n int, do func(int64) error) (again func() (left int, err error)) {
	var events []openEvent
	for i := range n {
		events = append(events, openEvent{opened: int64(i)})
	}
	return func() (int, error) {
		var err error
		events, err = eachOpen(ctx, events, func(_ context.Context, e openEvent) error { return do(e.opened) })
		return len(events), err
	}
}

// KeepLooking is how it is looked for what to tidy.
func KeepLooking(ctx context.Context, look func(context.Context) error) { keepLooking(ctx, look) }

// LookForRoom has the next call of Room ask the server.
func (m *Meetings) LookForRoom() {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.room.asked = time.Time{}
}

// FailChanges has calls that make or change streams and buckets fail from the given one on, so many times, as those do that a
// server leaves unanswered.
func (c *Conn) FailChanges(from, times int) {
	c.js = &failingChanges{JetStream: c.js, from: from, to: from + times}
}

type failingChanges struct {
	js.JetStream
	calls, from, to int
}

func (f *failingChanges) fails() error {
	f.calls++
	if f.from < f.calls && f.calls <= f.to {
		return context.DeadlineExceeded
	}
	return nil
}

func (f *failingChanges) CreateStream(ctx context.Context, config js.StreamConfig) (js.Stream, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	return f.JetStream.CreateStream(ctx, config)
}

func (f *failingChanges) UpdateStream(ctx context.Context, config js.StreamConfig) (js.Stream, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	return f.JetStream.UpdateStream(ctx, config)
}

func (f *failingChanges) CreateKeyValue(ctx context.Context, config js.KeyValueConfig) (js.KeyValue, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	return f.JetStream.CreateKeyValue(ctx, config)
}

// Miss has Keep look.
func (c *Conn) Miss() { c.miss() }
