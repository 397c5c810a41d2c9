package loadtest

import (
	"context"
	"errors"
	"sync"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// NATS is a deployment reached over JetStream, as stations and dashboards reach it: captures are published, fixes and dead
// letters are heard.
type NATS struct {
	conn     *jetstream.Conn
	topology jetstream.Topology
	subject  string // of the captures
	fixes    *jetstream.Fixes
	dead     *jetstream.Listener
	end      context.CancelFunc
	reading  sync.WaitGroup

	mu   sync.Mutex
	sent map[string]*fate
}

// fate is what became of one capture so far.
type fate struct {
	first chan result // the first answer
	fixes int
	dead  bool
}

type result struct {
	answer Answer
	err    error
}

// NewNATS listens for answers to captures of the network and source. Close ends it.
func NewNATS(ctx context.Context, conn *jetstream.Conn, t jetstream.Topology, network, source string) (*NATS, error) {
	subject, err := messages.CaptureSubject(network, source)
	if err != nil {
		return nil, err
	}
	fixSubject, err := messages.FixSubject(subject)
	if err != nil {
		return nil, err
	}
	n := &NATS{conn: conn, topology: t, subject: subject, sent: map[string]*fate{}}
	if n.fixes, err = conn.Fixes(ctx, t, fixSubject); err != nil {
		return nil, err
	}
	if n.dead, err = conn.Listen(n.hearDead, messages.DeadSubject(subject)); err != nil {
		n.fixes.Stop()
		return nil, err
	}
	reading, end := context.WithCancel(context.Background())
	n.end = end
	n.reading.Go(func() { n.readFixes(reading) })
	return n, nil
}

// Close stops listening.
func (n *NATS) Close() {
	n.end()
	n.dead.Stop()
	n.fixes.Stop()
	n.reading.Wait()
}

// Locate implements Target.
func (n *NATS) Locate(ctx context.Context, r Request) (Answer, error) {
	f := &fate{first: make(chan result, 1)}
	n.mu.Lock()
	n.sent[r.ID] = f
	n.mu.Unlock()
	stored, err := n.conn.PublishAlone(ctx, n.subject, r.ID, r.Capture) // somebody waits for each
	var e *jetstream.Error
	switch {
	case errors.As(err, &e) && e.Code != jetstream.CodeTimeout:
		return Answer{}, &Failure{e.Code, e.Reason}
	case err != nil:
		return Answer{}, &Failure{CodeTimeout, err.Error()}
	case stored.Duplicate: // any fix would be another capture's
		return Answer{}, &Failure{codeDuplicateID, "the stream had a capture of this id, and dropped this one"}
	}
	select {
	case r := <-f.first:
		return r.answer, r.err
	case <-ctx.Done():
		return Answer{}, &Failure{CodeTimeout, "no fix came in time"}
	}
}

// Begin implements Target.
func (n *NATS) Begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = map[string]*fate{}
}

// Late implements Target.
func (n *NATS) Late(_ context.Context, id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.sent[id]
	return f != nil && (f.fixes > 0 || f.dead)
}

// Lag implements Target.
func (n *NATS) Lag(ctx context.Context) (int, bool) {
	lag, err := n.conn.Lag(ctx, n.topology, 0)
	return int(lag.Total), err == nil
}

// Doubled implements Target. It is exact: fixes are read from their stream, which drops a second one of the same id.
func (n *NATS) Doubled() (captures int, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.sent {
		if f.fixes > 1 || f.fixes == 1 && f.dead {
			captures++
		}
	}
	return captures, true
}

func (n *NATS) readFixes(ctx context.Context) {
	for {
		m, err := n.fixes.Next(ctx)
		if err != nil {
			return
		}
		fix, err := messages.DecodeFix(m.ContentType, m.Body)
		if err != nil {
			continue // not the worker's: anybody may publish
		}
		n.note(fix.CaptureID, false, result{answer: Answer{fix.CacheHit, modelName(fix)}})
	}
}

func modelName(fix *messages.Fix) string {
	return fix.Model.Name + " " + fix.Model.Version
}

func (n *NATS) hearDead(m jetstream.Heard) {
	letter, err := messages.DecodeDeadLetter(nil, m.Header)
	if err != nil {
		return
	}
	if ids := letter.Headers["Nats-Msg-Id"]; len(ids) == 1 {
		n.note(ids[0], true, result{err: &Failure{letter.Reason, letter.Sentence}})
	}
}

// note hands the first answer to who waits for it, and counts all.
func (n *NATS) note(id string, dead bool, r result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.sent[id]
	if f == nil {
		return // not this run's
	}
	if dead {
		f.dead = true
	} else {
		f.fixes++
	}
	select {
	case f.first <- r:
	default:
	}
}
