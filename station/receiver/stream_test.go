package receiver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// newPipe is a stream from a pipe, and the end that is written to.
func newPipe(t *testing.T, silent func(time.Duration)) (*Stream, *os.File) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	s, err := NewStream(in, "standard input", Options{Format: messages.CI16, SampleRate: 100e3, Frequency: 77500}, silent)
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

func TestStream(t *testing.T) {
	t.Parallel()
	s, out := newPipe(t, nil)
	written := make(chan error, 1)
	go func() { // samples at their pace, for a second and a half
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		start, sent := time.Now(), int64(0)
		for sent < 200_000 {
			<-tick.C
			taken := int64(time.Since(start).Seconds() * 100e3)
			if _, err := out.Write(numbered(sent, taken)); err != nil {
				written <- err
				return
			}
			sent = taken
		}
		written <- out.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []byte
	for {
		b, err := s.Read(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.IQ...)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if want := numbered(0, int64(len(got)/4)); !bytes.Equal(got, want) || len(got) < 4*100_000 {
		t.Errorf("%d bytes came, not those that were sent", len(got))
	}
	if i := s.Info(); i.Kind != KindStream || !i.Live() || i.Frequency != 77500 {
		t.Errorf("info %+v", i)
	}
	if err := s.Tune(ctx, 1e6); !errors.Is(err, ErrFixed) {
		t.Errorf("Tune gives %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A stream that falls silent is told of once; a Read that waits ends with its context.
func TestStreamSilence(t *testing.T) {
	t.Parallel()
	told := make(chan time.Duration, 5)
	s, _ := newPipe(t, func(since time.Duration) { told <- since })
	s.tell(time.Now())
	s.tell(time.Now())
	if len(told) != 1 {
		t.Errorf("silence was told %d times", len(told))
	}
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		_, err := s.Read(ctx)
		read <- err
	}()
	cancel()
	select {
	case err := <-read:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Read gives %v", err)
		}
	case <-time.After(patience):
		t.Error("Read does not end with its context")
	}
}

// A file comes faster than any receiver: it is said that it is to be given as one.
func TestStreamOfAFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/a.raw"
	if err := os.WriteFile(path, make([]byte, 4*1_000_000), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s, err := NewStream(in, "standard input", Options{Format: messages.CI16, SampleRate: 100e3, Frequency: 77500}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = s.Read(t.Context())
	}
	if !strings.Contains(err.Error(), "given as a file") {
		t.Errorf("a file as a stream: %v", err)
	}
}

func TestStreamRefused(t *testing.T) {
	if _, err := NewStream(os.Stdin, "x", Options{}, nil); err == nil {
		t.Error("a stream without a format was made")
	}
}
