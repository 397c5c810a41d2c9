package jetstream

import (
	"context"
	"maps"
	"slices"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// maxNamed bounds in bytes a subject that an error names.
const maxNamed = 200

// shrinks reports whether want is a tighter limit than have. Limits of 0 or less are none.
func shrinks(want, have int64) bool { return want > 0 && (have <= 0 || want < have) }

// shrink looks at what a live stream holds, right before it is changed. Smaller limits have the server delete what is beyond
// them, which a stream that refuses what is new when it is full must never do: the error says what would go. Of others it
// says that the oldest go. A message that arrives between this look and the change may still be one too many: the server has
// no change with a condition.
func (c *Conn) shrink(ctx context.Context, stream js.Stream, want js.StreamConfig) error {
	live := stream.CachedInfo().Config
	subjects := shrinks(want.MaxMsgsPerSubject, live.MaxMsgsPerSubject)
	age := shrinks(int64(want.MaxAge), int64(live.MaxAge))
	if !subjects && !age && !shrinks(want.MaxBytes, live.MaxBytes) && !shrinks(want.MaxMsgs, live.MaxMsgs) {
		return nil
	}
	info, err := manage(ctx, c, want.Name, func(ctx context.Context) (*js.StreamInfo, error) {
		if subjects {
			return stream.Info(ctx, js.WithSubjectFilter(">")) // counts every subject's
		}
		return stream.Info(ctx)
	})
	if err != nil {
		return err
	}
	state := info.State
	if want.Discard != js.DiscardNew {
		if state.Msgs > 0 {
			c.log.Warn("the limits of a stream get smaller: the oldest messages beyond them are deleted", "stream", want.Name,
				"messages", state.Msgs, "bytes", state.Bytes, "oldest", state.FirstTime.UTC().Format(time.RFC3339))
		}
		return nil
	}
	const drain = "--apply would delete what is beyond that; let the workers drain it first"
	fullest := fullest(state.Subjects)
	switch holds := state.Subjects[fullest]; {
	case subjects && holds > uint64(want.MaxMsgsPerSubject):
		return fail(CodeBadSetup, nil, "%.*q has %d captures waiting, more than %d: "+drain, maxNamed, fullest, holds, want.MaxMsgsPerSubject)
	case shrinks(want.MaxBytes, live.MaxBytes) && state.Bytes > uint64(want.MaxBytes):
		return fail(CodeBadSetup, nil, "%d bytes of captures wait, more than %d: "+drain, state.Bytes, want.MaxBytes)
	case shrinks(want.MaxMsgs, live.MaxMsgs) && state.Msgs > uint64(want.MaxMsgs):
		return fail(CodeBadSetup, nil, "%d captures wait, more than %d: "+drain, state.Msgs, want.MaxMsgs)
	case age && state.Msgs > 0 && time.Since(state.FirstTime) > want.MaxAge:
		return fail(CodeBadSetup, nil, "captures wait since %s, longer than %v: "+drain, state.FirstTime.UTC().Format(time.RFC3339), want.MaxAge)
	}
	return nil
}

// fullest is the subject of which there is the most, and of several the first.
func fullest(subjects map[string]uint64) string {
	best := ""
	for _, subject := range slices.Sorted(maps.Keys(subjects)) {
		if best == "" || subjects[subject] > subjects[best] {
			best = subject
		}
	}
	return best
}
