package cutter

import (
	"math"

	"foxhunt/station/receiver"
)

// ring holds the last samples. Positions are numbers of samples since the start; those of a run follow each other in time.
type ring struct {
	size int // bytes a sample
	buf  []byte
	end  int64 // position after the last sample
	runs []run // those of which samples are left, the oldest first
}

// run is samples without a gap. Its line, from the last block, says when each was taken.
type run struct {
	begin, end int64
	anchor     int64   // position of a sample
	start      int64   // its time, ns since the Unix epoch
	rate       float64 // Hz
	sigma      float64 // ns
	frequency  float64 // Hz
}

func newRing(samples, size int) *ring {
	return &ring{size: size, buf: make([]byte, samples*size)}
}

func (r *ring) capacity() int64 { return int64(len(r.buf) / r.size) }

// add appends a block. A block may have more samples than the ring.
func (r *ring) add(b receiver.Block) {
	if b.NewRun || len(r.runs) == 0 || r.runs[len(r.runs)-1].frequency != b.Frequency {
		r.runs = append(r.runs, run{begin: r.end})
	}
	now := &r.runs[len(r.runs)-1]
	now.anchor, now.start, now.rate, now.sigma, now.frequency = r.end, b.Start, b.Rate, b.Sigma, b.Frequency
	r.write(b.IQ)
	now.end = r.end
	oldest := r.end - r.capacity()
	for len(r.runs) > 1 && r.runs[0].end <= oldest {
		r.runs = r.runs[1:]
	}
	r.runs[0].begin = max(r.runs[0].begin, oldest)
}

// write copies samples to where their positions are.
func (r *ring) write(iq []byte) {
	r.end += int64(len(iq) / r.size)
	if over := len(iq) - len(r.buf); over > 0 {
		iq = iq[over:]
	}
	at := int((r.end*int64(r.size) - int64(len(iq))) % int64(len(r.buf)))
	n := copy(r.buf[at:], iq)
	copy(r.buf, iq[n:])
}

// copyOut is the samples [from, to), which must be there.
func (r *ring) copyOut(from, to int64) []byte {
	out := make([]byte, int(to-from)*r.size)
	at := int(from * int64(r.size) % int64(len(r.buf)))
	n := copy(out, r.buf[at:])
	copy(out[n:], r.buf)
	return out
}

// now is the run that is still growing; nil before the first block.
func (r *ring) now() *run {
	if len(r.runs) == 0 {
		return nil
	}
	return &r.runs[len(r.runs)-1]
}

// timeOf is when the sample at a position was taken, ns since the Unix epoch.
func (r *run) timeOf(position int64) int64 {
	return r.start + int64(math.Round(float64(position-r.anchor)*1e9/r.rate))
}

// first is the position of the first sample at t or later, be it in the run or not. Times are whole nanoseconds, so a sample
// that is late by less than one counts as at t.
func (r *run) first(t int64) int64 {
	return r.anchor + int64(math.Ceil((float64(t-r.start)-1)*r.rate/1e9))
}
