package jetstream

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// The shared consumer delivers in the order of the stream, so that one station that sends more than the workers can serve
// makes all others wait for its backlog. While there is a backlog a source therefore takes captures of the other stations
// out of their turn: it asks the server how many captures wait of each subject, reads the oldest of those subjects of which
// few wait, claims them in a key-value bucket, hands them out with the others, and when they are done deletes them from the
// stream. The consumer leaves out what is deleted, and delivers in its turn whatever was claimed and not finished.

const (
	overtakeEvery    = 200 * time.Millisecond // pause between two looks at the subjects
	overtakeAfter    = time.Second            // of work waiting make a backlog
	overtakeRound    = 2 * time.Second        // after which nothing more is taken before another look at the subjects
	mostPerTurn      = 7                      // captures handed out of turn for each in turn, where so many subjects wait
	overtakeTogether = 8                      // captures asked for at once
)

// overtaking is what a source knows of the captures that it takes out of turn.
type overtaking struct {
	source  *Source
	behind  chan struct{} // cap 1: a backlog has been seen
	pending atomic.Int64  // captures that the consumer has not delivered yet, as the server last said
	light   atomic.Bool   // there were light subjects at the last look
	refused atomic.Bool   // the permissions do not allow it

	aside   chan *Delivery // taken, not handed out
	held    atomic.Int64   // bytes taken and not settled; part of the source's
	perTurn atomic.Int32   // captures to hand out of turn for each in turn
	inARow  atomic.Int32   // handed out of turn since the last in turn

	mu     sync.Mutex
	cursor map[string]uint64 // by subject: the last sequence looked at
}

// sawPending takes note of how much waits, by the newest delivery.
func (o *overtaking) sawPending(pending uint64) {
	o.pending.Store(int64(min(pending, 1<<62)))
	o.wake()
}

func (o *overtaking) wake() {
	if o.isBehind() {
		select {
		case o.behind <- struct{}{}:
		default:
		}
	}
}

// isBehind reports whether more waits than the worker serves in a second.
func (o *overtaking) isBehind() bool {
	service := o.source.service.Load()
	if service == 0 || o.refused.Load() {
		return false
	}
	work := int64(overtakeAfter) * int64(o.source.o.Concurrency) / service
	return o.pending.Load() > max(work, int64(o.source.o.Concurrency))
}

// isSharing reports whether captures out of turn need room.
func (o *overtaking) isSharing() bool { return o.isBehind() && o.light.Load() }

// run takes captures out of turn while there is a backlog, until the source stops.
func (o *overtaking) run() {
	for {
		select {
		case <-o.behind:
		case <-o.source.quit.Done():
			return
		}
		for pause := overtakeEvery; o.isBehind(); {
			err := o.round()
			switch {
			case err == nil:
				pause = overtakeEvery
			case isRefused(err):
				o.refuse(err)
			default:
				pause = min(2*pause, lastPause)
				o.source.log.Debug("no captures can be taken out of turn", "error", err)
			}
			if !sleep(o.source.quit, pause) {
				return
			}
		}
		o.light.Store(false)
		clear(o.cursor)
	}
}

// refuse ends overtaking for good: everything is served in turn.
func (o *overtaking) refuse(err error) {
	if o.refused.CompareAndSwap(false, true) {
		o.source.log.Warn("captures cannot be taken out of turn, so that a station that floods the workers delays the others", "error", err)
	}
}

// hasTurn says whether a capture out of turn is to be handed out before one in turn.
func (o *overtaking) hasTurn() bool { return o.inARow.Load() < o.perTurn.Load() }

func (o *overtaking) tookTurn(outOfTurn bool) {
	if outOfTurn {
		o.inARow.Add(1)
	} else {
		o.inARow.Store(0)
	}
}

// round looks at what waits and takes as much out of turn as there is room for.
func (o *overtaking) round() error {
	look, err := o.source.look(o.source.quit)
	if err != nil {
		return err
	}
	o.pending.Store(int64(look.pending))
	light, heavy := overtakers(look.lags)
	o.light.Store(len(light) > 0)
	maps.DeleteFunc(o.cursor, func(subject string, _ uint64) bool { return look.lags[subject] == 0 })
	for _, d := range o.source.inHand.all() { // these wait no more
		look.lags[d.Subject] -= min(1, look.lags[d.Subject])
	}
	light = slices.DeleteFunc(light, func(subject string) bool { return look.lags[subject] == 0 })
	rand.Shuffle(len(light), func(i, j int) { light[i], light[j] = light[j], light[i] }) // so that workers do not race for the same
	o.perTurn.Store(int32(min(max(len(light)/max(heavy, 1), 1), mostPerTurn)))
	return o.takeTurns(light, look)
}

