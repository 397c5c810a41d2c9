package receiver

import (
	"context"
	"errors"
	"time"

	"foxhunt/messages"
)

// Kinds of receivers.
const (
	KindRTLTCP    = "rtl_tcp"
	KindStream    = "stdin"
	KindRecording = "recording"
)

// ErrFixed is returned by Tune of a receiver whose frequency this program does not choose.
var ErrFixed = errors.New("the frequency of this source is not this program's to choose")

// Info says what comes from a receiver. It does not change, but for Frequency after Tune.
type Info struct {
	Kind       string
	Name       string // of the source, for people: an address or a file
	Format     messages.SampleFormat
	SampleRate float64       // Hz, nominal; blocks have the true one
	Frequency  float64       // Hz
	Gain       float64       // dB, of the tuner; 0 where it is not known or chooses itself
	Tuning     time.Duration // from Tune until samples of the new frequency come; 0: Tune returns ErrFixed
}

// Live reports whether the samples are of this moment, timed by the system's clock.
func (i Info) Live() bool { return i.Kind != KindRecording }

// Block is samples that follow each other without a gap.
type Block struct {
	IQ        []byte  // whole samples, interleaved; valid until the next Read
	Start     int64   // ns since the Unix epoch of the first sample, the best estimate so far
	Sigma     float64 // ns, standard deviation of Start against the clock that it was measured by
	Rate      float64 // Hz, the best estimate so far of the true rate
	Frequency float64 // Hz
	NewRun    bool    // it does not follow the block before: samples were lost between them, or the receiver was tuned
	Lost      int     // samples lost before it, as far as can be told
}

// Receiver is a source of samples. Read is for one goroutine; Tune and Info may be called from others meanwhile.
type Receiver interface {
	Info() Info
	// Read returns the next block. A later block's estimate of time and rate is better than an earlier one's, and holds for all
	// blocks of the run. The error is io.EOF where nothing more will come, and ctx's where that ended.
	Read(ctx context.Context) (Block, error)
	// Tune changes the frequency (Hz); blocks from then on say which one they are of. The error may be ErrFixed.
	Tune(ctx context.Context, frequency float64) error
	// Close ends the source. No Read may be under way.
	Close() error
}
