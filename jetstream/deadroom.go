package jetstream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// DeadRoom is how full the stream of dead letters is. It never refuses one, as the work queue would then fill with captures
// that nobody can process: a full one discards the oldest letters, before their time and without a word.
type DeadRoom struct {
	Letters  uint64
	Bytes    uint64
	MaxBytes int64         // 0: no bound
	MaxAge   time.Duration // 0: none
	Oldest   time.Time     // of the letters there; zero: there is none
	// Crowded are the original subjects that have nine tenths or more of the letters that one subject may have.
	Crowded []string
}

// DeadRoom asks how full t's stream of dead letters is.
func (c *Conn) DeadRoom(ctx context.Context, t Topology) (DeadRoom, error) {
	info, err := c.deadInfo(ctx, t, js.WithSubjectFilter(">"))
	if err != nil {
		return DeadRoom{}, err
	}
	r := DeadRoom{
		Letters: info.State.Msgs, Bytes: info.State.Bytes,
		MaxBytes: max(info.Config.MaxBytes, 0), MaxAge: info.Config.MaxAge,
	}
	if r.Letters > 0 {
		r.Oldest = info.State.FirstTime
	}
	for subject, n := range info.State.Subjects {
		if most := info.Config.MaxMsgsPerSubject; most > 0 && n >= uint64(most-most/10) {
			r.Crowded = append(r.Crowded, strings.TrimPrefix(subject, messages.DeadPrefix+"."))
		}
	}
	slices.Sort(r.Crowded)
	return r, nil
}

// Warnings says where letters are discarded before their time, or soon will be; nothing if there is room.
func (r DeadRoom) Warnings() (all []string) {
	if r.MaxBytes > 0 && r.Bytes >= uint64(r.MaxBytes-r.MaxBytes/10) {
		all = append(all, fmt.Sprintf("%d of %d bytes are taken: the oldest dead letters are discarded before their time; replay or purge some, or raise the limit",
			r.Bytes, r.MaxBytes))
	}
	if n := len(r.Crowded); n > 0 {
		all = append(all, fmt.Sprintf("%d subjects have nearly as many dead letters as one may have, or as many, and their oldest are discarded then; the first is %.200q",
			n, r.Crowded[0]))
	}
	return all
}
