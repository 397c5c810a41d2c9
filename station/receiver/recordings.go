package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"foxhunt/station"
)

// blockTime is how much of a recording a block has.
const blockTime = 100 * time.Millisecond

// Recordings plays recordings of one receiver, one after the other.
type Recordings struct {
	info     Info
	all      []*station.Recording
	realtime bool
	at       int       // sample of all[0] that is next
	newRun   bool      // it does not follow the sample before
	lost     int       // what is missing before it
	began    time.Time // with realtime: when the sample of time zero was played
	zero     int64
}

// NewRecordings plays recordings in the order of their time: as fast as they are read, or at their pace. They must not overlap,
// and have the same format and frequency, and nearly the same rate.
func NewRecordings(recordings []*station.Recording, realtime bool) (*Recordings, error) {
	if len(recordings) == 0 {
		return nil, errors.New("no recordings")
	}
	all := slices.Clone(recordings)
	slices.SortFunc(all, func(a, b *station.Recording) int { return int(max(-1, min(1, a.StartTime-b.StartTime))) })
	for i, r := range all[1:] {
		if err := mayFollow(all[i], r); err != nil {
			return nil, err
		}
	}
	first := all[0]
	if first.Frequency == 0 {
		return nil, fmt.Errorf("%s does not say its frequency; give it in Hz", first.Name)
	}
	info := Info{Kind: KindRecording, Name: first.Name, Format: first.Format, SampleRate: first.SampleRate, Frequency: first.Frequency}
	if len(all) > 1 {
		info.Name = fmt.Sprintf("%s and %d more", first.Name, len(all)-1)
	}
	return &Recordings{info: info, all: all, realtime: realtime, newRun: true, zero: first.StartTime}, nil
}

// mayFollow says why b cannot be the same receiver's as a, later.
func mayFollow(a, b *station.Recording) error {
	const samples = 0.5 // by which recordings may overlap: their times are rounded
	switch {
	case a.Format != b.Format:
		return fmt.Errorf("%s is %s and %s %s; want recordings of one receiver", a.Name, a.Format, b.Name, b.Format)
	case a.Frequency != b.Frequency:
		return fmt.Errorf("%s is of %g Hz and %s of %g Hz; want recordings of one frequency", a.Name, a.Frequency, b.Name, b.Frequency)
	case math.Abs(a.SampleRate/b.SampleRate-1) > 0.01:
		return fmt.Errorf("%s has %g samples/s and %s %g; want recordings of one receiver", a.Name, a.SampleRate, b.Name, b.SampleRate)
	case float64(a.EndTime()-b.StartTime) > samples*1e9/a.SampleRate:
		return fmt.Errorf("%s begins %v before the end of %s; want recordings of one receiver, which follow each other", b.Name,
			time.Duration(a.EndTime()-b.StartTime), a.Name)
	}
	return nil
}

// Info says what comes.
func (r *Recordings) Info() Info { return r.info }

// Tune cannot change what was recorded.
func (r *Recordings) Tune(context.Context, float64) error { return ErrFixed }

// Close does nothing: recordings are in memory.
func (r *Recordings) Close() error { return nil }

// Read returns the next samples; io.EOF after the last.
func (r *Recordings) Read(ctx context.Context) (Block, error) {
	if err := ctx.Err(); err != nil {
		return Block{}, err
	}
	if len(r.all) == 0 {
		return Block{}, io.EOF
	}
	now := r.all[0]
	size := now.Format.BytesPerSample()
	n := min(max(1, int(now.SampleRate*blockTime.Seconds())), now.Samples()-r.at)
	b := Block{
		IQ: now.IQ[r.at*size : (r.at+n)*size], Start: timeOf(now, r.at), Sigma: now.ClockSigma, Rate: now.SampleRate,
		Frequency: now.Frequency, NewRun: r.newRun, Lost: r.lost,
	}
	if err := r.wait(ctx, timeOf(now, r.at+n)); err != nil {
		return Block{}, err
	}
	r.at, r.newRun, r.lost = r.at+n, false, 0
	if r.at == now.Samples() {
		r.next()
	}
	return b, nil
}

// next goes on with the next recording: a new run, as no two recordings are known to follow each other to the sample.
func (r *Recordings) next() {
	done := r.all[0]
	r.all, r.at, r.newRun = r.all[1:], 0, true
	if len(r.all) > 0 {
		r.lost = int(math.Round(float64(max(0, r.all[0].StartTime-done.EndTime())) * done.SampleRate / 1e9))
	}
}

// timeOf is when sample n of a recording was taken, ns since the Unix epoch.
func timeOf(r *station.Recording, n int) int64 {
	return r.StartTime + int64(math.Round(float64(n)*1e9/r.SampleRate))
}

// wait waits, with realtime, until a sample is due.
func (r *Recordings) wait(ctx context.Context, due int64) error {
	if !r.realtime {
		return nil
	}
	if r.began.IsZero() {
		r.began = time.Now()
	}
	t := time.NewTimer(time.Until(r.began.Add(time.Duration(due - r.zero))))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
