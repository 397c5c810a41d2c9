package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// Bounds of what is read.
const (
	fixesRead   = 200
	sourcesRead = 200
	lettersRead = 10_000
	nowhereKept = 20
	waitingRead = 8
	waitingSize = 32 << 20 // bytes, about
)

// gatherFixes reads the last fixes, and when the last came from each source.
func gatherFixes(ctx context.Context, conn *jetstream.Conn, f *Facts) (fixes Fixes, err error) {
	name := f.Topology.Fixes.Name
	state := streamOf(f, name)
	if state == nil || state.Info == nil {
		return fixes, fmt.Errorf("stream %s cannot be seen", name)
	}
	recent, err := conn.Recent(ctx, name, fixesRead)
	if err != nil {
		return fixes, err
	}
	for _, m := range recent {
		if messages.IsShadow(m.Subject) { // which nobody relies on
			continue
		}
		if fix, err := messages.DecodeFix(m.Header.Get(messages.ContentTypeHeader), m.Data); err == nil { // else it is a stranger's
			fixes.Recent = append(fixes.Recent, Fix{fix, m.Time})
		}
	}
	subjects, err := conn.Subjects(ctx, name)
	if err != nil {
		return fixes, err
	}
	maps.DeleteFunc(subjects, func(subject string, _ uint64) bool { return messages.IsShadow(subject) })
	names := slices.Sorted(maps.Keys(subjects))
	lasts, err := conn.Last(ctx, name, names[:min(len(names), sourcesRead)])
	fixes.Last = make(map[string]time.Time)
	fixes.Read = state.Info.TimeStamp
	for _, m := range lasts {
		fixes.Last[m.Subject] = m.Time
	}
	return fixes, err
}

// gatherLetters counts the last day's dead letters, by their headers.
func gatherLetters(ctx context.Context, conn *jetstream.Conn, f *Facts) (letters Letters, err error) {
	letters.Reasons = make(map[string]int)
	state := streamOf(f, f.Topology.Dead.Name)
	if state == nil || state.Info == nil {
		return letters, fmt.Errorf("stream %s cannot be seen", f.Topology.Dead.Name)
	}
	now := state.Info.TimeStamp // the server's, which the letters are stored by
	for letter, err := range conn.DeadLetters(ctx, f.Topology, jetstream.DeadFilter{After: now.Add(-24 * time.Hour)}) {
		if err != nil {
			return letters, err
		}
		if letters.Day == lettersRead {
			letters.Capped = true
			break
		}
		letters.count(letter, now)
	}
	return letters, nil
}

func (l *Letters) count(letter jetstream.Dead, now time.Time) {
	l.Day++
	if now.Sub(letter.Stored) < time.Hour {
		l.Hour++
	}
	l.Reasons[clean(letter.Letter.Reason)]++
	if letter.Letter.Reason == messages.CodeNullIsland && len(l.Nowhere) < nowhereKept {
		l.Nowhere = append(l.Nowhere, fmt.Sprintf("%s (dead letter of %s)", letter.Letter.Sentence, letter.Letter.Subject))
	}
}

// gatherWaiting reads the oldest capture of the subjects with the largest lag, as workers will.
func gatherWaiting(ctx context.Context, conn *jetstream.Conn, f *Facts) (waiting []Waiting, err error) {
	if !f.Readings.seen() {
		return nil, f.Readings.Err
	}
	now := last(f)
	n := min(waitingRead, len(now.Subjects))
	if now.Total > 0 && now.Stored > 0 {
		n = min(n, max(1, int(waitingSize*now.Total/now.Stored)))
	}
	var subjects []string
	for _, s := range now.Subjects[:n] {
		subjects = append(subjects, s.Subject)
	}
	first, err := conn.First(ctx, f.Topology.Captures.Name, subjects)
	if err != nil {
		return nil, err
	}
	for _, m := range first {
		waiting = append(waiting, judgeWaiting(m))
	}
	return waiting, nil
}

func judgeWaiting(m jetstream.StreamMessage) Waiting {
	w := Waiting{Subject: m.Subject, Stored: m.Time}
	var capture messages.Capture
	err := capture.Decode(m.Data)
	var refusal *messages.Refusal
	if errors.As(err, &refusal) {
		w.Refusal = refusal
		return w
	}
	w.Start = time.Unix(0, capture.StartTime())
	for _, r := range capture.Receivers {
		samples := len(r.IQ) / r.Format.BytesPerSample()
		end := time.Unix(0, r.StartTime).Add(time.Duration(float64(samples) / r.SampleRate * float64(time.Second)))
		if end.After(w.End) {
			w.End = end
		}
	}
	return w
}
