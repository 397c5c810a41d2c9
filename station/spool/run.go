package spool

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// Run sends what is in the spool, and what is put meanwhile, until ctx ends; it returns when no send is under way. send must
// return nil only once the stream has confirmed the capture, and soon after its ctx ended. For a capture that fails alone it
// returns Never or Slowly, and Barred for one that fails as all would; any other error is taken for an outage: everything waits, longer each time, up to 10 s.
func (s *Spool) Run(ctx context.Context, send func(context.Context, Item) error) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	for {
		e, err := s.take(ctx)
		if err != nil {
			return err
		}
		sending.Go(func() { s.deliver(ctx, e, send) })
	}
}

// take waits for a capture to send; it is in flight then.
func (s *Spool) take(ctx context.Context) (entry, error) {
	for ctx.Err() == nil {
		e, wait, changed, ok := s.tryTake(time.Now())
		if ok {
			return e, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return entry{}, ctx.Err()
}

// lookPause is how often the limits are looked at while nothing else happens.
const lookPause = 10 * time.Second

// tryTake takes the next capture, if one may go now. If not, it says how long nothing will change by itself.
func (s *Spool) tryTake(now time.Time) (e entry, wait time.Duration, changed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now, 0)
	if now.Before(s.pace.until) {
		return e, s.pace.until.Sub(now), s.changed, false
	}
	i, wait := s.choose(now)
	if i < 0 || len(s.inFlight) >= s.pace.allowed || len(s.inFlight) > 0 && s.sending()+s.waiting[i].size > mostSending {
		return e, wait, s.changed, false
	}
	e = s.waiting[i]
	if i == 0 { // without moving the others
		s.waiting = s.waiting[1:]
	} else {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	s.inFlight[e.sequence] = e
	return e, 0, nil, true
}

// choose is the index of the capture that is to go next, -1 for none, and how long that holds. Under mu.
func (s *Spool) choose(now time.Time) (int, time.Duration) {
	wait := lookPause
	for n := range s.waiting {
		i := n
		if s.options.Order == NewestFirst {
			i = len(s.waiting) - 1 - n
		}
		rest := s.waiting[i].notUntil.Sub(now)
		if rest <= 0 {
			return i, wait
		}
		wait = min(wait, rest)
	}
	return -1, wait
}

// sending is how many bytes are in flight; under mu.
func (s *Spool) sending() (sum int64) {
	for _, e := range s.inFlight {
		sum += e.size
	}
	return sum
}

// deliver sends a capture that is in flight and settles it.
func (s *Spool) deliver(ctx context.Context, e entry, send func(context.Context, Item) error) {
	item, err := s.folder.load(e, s.subject)
	if err != nil {
		s.unreadable(e, err)
		return
	}
	start := time.Now()
	err = send(ctx, item)
	took := time.Since(start)
	switch {
	case err == nil:
		s.confirmed(e, took)
		if s.options.Sent != nil {
			s.options.Sent(item, took)
		}
	case ctx.Err() != nil:
		s.putBack(e)
	case errors.Is(err, errNever):
		s.setAside(e, err, &s.stats.Refused)
	default:
		s.failed(e, err)
	}
}

func (s *Spool) confirmed(e entry, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inFlight, e.sequence)
	s.stats.Sent++
	s.stats.LastError, s.barred = "", nil
	s.took.add(took)
	s.pace.succeeded()
	if err := s.discard(e.name(), e); err != nil {
		s.options.Log.Warn("a capture that was sent cannot be removed; it will be sent again by the next process", "error", err)
	}
	s.change()
}

// putBack has a capture wait again, where it was.
func (s *Spool) putBack(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.back(e)
}

// back is putBack under mu.
func (s *Spool) back(e entry) {
	delete(s.inFlight, e.sequence)
	i, _ := slices.BinarySearchFunc(s.waiting, e, bySequence)
	s.waiting = slices.Insert(s.waiting, i, e)
	s.change()
}

// restsAfter is how many failures make any capture rest for a while: one too large for a slow link, say, must not be tried
// again and again before all others.
const restsAfter = 4

func (s *Spool) failed(e entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e.tries++
	barred := errors.Is(err, errBarred)
	if barred || errors.Is(err, errSlowly) || e.tries%restsAfter == 0 {
		e.notUntil = now.Add(s.pace.slow)
	}
	s.stats.Failed++
	s.barred = nil
	if barred {
		s.barred = err
	}
	if reason := sentence(err); reason != s.stats.LastError { // an outage is logged once
		s.stats.LastError = reason
		s.options.Log.Warn("a capture waits in the spool", "sequence", e.sequence, "waiting", len(s.waiting)+1, "error", reason)
	}
	s.pace.failed(now)
	s.back(e)
}

// unreadable settles a capture whose file could not be loaded: one that is damaged is set aside, one that is gone forgotten, and
// the disk's other failures may pass.
func (s *Spool) unreadable(e entry, err error) {
	var own *Error
	switch {
	case errors.As(err, &own):
		s.setAside(e, err, &s.stats.Damaged)
	case errors.Is(err, fs.ErrNotExist):
		s.options.Log.Warn("a capture of the spool is gone: somebody removed its file", "sequence", e.sequence)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.inFlight, e.sequence)
		s.bytes -= e.size
		s.stats.Damaged++
		s.change()
	default:
		s.failed(e, Slowly(err))
	}
}

// setAside has a capture lie beside the spool, from where nothing is sent. A file that cannot be moved stays where it is, and is
// looked at again by the next process.
func (s *Spool) setAside(e entry, why error, count *uint64) {
	reason := sentence(why)
	err := s.folder.setAside(e, reason)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Log.Error("a capture is set aside and will not be sent", "sequence", e.sequence, "reason", reason, "error", err)
	delete(s.inFlight, e.sequence)
	s.aside = append(s.aside, e)
	*count++
	s.change()
}

// sentence is an error without what Never, Slowly and Barred put before it.
func sentence(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		if errs := joined.Unwrap(); len(errs) == 2 && (errs[0] == errNever || errs[0] == errSlowly || errs[0] == errBarred) {
			return errs[1].Error()
		}
	}
	return err.Error()
}

// Drain waits until nothing waits and nothing is in flight, as at the end of recordings. The error is ctx's, or what send said last
// with Barred: then nothing is in flight any more, and what waits would wait for somebody to change something.
func (s *Spool) Drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed, empty, barred := s.changed, len(s.waiting)+len(s.inFlight) == 0, s.barred
		if len(s.inFlight) > 0 {
			barred = nil // of those one may be taken
		}
		s.mu.Unlock()
		if empty || barred != nil {
			return barred
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
