package worker

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestManySwitches switches 200 times while captures flow: each gets one fix, by a model that was served, and all models but
// the last are freed.
func TestManySwitches(t *testing.T) {
	b := start(t, nil)
	models := []*fakeModel{b.model}
	var sent sync.WaitGroup
	stop := make(chan struct{})
	var ids []string
	sent.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var id string
			data := capture(t, func(c *messages.Capture) {
				id = c.ID
				c.Cache = len(ids)%2 == 0
				c.Receivers[0].Gain = float64(len(ids) % 3)
			})
			ids = append(ids, id)
			d := &fakeDelivery{
				message: Message{Subject: "captures.net.st", Data: data, NumDelivered: 1}, ended: make(chan verb, 1), extended: make(chan struct{}, 1),
			}
			b.source.captures <- d
			sent.Go(func() {
				select {
				case v := <-d.ended:
					if v.name != "ack" {
						t.Errorf("a capture ended with %+v", v)
					}
				case <-time.After(30 * time.Second):
					t.Error("a capture came to no end")
				}
			})
		}
	})
	for i := range 200 {
		s := Serving{Champion: models[len(models)-1], Challenged: func(_, id string, _ time.Time) bool { return id[0] < '8' }}
		models = append(models, version(fmt.Sprint(i+2)))
		switch i % 3 {
		case 0:
			s.Champion = models[len(models)-1]
		case 1:
			s.Challenger = models[len(models)-1]
		case 2:
			s.Shadow, s.Shadowed = models[len(models)-1], every
		}
		b.serve(t, s)
		time.Sleep(time.Duration(i%3) * 500 * time.Microsecond) // under load, not under nothing but switches
	}
	last := version("last")
	b.serve(t, Serving{Champion: last})
	close(stop)
	sent.Wait()
	b.eachHasOneFix(t, ids, len(models))
	for i, m := range models {
		eventually(t, fmt.Sprintf("model %d is freed", i), func() bool { return m.open() == 0 })
	}
	if last.open() == 0 {
		t.Error("the model that serves was freed")
	}
}

// eachHasOneFix looks at what was published: each fix names the model that its position is of, so that none came from the cache
// of another.
func (b *bench) eachHasOneFix(t *testing.T, ids []string, versions int) {
	t.Helper()
	b.publisher.mu.Lock()
	defer b.publisher.mu.Unlock()
	if len(b.publisher.kept) > 0 {
		t.Errorf("%d captures got a second fix", len(b.publisher.kept))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		fix, err := messages.DecodeFix("", b.publisher.fixes["fixes.net.st/"+id])
		if err != nil {
			t.Fatalf("capture %s: %v", id, err)
		}
		if want := placeOf(fix.Model.Version); fix.Position.Longitude != want {
			t.Fatalf("the fix names model %s and lies at %v, want %v", fix.Model.Version, fix.Position.Longitude, want)
		}
		if fix.Arm == messages.ArmShadow {
			t.Errorf("a fix of the shadow on %s", fix.Source)
		}
		seen[fix.Model.Version] = true
	}
	t.Logf("%d captures, fixes by %d of %d models", len(ids), len(seen), versions)
	if len(seen) < 10 {
		t.Errorf("only %d models served", len(seen))
	}
}
