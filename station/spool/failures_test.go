package spool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/spool"
)

var errOutage = errors.New("no server")

// An outage keeps everything, in order and unchanged, and is over as soon as the stream answers.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	var want []uint64
	for range 20 {
		want = append(want, put(t, s, capture(10)).Sequence)
	}
	to := &stream{answer: func(spool.Item) error { return errOutage }}
	run(t, s, to.send)
	eventually(t, "ten failures", func() bool { return s.Stats().Failed >= 10 })
	if st := s.Stats(); st.LastError != errOutage.Error() || st.Sent != 0 || st.Waiting+st.InFlight != 20 || st.RetryAt.IsZero() {
		t.Errorf("statistics %+v; want 20 there, none sent, and why", st)
	}
	to.answers(nil)
	drain(t, s)
	got := to.sequences()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want each of %v once", got, want)
	}
	if st := s.Stats(); st.LastError != "" || !st.RetryAt.IsZero() {
		t.Errorf("statistics %+v; want no error left", st)
	}
}

// What nobody ever takes is set aside with its reason, and does not keep the others.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, options(dir))
	to := &stream{answer: func(item spool.Item) error {
		if item.Sequence == 1 {
			return spool.Never(errors.New("too_large: 5 bytes too many"))
		}
		return nil
	}}
	put(t, s, capture(10))
	put(t, s, capture(10))
	stop := run(t, s, to.send)
	drain(t, s)
	stop()
	if st := s.Stats(); st.Refused != 1 || st.Aside != 1 || st.Sent != 1 {
		t.Errorf("statistics %+v; want one set aside, one sent", st)
	}
	reasons := files(t, dir, "aside/*.txt")
	if len(reasons) != 1 || string(readFile(t, reasons[0])) != "too_large: 5 bytes too many\n" {
		t.Errorf("reasons %v, want the one given", reasons)
	}
	if item, err := spool.DecodeFile(readFile(t, strings.TrimSuffix(reasons[0], ".txt"))); err != nil || item.Sequence != 1 {
		t.Errorf("set aside is %+v, %v; want capture 1", item, err)
	}
}

// What somebody must permit first is tried again after the others.
func TestRefusedForNow(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	var permitted atomic.Bool
	to := &stream{answer: func(item spool.Item) error {
		if item.Sequence == 1 && !permitted.Load() {
			return spool.Slowly(errors.New("refused"))
		}
		return nil
	}}
	for range 3 {
		put(t, s, capture(10))
	}
	run(t, s, to.send)
	eventually(t, "the others are sent", func() bool { return len(to.sequences()) == 2 })
	permitted.Store(true)
	drain(t, s)
	if got := to.sequences(); got[2] != 1 {
		t.Errorf("sent %v, want 1 at last", got)
	}
}

// A capture that fails each time as an outage does, being too slow for the link say, does not keep the others for ever.
func TestOneThatAlwaysFails(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	to := &stream{answer: func(item spool.Item) error {
		if item.Sequence == 1 {
			return errOutage
		}
		return nil
	}}
	for range 5 {
		put(t, s, capture(10))
	}
	run(t, s, to.send)
	eventually(t, "the others are sent", func() bool { return len(to.sequences()) == 4 })
}

// After a failure one capture tries whether the stream is there; while it is there, as many are in flight as are allowed.
func TestInFlight(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.InFlight = 4
	s := open(t, o)
	for range 20 {
		put(t, s, capture(10))
	}
	var now, most atomic.Int64
	stop := run(t, s, func(context.Context, spool.Item) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		return errOutage
	})
	eventually(t, "failures", func() bool { return s.Stats().Failed >= 8 })
	most.Store(0)
	eventually(t, "more failures", func() bool { return s.Stats().Failed >= 12 })
	stop()
	if got := most.Load(); got > 1 {
		t.Errorf("%d in flight at once while nothing answers, want 1", got)
	}
	s.Close()
	s = open(t, o) // forgets the outage
	four := make(chan struct{})
	stop = run(t, s, func(ctx context.Context, item spool.Item) error {
		if now.Add(1) == 4 {
			close(four)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	<-four
	if st := s.Stats(); st.InFlight != 4 {
		t.Errorf("%d in flight, want 4", st.InFlight)
	}
	stop()
	if st := s.Stats(); st.InFlight != 0 || st.Waiting != 20 || st.Failed != 0 {
		t.Errorf("statistics %+v after the end; want 20 that wait and no failure", st)
	}
}

// What no reader takes is counted, takes no number and is not kept.
func TestUnfit(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	bad := capture(10)
	bad.Receivers[0].Format, bad.Receivers[0].IQ = messages.CF32, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0, 0} // NaN
	var refusal *messages.Refusal
	if _, err := s.Put(bad); !errors.As(err, &refusal) || refusal.Code != messages.CodeBadSamples {
		t.Errorf("samples that are no numbers: %v", err)
	}
	if item := put(t, s, capture(10)); item.Sequence != 1 {
		t.Errorf("the next has number %d", item.Sequence)
	}
	if st := s.Stats(); st.Unfit != 1 || st.Waiting != 1 || st.Put != 1 || st.Unwritten != 0 {
		t.Errorf("statistics %+v; want one that nobody takes, and one that waits", st)
	}
}

// Where the stream takes nothing of this station, who drains it hears of it once nothing is under way, and nothing is lost; when it is
// allowed, it is sent.
func TestBarred(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	for range 3 {
		put(t, s, capture(10))
	}
	errForbidden := errors.New("refused")
	under, end := make(chan struct{}, 3), make(chan struct{})
	to := &stream{answer: func(spool.Item) error { return spool.Barred(errForbidden) }}
	run(t, s, func(ctx context.Context, item spool.Item) error {
		under <- struct{}{}
		<-end
		return to.send(ctx, item)
	})
	for range 3 {
		<-under
	}
	close(end)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx); !errors.Is(err, errForbidden) {
		t.Errorf("Drain gives %v, want what send said", err)
	}
	if st := s.Stats(); st.Waiting+st.InFlight != 3 || st.LastError != "refused" {
		t.Errorf("statistics %+v; want three that wait, and why", st)
	}
	to.answers(nil)
	eventually(t, "all are sent", func() bool { return s.Stats().Sent == 3 })
	drain(t, s)
}

func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	put(t, s, capture(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain of a full spool gives %v, want context.Canceled", err)
	}
}
