package main

import (
	"fmt"
	"log/slog"
	"time"

	"foxhunt/station/receiver"
)

// sampleWatch warns of what makes samples worse: gaps and clipping. It says each at most once in a while, with all since.
type sampleWatch struct {
	meter *receiver.Meter
	info  receiver.Info
	log   *slog.Logger

	gaps, clips time.Time // when each was said last
	said        receiver.Reading
}

const (
	gapPause   = 10 * time.Second
	clipPause  = time.Minute
	clippedFor = 0.001 // share of samples
)

func newSampleWatch(meter *receiver.Meter, info receiver.Info, log *slog.Logger) *sampleWatch {
	return &sampleWatch{meter: meter, info: info, log: log}
}

// look is called after each block.
func (w *sampleWatch) look(now time.Time) {
	r := w.meter.Read()
	if r.Lost > w.said.Lost && now.Sub(w.gaps) >= gapPause {
		lost := r.Lost - w.said.Lost
		w.log.Warn("samples were lost, and no capture is made across the gap", "samples", lost, "gaps", r.Gaps-w.said.Gaps,
			"of", time.Duration(float64(lost)*1e9/w.info.SampleRate).Round(time.Millisecond))
		w.gaps, w.said = now, r
	}
	if r.Clipped > clippedFor && now.Sub(w.clips) >= clipPause {
		w.log.Warn("the receiver clips: lower its gain", "share", fmt.Sprintf("%.3g %%", 100*r.Clipped), "level", fmt.Sprintf("%.1f dBFS", r.Level))
		w.clips = now
	}
}
