package jetstream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"foxhunt/meeting"
)

// Where many events are open at once, no more are begun, so that those that are can go on: an entry grows with each capture
// that joins and when the event is closed. A server with replicas that refuses what would be beyond a limit refuses removals,
// too (nats-server 2.15), and nothing would end before entries lapse. So the limit of the bucket drops the oldest, and it is
// the workers that refuse, long before.
const roomHolds = time.Second // so long what was seen of the bucket is gone by

// RoomForEvents divides the bytes of the bucket of open events: from there on none begins.
const RoomForEvents = 2

// room knows whether there is room for another event.
type room struct {
	ask func(context.Context) (used, most int64, err error)
	log *slog.Logger

	mu         sync.Mutex // held while the server is asked
	used, most int64
	asked      time.Time
	full       bool // as was said
}

// check is an error where there is none.
func (r *room) check(ctx context.Context, bucket string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked.IsZero() || time.Since(r.asked) > roomHolds {
		used, most, err := r.ask(ctx)
		if err != nil {
			return err
		}
		r.used, r.most, r.asked = used, most, time.Now()
		r.say(bucket)
	}
	if r.isFull() {
		return fail(CodeStreamFull, meeting.ErrNoRoom, "%s holds %d bytes of the %d that it may: no event begins until others have ended", bucket, r.used, r.most)
	}
	return nil
}

func (r *room) isFull() bool { return r.most > 0 && r.used > r.most/RoomForEvents }

// say says when events begin no more, and when they do again: captures that wait for it fail nowhere.
func (r *room) say(bucket string) {
	if r.full == r.isFull() {
		return
	}
	if r.full = r.isFull(); r.full {
		r.log.Warn("no event begins until others have ended, as too many are open; captures wait for it, for a quarter of an hour at the longest",
			"bucket", bucket, "bytes", r.used, "of", r.most)
		return
	}
	r.log.Info("events begin again", "bucket", bucket)
}

// Room is [meeting.ErrNoRoom] where no other event may begin, because too many are open.
func (m *Meetings) Room(ctx context.Context) error { return m.room.check(ctx, m.open.bucket) }

// askRoom asks how many bytes the bucket of open events has, and may have.
func (m *Meetings) askRoom(ctx context.Context) (used, most int64, err error) {
	info, err := m.conn.streamInfo(ctx, m.open.stream(), "")
	if err != nil {
		return 0, 0, m.open.failed(m.open.stream(), err)
	}
	return int64(info.State.Bytes), info.Config.MaxBytes, nil
}
