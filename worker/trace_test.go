package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// fakeTracer gives each trace it makes to whoever waits.
type fakeTracer struct{ ended chan []string }

type fakeTrace struct {
	tracer fakeTracer
	told   []string
}

type traceKey struct{}

func (f fakeTracer) Receive(ctx context.Context, m Message) (context.Context, Trace) {
	t := &fakeTrace{tracer: f, told: []string{"begin " + m.Subject}}
	return context.WithValue(ctx, traceKey{}, t), t
}

func (t *fakeTrace) Stage(name string, began time.Time, took time.Duration) {
	if !began.IsZero() && took >= 0 {
		t.told = append(t.told, name)
	}
}
func (t *fakeTrace) Tell(key, value string) { t.told = append(t.told, key+"="+value) }
func (t *fakeTrace) End(code, sentence string) {
	t.tracer.ended <- append(t.told, fmt.Sprintf("end %s %t", code, sentence != ""))
}

// Whoever follows captures hears of every stage and of the end, whatever it is.
func TestTracer(t *testing.T) {
	t.Parallel()
	tracer := fakeTracer{make(chan []string, 1)}
	b := start(t, func(_ *bench, o *Options) { o.Tracer = tracer })
	stages := []string{"begin captures.net.st", "decode", "cache", "preprocess", "model", "ellipse", "publish"}
	data := capture(t, nil)
	var c messages.Capture
	if err := c.Decode(data); err != nil {
		t.Fatal(err)
	}
	b.send(t, data, 1)
	told := <-tracer.ended
	want := append(stages, "foxhunt.capture_id="+c.ID, "foxhunt.arm=champion", "foxhunt.model="+told[len(told)-2][len("foxhunt.model="):], "end  false")
	if !slices.Equal(told, want) {
		t.Errorf("told was %q, want %q", told, want)
	}
	b.send(t, []byte("x"), 1)
	if told := <-tracer.ended; len(told) != 2 || !strings.HasPrefix(told[1], "end not_msgpack true") {
		t.Errorf("of a bad capture told was %q", told)
	}
}