// overtakers returns the subjects that did not cause the backlog, and how many did: of the former fewer captures wait than
// half the typical number, which is that of the subject of a capture picked at random from all that wait.
func overtakers(lags map[string]uint64) (light []string, heavy int) {
	var sum, squares float64
	for _, n := range lags {
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	for subject, n := range lags {
		if float64(n) < squares/sum/2 {
			light = append(light, subject)
		} else {
			heavy++
		}
	}
	return light, heavy
}

// takeTurns takes one capture of each subject, then the next of each, until nothing is left or there is no room. What is the
// matter with one capture does not keep the others from being taken.
func (o *overtaking) takeTurns(subjects []string, look look) error {
	var failed []error
	for began := time.Now(); len(subjects) > 0 && time.Since(began) < overtakeRound; {
		var group errgroup.Group
		group.SetLimit(overtakeTogether)
		more, errs := make([]bool, len(subjects)), make([]error, len(subjects))
		asked := 0
		for room := o.source.limit() - len(o.aside); asked < min(room, len(subjects)) && o.reserve(); asked++ {
			i, subject := asked, subjects[asked]
			group.Go(func() error {
				more[i], errs[i] = o.takeNext(o.source.quit, subject, look)
				return nil
			})
		}
		group.Wait()
		failed = append(failed, errors.Join(errs...))
		if asked == 0 || slices.ContainsFunc(errs, isRefused) {
			break
		}
		next := slices.Clone(subjects[asked:])
		for i, subject := range subjects[:asked] {
			if look.lags[subject]--; more[i] && look.lags[subject] > 0 {
				next = append(next, subject)
			}
		}
		subjects = next
	}
	return errors.Join(failed...)
}

// reserve sets the bytes of the largest capture aside, if there is room for it.
func (o *overtaking) reserve() bool {
	s := o.source
	largest := int64(s.largest)
	if o.held.Load()+largest > int64(s.o.MaxBytes-s.inTurnBytes(true)) || s.held.Load()+largest > int64(s.o.MaxBytes) {
		return false
	}
	o.held.Add(largest)
	s.held.Add(largest)
	return true
}

// takeNext takes the subject's oldest capture that nobody has, for which reserve has made room. It returns false when there
// is none.
func (o *overtaking) takeNext(ctx context.Context, subject string, look look) (found bool, err error) {
	s := o.source
	taken := 0 // bytes
	defer func() { o.release(s.largest - taken) }()
	msg, err := s.conn.direct(ctx, s.topology.Captures.Name, map[string]any{"seq": o.after(subject, look.soon), "next_by_subj": subject})
	if errors.Is(err, ErrNoMessage) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o.looked(subject, msg.Sequence)
	d := &Delivery{
		Subject: msg.Subject, Header: msg.Header, Data: msg.Data, StreamSequence: msg.Sequence, Timestamp: msg.Time,
		source: s, size: min(msg.size(), s.largest), numDelivered: 1, waiting: true, outOfTurn: true, made: look.made,
	}
	if d.noted, err = s.claims.take(ctx, d.key()); errors.Is(err, js.ErrKeyExists) {
		return true, nil // another worker has it, or had it and died: the consumer delivers it in its turn
	}
	if err != nil {
		return false, err
	}
	if !s.inHand.hold(d) { // the consumer was faster
		s.claims.end(d.key(), d.noted)
		return true, nil
	}
	taken = d.size
	s.stats.overtaken.Add(1)
	s.stats.bytes.Add(uint64(len(d.Data)))
	o.aside <- d
	return true, nil
}

func (o *overtaking) release(size int) {
	o.held.Add(-int64(size))
	o.source.release(size)
}

// after is the sequence from which to look for the subject's next capture: after what the consumer delivers before long,
// which two workers would then have, and what was looked at before.
func (o *overtaking) after(subject string, soon uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(soon, o.cursor[subject]) + 1
}

func (o *overtaking) looked(subject string, sequence uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursor[subject] = sequence
}
