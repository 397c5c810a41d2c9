package spool_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/spool"
)

const (
	network = "net"
	station = "st-1"
)

// capture is a small one, with a fresh id. 2 x samples bytes of it are samples.
func capture(samples int) *messages.Capture {
	iq := make([]byte, 2*samples)
	for i := range iq {
		iq[i] = byte(i * 7)
	}
	return &messages.Capture{Version: 1, ID: messages.NewCaptureID(), Frequency: 77500, Cache: true, Receivers: []messages.Receiver{{
		Station: station, Latitude: 46, Longitude: 8, StartTime: time.Now().UnixNano(), ClockSigma: 1000, SampleRate: 12000,
		Format: messages.CU8, IQ: iq,
	}}}
}

func options(dir string) spool.Options {
	return spool.Options{Dir: dir, Network: network, Station: station, Log: slog.New(slog.DiscardHandler)}
}

func open(t testing.TB, o spool.Options) *spool.Spool {
	t.Helper()
	s, err := spool.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Hasten(time.Millisecond, 5*time.Millisecond, 20*time.Millisecond)
	return s
}

func put(t testing.TB, s *spool.Spool, c *messages.Capture) spool.Item {
	t.Helper()
	item, err := s.Put(c)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// stream is somebody to send to, who answers as told.
type stream struct {
	mu     sync.Mutex
	got    []spool.Item
	answer func(spool.Item) error // nil: everything is taken
}

func (s *stream) send(_ context.Context, item spool.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		if err := s.answer(item); err != nil {
			return err
		}
	}
	s.got = append(s.got, item)
	return nil
}

func (s *stream) answers(f func(spool.Item) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *stream) sequences() (numbers []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.got {
		numbers = append(numbers, item.Sequence)
	}
	return numbers
}

// run sends in the background until the test ends or stop is called.
func run(t testing.TB, s *spool.Spool, send func(context.Context, spool.Item) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, send) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ends with %v, want context.Canceled", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func drain(t testing.TB, s *spool.Spool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatalf("the spool is not empty: %+v", s.Stats())
	}
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to this: " + what)
		}
	}
}

// files are the names in the station's folder that match.
func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, network+"."+station, pattern))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

func code(err error) string {
	var e *spool.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
