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
				m.o.Event(ctx, e)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (m *Manager) event(e rollout.Event) {
	e.V, e.At, e.By = 1, m.now().UTC().Truncate(time.Millisecond), m.o.Worker
	select {
	case m.events <- e:
	default:
		m.o.Log.Warn("an event is not told: too many wait", "kind", e.Kind, "sentence", e.Sentence)
	}
}
