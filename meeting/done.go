package meeting

import "context"

// HasFix says whether the fix of an event that ended rests on a capture: one that stated this event, "" for none, was of this
// frequency and began at start. Events that ended longer ago than they are kept for have none as far as is known.
func (t *Table) HasFix(ctx context.Context, network, event string, frequency float64, start int64, place Place) (bool, error) {
	rules := t.networks.For(network)
	for _, key := range rules.Keys(network, event, frequency, start) {
		value, _, err := t.store.Ended(ctx, key)
		if err != nil {
			return false, err
		}
		if value == nil {
			continue
		}
		if e, err := DecodeEntry(value); err == nil && e.State == Done && e.restsOn(place) {
			return true, nil
		}
	}
	return false, nil
}

// restsOn says whether the capture of a place is one that the event's fix rests on.
func (e *Entry) restsOn(place Place) bool {
	for i := range e.Members {
		if e.Members[i].Place == place {
			return e.Members[i].Left == ""
		}
	}
	return false
}
