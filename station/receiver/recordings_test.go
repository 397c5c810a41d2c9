package receiver

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station"
)

func recording(name string, start int64, samples int64) *station.Recording {
	return &station.Recording{Name: name, StartTime: start, SampleRate: 12001.1, ClockSigma: 100, Frequency: 77500,
		Format: messages.CI16, IQ: numbered(0, samples)}
}

const second = int64(time.Second)

func TestRecordings(t *testing.T) {
	first, later := recording("a", 1000*second, 36_000), recording("b", 1010*second, 12_000)
	r, err := NewRecordings([]*station.Recording{later, first}, false)
	if err != nil {
		t.Fatal(err)
	}
	if i := r.Info(); i.Name != "a and 1 more" || i.Live() || i.SampleRate != 12001.1 || i.Frequency != 77500 {
		t.Errorf("info %+v", i)
	}
	n, runs, from := int64(0), 0, first
	for {
		b, err := r.Read(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.NewRun {
			runs++
			if runs == 2 {
				if n != 36_000 || b.Lost != 84011 { // from 1003 s, less a bit, to 1010 s
					t.Errorf("the second run comes after %d samples, and %d lost", n, b.Lost)
				}
				n, from = 0, later
			}
		}
		if b.Start != timeOf(from, int(n)) || b.Rate != 12001.1 || b.Sigma != 100 || b.Frequency != 77500 || string(b.IQ) != string(numbered(n, n+int64(len(b.IQ)/4))) {
			t.Fatalf("the block at sample %d is of %d: %+v", n, b.Start, b.Rate)
		}
		n += int64(len(b.IQ) / 4)
	}
	if runs != 2 || n != 12_000 {
		t.Errorf("%d runs, the last of %d samples", runs, n)
	}
	if err := r.Tune(t.Context(), 1); !errors.Is(err, ErrFixed) || r.Close() != nil {
		t.Errorf("Tune gives %v", err)
	}
}

func TestRecordingsInRealtime(t *testing.T) {
	t.Parallel()
	r, err := NewRecordings([]*station.Recording{recording("a", 1000*second, 3600)}, true)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for err == nil {
		_, err = r.Read(t.Context())
	}
	if took := time.Since(start); err != io.EOF || took < 299*time.Millisecond {
		t.Errorf("300 ms were played in %v, to %v", took, err)
	}
	if r, err = NewRecordings([]*station.Recording{recording("a", 1000*second, 3600)}, true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context Read gives %v", err)
	}
}

func TestRecordingsRefused(t *testing.T) {
	changed := func(change func(*station.Recording)) []*station.Recording {
		b := recording("b", 1010*second, 12_000)
		change(b)
		return []*station.Recording{recording("a", 1000*second, 36_000), b}
	}
	for _, c := range []struct {
		recordings []*station.Recording
		words      string
	}{
		{nil, "no recordings"},
		{changed(func(r *station.Recording) { r.Format = messages.CU8 }), "a is ci16_le and b cu8"},
		{changed(func(r *station.Recording) { r.Frequency = 60000 }), "a is of 77500 Hz and b of 60000 Hz"},
		{changed(func(r *station.Recording) { r.SampleRate = 24000 }), "b 24000"},
		{changed(func(r *station.Recording) { r.StartTime = 1001 * second }), "b begins 1.9997"},
		{[]*station.Recording{{Name: "c", SampleRate: 12000, Format: messages.CI16, IQ: make([]byte, 400)}}, "c does not say its frequency"},
	} {
		if _, err := NewRecordings(c.recordings, false); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v; want %q", err, c.words)
		}
	}
}
