package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// Lead runs lead in one process at a time of all that compete for name: in the one that holds key name of the bucket
// t.Leases. The holder renews its lease every third of the bucket's TTL; the others try for it every tenth. It returns what
// lead returns, and nil once ctx ends. Until then it competes again whenever the lease was lost.
//
// lead's context ends when ctx does, and when the lease was not renewed, by this process's own monotonic clock, within the
// TTL: that is before the server can give it to another. lead must return soon after. A process that is stopped between a
// look at its context and what it does next may still do it late, so what lead does must bear being done twice.
//
// When lead returns, the lease is given up and another takes over at once. One that dies with its lease is followed after
// the TTL. A bucket that is missing is made. If someone deletes it, two may lead until the next renewal of the first.
func (c *Conn) Lead(ctx context.Context, t Topology, name, who string, lead func(ctx context.Context) error) error {
	l := &lease{conn: c, bucket: t.Leases, name: name, token: who + " " + rand.Text()}
	said := ""
	say := func(level slog.Level, state string, args ...any) {
		if state != said && ctx.Err() == nil {
			c.log.Log(ctx, level, state, append(args, "lease", name)...)
		}
		said = state
	}
	for pause := firstPause; ctx.Err() == nil; sleep(ctx, pause) {
		until, held, err := l.take(ctx)
		switch {
		case held:
			say(slog.LevelInfo, "leading")
			if lost, err := l.hold(ctx, until, lead); !lost {
				return err
			}
			say(slog.LevelWarn, "the lease was lost")
			pause = firstPause
		case err == nil:
			say(slog.LevelInfo, "standing by, another leads")
			pause = l.ttl / 10
		default:
			e := c.explain(l.subject(), err)
			if !e.Passing() {
				return e
			}
			say(slog.LevelWarn, "the lease cannot be had yet, trying again", "error", e)
			pause = min(2*pause, lastPause)
		}
	}
	return nil
}

// lease is one contender's view of a key that only one may hold.
type lease struct {
	conn   *Conn
	bucket js.KeyValueConfig
	name   string
	token  string // the key's value while it is ours: who we are, and which of our attempts

	kv  js.KeyValue
	ttl time.Duration // the live bucket's, which another may have made
}

// subject is where the key is stored.
func (l *lease) subject() string { return "$KV." + l.bucket.Bucket + "." + l.name }

// take makes one attempt at the lease. It is ours until the time returned.
func (l *lease) take(ctx context.Context) (until time.Time, held bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, nats.ErrTimeout)
	defer cancel()
	if l.kv == nil {
		if err := l.heed(ctx, l.open); err != nil {
			return time.Time{}, false, err
		}
	}
	if until, held, err = l.claim(ctx); err != nil {
		l.kv = nil // perhaps it is another bucket by now
	}
	return until, held, err
}

// heed makes a call about the bucket that the server may refuse.
func (l *lease) heed(ctx context.Context, call func(context.Context) error) error {
	return l.conn.heed(ctx, call, bucketStream+l.bucket.Bucket)
}

// open finds the bucket, and makes it if it is missing.
func (l *lease) open(ctx context.Context) error {
	if _, err := l.conn.ensureBucket(ctx, l.bucket, false); err != nil {
		return err
	}
	kv, err := l.conn.js.KeyValue(ctx, l.bucket.Bucket)
	if err != nil {
		return err
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	if status.TTL() <= 0 {
		return fail(CodeBadSetup, nil, "what is in key-value bucket %s never lapses, so a leader that died would lead for ever; "+
			"delete the bucket, and foxhunt makes it with a TTL of %v", l.bucket.Bucket, l.bucket.TTL)
	}
	l.kv, l.ttl = kv, status.TTL()
	return nil
}

// claim writes the key if it is free, or ours already, and returns until when it is ours: counted from before the server
// was asked, so that our time is up before the server's.
func (l *lease) claim(ctx context.Context) (until time.Time, held bool, err error) {
	until = time.Now().Add(l.ttl)
	err = l.heed(ctx, func(ctx context.Context) error {
		entry, err := l.kv.Get(ctx, l.name)
		switch {
		case errors.Is(err, js.ErrKeyNotFound):
			_, err = l.kv.Create(ctx, l.name, []byte(l.token))
		case err == nil && string(entry.Value()) == l.token:
			_, err = l.kv.Update(ctx, l.name, []byte(l.token), entry.Revision())
		case err == nil:
			err = js.ErrKeyExists
		}
		return err
	})
	if isTaken(err) {
		return time.Time{}, false, nil
	}
	return until, err == nil, err
}

// isTaken reports whether the key is another's, or was when it was to be written.
func isTaken(err error) bool {
	var api *js.APIError
	return errors.Is(err, js.ErrKeyExists) || errors.As(err, &api) && api.ErrorCode == js.JSErrCodeStreamWrongLastSequenceConstant
}

// hold runs lead while the lease can be renewed, then gives it up. lost says that it ended before lead and ctx did.
func (l *lease) hold(ctx context.Context, until time.Time, lead func(ctx context.Context) error) (lost bool, err error) {
	leading, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer end()
		ended <- lead(leading)
	}()
	lost = l.keep(leading, until)
	end()
	err = <-ended
	l.release()
	return lost, err
}

// keep renews the lease until it is lost (true), or leading ends.
func (l *lease) keep(leading context.Context, until time.Time) (lost bool) {
	for pause := l.ttl / 3; sleep(leading, pause); {
		asking, cancel := context.WithTimeoutCause(leading, min(time.Until(until), l.ttl/3), nats.ErrTimeout)
		next, held, err := l.claim(asking)
		cancel()
		switch inTime := time.Now().Before(until); {
		case leading.Err() != nil:
			return false
		case held && inTime:
			until, pause = next, l.ttl/3
		case err == nil || !inTime:
			return true
		default: // it may pass
			pause = min(l.ttl/20, time.Until(until))
		}
	}
	return false
}

// release deletes the key if it is still ours. Where that fails it lapses by itself.
func (l *lease) release() {
	if !l.conn.Connected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPause)
	defer cancel()
	entry, err := l.kv.Get(ctx, l.name)
	if err == nil && string(entry.Value()) == l.token {
		err = l.kv.Delete(ctx, l.name, js.LastRevision(entry.Revision()))
	}
	if err != nil && !errors.Is(err, js.ErrKeyNotFound) && !errors.Is(err, nats.ErrConnectionClosed) {
		l.conn.log.Debug("the lease was not given up and lapses by itself", "lease", l.name, "error", err)
	}
}
