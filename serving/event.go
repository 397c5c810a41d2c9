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
			if !m.tell(ctx, e) {
				m.queue(e) // for Run, if that is still to come
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// tell has an event published; false says that the end of ctx cut it off.
func (m *Manager) tell(ctx context.Context, e rollout.Event) bool {
	if m.o.Event == nil {
		return true
	}
	telling, end := lasting(ctx)
	defer end()
	err := m.o.Event(telling, e)
	if err != nil {
		m.o.Log.Warn("an event could not be told to the fleet", "kind", e.Kind, "sentence", e.Sentence, "error", err)
	}
	return err == nil || telling.Err() == nil
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

// event has the fleet told of what happened, and reports whether it will be: of those that wait there is a bound.
func (m *Manager) event(e rollout.Event) bool {
	e.V, e.At, e.By = 1, m.now().UTC().Truncate(time.Millisecond), m.o.Worker
	return m.queue(e)
}

func (m *Manager) queue(e rollout.Event) bool {
	select {
	case m.events <- e:
		return true
	default:
		m.o.Log.Warn("an event is not told: too many wait", "kind", e.Kind, "sentence", e.Sentence)
		return false
	}
}
