package jetstream

import (
	"context"
	"sync"
	"time"

	"foxhunt/meeting"
)

// Meetings is where the captures of one emission come together: events in key-value buckets, the captures themselves in their
// stream, and who was heard lately. It implements [meeting.Store]. Close must be called. It is safe for concurrent use.
type Meetings struct {
	conn     *Conn
	topology Topology
	ackWait  time.Duration
	open     bucketEntries
	clock    serverClock
	backlog  backlogs
	presence presence
	room     room

	cancel  context.CancelFunc
	tidying sync.WaitGroup
}

var _ meeting.Store = (*Meetings)(nil)

// Meetings returns the events of t's buckets, which must be there, as must the workers' consumer. It returns once it is known
// which stations were heard lately: without them events would seem complete that are not.
func (c *Conn) Meetings(ctx context.Context, t Topology) (*Meetings, error) {
	consumer, err := c.consumerInfo(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return nil, c.explain(t.Workers.Durable, err)
	}
	m := &Meetings{conn: c, topology: t, ackWait: consumer.Config.AckWait, open: bucketEntries{c, bucketOf(t.Meetings.Name)}}
	m.clock.ask = func(ctx context.Context) (time.Time, error) { return c.ServerTime(ctx, t) }
	m.backlog = backlogs{conn: c, topology: t}
	m.room.ask, m.room.log = m.askRoom, c.log
	m.presence = presence{conn: c, bucket: bucketOf(t.Heard.Name), lapse: t.Heard.MaxAge, now: m.clock.now}
	if err := m.presence.start(ctx); err != nil {
		return nil, err
	}
	ctx, m.cancel = context.WithCancel(context.Background())
	m.tidying.Go(func() { m.keepTidy(ctx) })
	return m, nil
}

// Close ends keeping the view of who is heard, and the buckets tidy.
func (m *Meetings) Close() {
	m.cancel()
	m.tidying.Wait()
	m.presence.stop()
}

// Now is the time by the server's clock, which is asked once a minute.
func (m *Meetings) Now(ctx context.Context) (time.Time, error) { return m.clock.now(ctx) }

// AckWait is the time after which the server delivers a capture again.
func (m *Meetings) AckWait() time.Duration { return m.ackWait }

// Hear notes that a station was heard.
func (m *Meetings) Hear(network string, frequency float64, station string) {
	m.presence.hear(presenceKey{network, meeting.HertzOf(frequency), station})
}

// Heard are the stations of a network and frequency that were heard lately, and for the first time of those before then.
func (m *Meetings) Heard(network string, frequency float64, then time.Time) []string {
	return m.presence.heard(network, meeting.HertzOf(frequency), then)
}
