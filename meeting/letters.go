package meeting

import "context"

// BuryOthers has the captures of an event that this worker refused become dead letters, but for the one in hand, and takes
// them off the stream: nobody need wait until each comes back and finds the refusal, as happens where this fails. bury stores a
// letter, which may be stored already, and says whether the capture is to go.
//
// It is for events that no other worker ever worked on. Of others there may yet be a fix, by a worker that was taken for dead:
// their captures look for it when they come back. And it is only for as long as the refusal is what each would find then, and
// not another event under the same key.
func (t *Table) BuryOthers(ctx context.Context, key Key, e *Entry, inHand Place, bury func(m Member, found *Message, code, reason string) (bool, error)) error {
	if e.State != Refused || e.Tries > 1 {
		return nil
	}
	for i, m := range e.Members {
		if m.Place == inHand {
			continue
		}
		found, err := t.store.Fetch(ctx, []Place{m.Place})
		if err != nil {
			return err
		}
		if found[0] == nil { // it came back meanwhile
			continue
		}
		if last, err := t.isLast(ctx, key, e); err != nil || !last {
			return err
		}
		end := e.bury(i)
		buried, err := bury(m, found[0], end.Code, end.Reason)
		if err == nil && buried {
			err = t.store.Delete(ctx, []Place{m.Place})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isLast says whether an event that ended is the last that did so under its key.
func (t *Table) isLast(ctx context.Context, key Key, e *Entry) (bool, error) {
	l, err := t.readEnded(ctx, key)
	return l.ended != nil && l.ended.Opened == e.Opened, err
}
