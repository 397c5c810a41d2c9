package serving

import (
	"context"
	"time"

	"foxhunt/rollout"
)

// tellEvents publishes what has happened until ctx ends, apart, as the fleet's stream of events may be away for long.
func (m *Manager) tellEvents(ctx context.Context) {
	for {
		select {
		case e := <-m.events:
			if m.o.Event != nil {
				telling, end := lasting(ctx)
				m.o.Event(telling, e)
				end()
			}
		case <-ctx.Done():
			return
		}
	}
}

// lastWord is how much longer than the manager's work the telling of an event may last.
const lastWord = 2 * time.Second

// lasting is ctx, and a moment more: Start ends with the very event that says what serves.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(lastWord, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel() }
}

func (m *Manager) event(e rollout.Event) {
	e.V, e.At, e.By = 1, m.now().UTC().Truncate(time.Millisecond), m.o.Worker
	select {
	case m.events <- e:
	default:
		m.o.Log.Warn("an event is not told: too many wait", "kind", e.Kind, "sentence", e.Sentence)
	}
}
