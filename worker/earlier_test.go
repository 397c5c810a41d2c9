package worker

import (
	"testing"

	"foxhunt/messages"
)

// TestCaptureWithFixIsNotBuried delivers captures again whose fix a worker published before it died, to a worker that refuses
// them.
func TestCaptureWithFixIsNotBuried(t *testing.T) {
	foreign := func(c *messages.Capture) { c.Receivers[0].Station = "elsewhere" } // refused: --bundles do not name it
	another := func(c *messages.Capture) { c.Receivers[0].StartTime++ }
	for name, c := range map[string]struct {
		delivered int
		fixOf     func(*messages.Capture) // makes the capture of the fix from the one delivered; nil: there is no fix
		blind     bool
		want      string
	}{
		"there is its fix":             {2, func(*messages.Capture) {}, false, "ack"},
		"there is none":                {2, nil, false, "term"},
		"there is that of another":     {2, another, false, "term"},
		"it is not permitted to look":  {2, func(*messages.Capture) {}, true, "term"},
		"it was never with any worker": {1, func(*messages.Capture) {}, false, "term"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, func(b *bench, _ *Options) { b.publisher.blind = c.blind })
			id := messages.NewCaptureID()
			if c.fixOf != nil {
				b.publisher.keep(t, "fixes.net.st/"+id, capture(t, func(m *messages.Capture) { m.ID = id; foreign(m); c.fixOf(m) }))
			}
			v := b.send(t, capture(t, func(m *messages.Capture) { m.ID = id; foreign(m) }), c.delivered)
			if dead := len(b.publisher.dead); v.name != c.want || (dead > 0) != (c.want == "term") {
				t.Errorf("ended with %+v and %d dead letters; want %s", v, dead, c.want)
			}
		})
	}
}

// TestUsedIDIsRefused sends captures under an id that has a fix: of the same capture, which is done with, or of another,
// which would otherwise be why this one goes without.
func TestUsedIDIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		delivered int
		fixOf     func(*messages.Capture) // makes the capture of the fix from the one delivered
		blind     bool
		code      string // of the dead letter, if one is wanted
	}{
		"sent again":                  {1, func(*messages.Capture) {}, false, ""},
		"delivered again":             {2, func(*messages.Capture) {}, false, ""},
		"used for another time":       {1, func(c *messages.Capture) { c.Receivers[0].StartTime-- }, false, CodeDuplicateID},
		"used for another frequency":  {1, func(c *messages.Capture) { c.Frequency *= 2 }, false, CodeDuplicateID},
		"used for another station":    {1, func(c *messages.Capture) { c.Receivers[0].Station = "b" }, false, CodeDuplicateID},
		"used, and refused before":    {2, func(c *messages.Capture) { c.Receivers[0].StartTime-- }, false, CodeDuplicateID},
		"used, which cannot be known": {1, func(c *messages.Capture) { c.Receivers[0].StartTime-- }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, func(b *bench, _ *Options) { b.publisher.blind = c.blind })
			id := messages.NewCaptureID()
			b.publisher.keep(t, "fixes.net.st/"+id, capture(t, func(m *messages.Capture) { m.ID = id; c.fixOf(m) }))
			v := b.send(t, capture(t, func(m *messages.Capture) { m.ID = id }), c.delivered)
			b.counts.with(func() {
				if v.code != c.code || (v.name == "ack") != (c.code == "") || b.counts.repeated != 1 {
					t.Errorf("ended with %+v, %d counted; want the code %q, and 1", v, b.counts.repeated, c.code)
				}
			})
		})
	}
}

// keep stores a fix of the capture under an id.
func (p *fakePublisher) keep(t *testing.T, id string, data []byte) {
	t.Helper()
	var c messages.Capture
	if err := c.Decode(data); err != nil {
		t.Fatal(err)
	}
	fix := messages.Fix{Version: messages.FixVersion, CaptureID: c.ID, Frequency: c.Frequency, Time: messages.Instant(c.StartTime())}
	fix.Uncertainty.ConfidenceInterval = 0.95
	for _, r := range c.Receivers {
		fix.Receivers = append(fix.Receivers, messages.FixReceiver{Station: r.Station})
	}
	body, err := fix.Encode(messages.ContentTypeJSON)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fixes == nil {
		p.fixes = make(map[string][]byte)
	}
	p.fixes[id] = body
}
