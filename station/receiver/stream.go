package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// readBytes is how much is read at once.
const readBytes = 64 << 10

// silence is how long a live source may send nothing before it counts as gone.
const silence = 5 * time.Second

// DeadlineReader is what a live source is read from. A file that knows no deadlines (os.ErrNoDeadline) is one that never
// blocks for long.
type DeadlineReader interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// Stream receives samples that another program writes, such as rtl_sdr.
type Stream struct {
	info   Info
	in     DeadlineReader
	live   *live
	buffer []byte
	silent func(time.Duration)
	quiet  time.Time // since when nothing came
	told   bool      // and silent was called for it
}

// NewStream reads samples from in, which name names. silent, which may be nil, is called once when nothing has come for some
// seconds.
func NewStream(in DeadlineReader, name string, o Options, silent func(time.Duration)) (*Stream, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Stream{
		info: Info{Kind: KindStream, Name: name, Format: o.Format, SampleRate: o.SampleRate, Frequency: o.Frequency},
		in:   in, live: newLive(o), buffer: make([]byte, readBytes), silent: silent, quiet: time.Now(),
	}, nil
}

// Info says what comes.
func (s *Stream) Info() Info { return s.info }

// Tune is for the program that writes the samples to do.
func (s *Stream) Tune(context.Context, float64) error { return ErrFixed }

// Close closes what is read from.
func (s *Stream) Close() error { return s.in.Close() }

// Read returns the next samples; io.EOF where the stream ends.
func (s *Stream) Read(ctx context.Context) (Block, error) {
	for {
		if b, ok := s.live.block(); ok {
			return b, nil
		}
		if ctx.Err() != nil {
			return Block{}, ctx.Err()
		}
		n, err := readBefore(ctx, s.in, s.buffer, silence)
		now := time.Now()
		if n > 0 {
			s.quiet, s.told = now, false
			if err := s.live.add(s.buffer[:n], now); err != nil {
				return Block{}, err
			}
			continue
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.tell(now)
		case err == io.EOF:
			return Block{}, io.EOF
		case err != nil:
			return Block{}, fmt.Errorf("%s: %w", s.info.Name, err)
		}
	}
}

func (s *Stream) tell(now time.Time) {
	if s.silent != nil && !s.told {
		s.silent(now.Sub(s.quiet))
	}
	s.told = true
}

// readBefore reads once, until ctx ends or nothing has come for so long.
func readBefore(ctx context.Context, in DeadlineReader, buffer []byte, patience time.Duration) (int, error) {
	if err := in.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = in.SetReadDeadline(time.Unix(1, 0)) }) // its only error is ErrNoDeadline
	defer stop()
	return in.Read(buffer)
}
