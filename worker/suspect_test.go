package worker

import (
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

// company watches who is at work beside whom.
type company struct {
	mu                  sync.Mutex
	now, suspects, most int
	disturbed           int // times a suspect was not alone
}

// begin watches that work is noted as begun only when nobody is in its way.
func (c *company) begin(suspect bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.suspects > 0 || suspect && c.now > 0 {
		c.disturbed++
	}
}

func (c *company) work(subject string) {
	suspect := 0
	if strings.HasSuffix(subject, ".suspect") {
		suspect = 1
	}
	c.mu.Lock()
	c.now++
	c.suspects += suspect
	c.most = max(c.most, c.now)
	if c.suspects > 0 && c.now > 1 {
		c.disturbed++
	}
	c.mu.Unlock()
	time.Sleep(2 * time.Millisecond) // the work
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	c.suspects -= suspect
}

func TestSuspectRunsAlone(t *testing.T) {
	var c company
	b := start(t, func(b *bench, o *Options) {
		b.publisher.during = c.work
		o.Lanes = 8
	})
	var all []*fakeDelivery
	for i := range 60 {
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 1},
			ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
		}
		if i%10 == 5 {
			d.message.Subject, d.message.NumDelivered, d.begun = "captures.net.suspect", 3, 1+i%2
			d.message.Data = capture(t, func(c *messages.Capture) { c.Receivers[0].Station = "suspect" })
		}
		d.onBegin = func() { c.begin(d.begun > 0) }
		all = append(all, d)
		b.source.captures <- d
	}
	for _, d := range all {
		if v := <-d.ended; v.name != "ack" {
			t.Errorf("%s ended with %+v", d.message.Subject, v)
		}
	}
	if c.disturbed > 0 || c.most < 2 {
		t.Errorf("a suspect was not alone %d times; of the others at most %d ran at once", c.disturbed, c.most)
	}
}

func TestKillerIsBuriedUnseen(t *testing.T) {
	b := start(t, func(b *bench, _ *Options) {
		b.publisher.during = func(string) { t.Error("the capture was worked on") }
	})
	d := &fakeDelivery{
		message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 5}, begun: fatalStarts,
		ended: make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	b.source.captures <- d
	if v := <-d.ended; v.name != "term" || v.code != CodeKillsWorkers {
		t.Errorf("ended with %+v, want term %s", v, CodeKillsWorkers)
	}
	if runs := b.model.runs(); len(runs) != 0 {
		t.Errorf("the model saw it %d times", len(runs))
	}
	if letter := b.publisher.dead[0]; letter.Reason != CodeKillsWorkers || letter.Sentence == "" {
		t.Errorf("the dead letter says %+v", letter)
	}
}
