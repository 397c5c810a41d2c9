package receiver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = 30 * time.Second

// rtlServer is a server that speaks as rtl_tcp does, and plays samples that hold their own number's low 16 bits at their pace.
type rtlServer struct {
	listener net.Listener
	header   []byte
	rate     float64
	ended    sync.WaitGroup
	done     <-chan struct{}

	mu       sync.Mutex
	commands [][2]uint32 // number and value, of all connections
	conns    []net.Conn
	mute     bool // nothing is sent
}

func newRTLServer(t *testing.T, header string) *rtlServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rtlServer{listener: listener, header: []byte(header), rate: 1e6, done: t.Context().Done()}
	s.ended.Go(s.accept)
	t.Cleanup(func() {
		listener.Close()
		s.cut()
		s.ended.Wait()
	})
	return s
}

// r820T is what rtl_tcp says first with the commonest tuner, of 29 gains.
const r820T = "RTL0\x00\x00\x00\x05\x00\x00\x00\x1d"

func (s *rtlServer) address() string { return s.listener.Addr().String() }

func (s *rtlServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		if _, err := conn.Write(s.header); err != nil {
			continue
		}
		s.ended.Go(func() { s.hear(conn) })
		s.ended.Go(func() { s.play(conn) })
	}
}

func (s *rtlServer) hear(conn net.Conn) {
	var command [5]byte
	for {
		if _, err := io.ReadFull(conn, command[:]); err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, [2]uint32{uint32(command[0]), binary.BigEndian.Uint32(command[1:])})
		s.mu.Unlock()
	}
}

// play sends what was taken since the start, torn into packets of odd lengths too.
func (s *rtlServer) play(conn net.Conn) {
	random := rand.New(rand.NewPCG(1, 1))
	start, sent := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.done: // the test has ended
			return
		}
		taken := 2 * int(time.Since(start).Seconds()*s.rate)
		var packet []byte
		for ; sent < taken; sent++ {
			packet = append(packet, byte(sent/2>>(8*(sent%2))))
		}
		torn := random.IntN(len(packet) + 1)
		s.mu.Lock()
		mute := s.mute
		s.mu.Unlock()
		if mute {
			continue
		}
		for _, part := range [][]byte{packet[:torn], packet[torn:]} {
			if _, err := conn.Write(part); err != nil {
				return
			}
		}
	}
}

// cut ends all connections.
func (s *rtlServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.conns = nil
}

func (s *rtlServer) heard() [][2]uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

func rtlOptions() RTLOptions {
	return RTLOptions{
		Options:   Options{SampleRate: 1e6, Frequency: 145.5e6, Sigma: DefaultSigma, Latency: DefaultLatency},
		TunerGain: 29.7, Correction: -3, Log: slog.New(slog.DiscardHandler),
	}
}

func newRTL(t *testing.T, address string, o RTLOptions) *RTLTCP {
	t.Helper()
	r, err := NewRTLTCP(address, o)
	if err != nil {
		t.Fatal(err)
	}
	r.pause = time.Millisecond
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// readSamples reads so many samples, and checks that within a run none is missing and none is torn.
func readSamples(t *testing.T, r *RTLTCP, samples int) (runs []Block) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var next uint16
	for got := 0; got < samples; {
		b, err := r.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if b.NewRun {
			runs = append(runs, b)
		}
		if b.NewRun || got == 0 {
			next = binary.LittleEndian.Uint16(b.IQ)
		}
		for i := 0; i < len(b.IQ); i += 2 {
			if n := binary.LittleEndian.Uint16(b.IQ[i:]); n != next {
				t.Fatalf("sample %d follows %d", n, next-1)
			}
			next++
		}
		got += len(b.IQ) / 2
	}
	return runs
}

func TestRTLTCP(t *testing.T) {
	t.Parallel()
	s := newRTLServer(t, r820T)
	r := newRTL(t, s.address(), rtlOptions())
	before := time.Now()
	runs := readSamples(t, r, 600_000)
	want := [][2]uint32{{2, 1e6}, {5, 0xfffffffd}, {1, 145.5e6}, {8, 0}, {3, 1}, {4, 297}}
	if got := s.heard(); !slices.Equal(got, want) {
		t.Errorf("the server heard %v, want %v", got, want)
	}
	if b := runs[0]; len(runs) != 1 || b.Lost != 0 || b.Frequency != 145.5e6 || math.Abs(b.Rate/1e6-1) > 1e-3 ||
		b.Start < before.UnixNano() || b.Start > time.Now().UnixNano() || b.Sigma < float64(DefaultSigma) {
		t.Errorf("%d runs, the first block at %v: lost %d, %g Hz, rate %g, sigma %g", len(runs), time.Unix(0, b.Start), b.Lost, b.Frequency, b.Rate, b.Sigma)
	}
	if i := r.Info(); i.Kind != KindRTLTCP || !i.Live() || i.Name != s.address() || i.Format != "cu8" || i.Gain != 29.7 || i.SampleRate != 1e6 || i.Tuning < settled {
		t.Errorf("info %+v", i)
	}
}

// A connection that is cut is made anew: a new run, set as before.
func TestRTLTCPReconnects(t *testing.T) {
	t.Parallel()
	s := newRTLServer(t, r820T)
	o := rtlOptions()
	o.TunerGain = math.NaN()
	r := newRTL(t, s.address(), o)
	readSamples(t, r, 100_000)
	s.cut()
	var runs []Block
	for len(runs) == 0 {
		runs = readSamples(t, r, 100_000)
	}
	if runs[0].Lost < 100_000 {
		t.Errorf("only %d samples are said to be lost", runs[0].Lost)
	}
	if got := s.heard(); len(got) != 10 || !slices.Equal(got[5:], [][2]uint32{{2, 1e6}, {5, 0xfffffffd}, {1, 145.5e6}, {8, 0}, {3, 0}}) {
		t.Errorf("the server heard %v", got)
	}
	if r.Info().Gain != 0 {
		t.Errorf("the gain that the tuner chooses is said to be %g", r.Info().Gain)
	}
}

// A server that falls silent is left, and connected to again.
func TestRTLTCPSilence(t *testing.T) {
	t.Parallel()
	s := newRTLServer(t, r820T)
	r := newRTL(t, s.address(), rtlOptions())
	readSamples(t, r, 10_000)
	s.mu.Lock()
	s.mute = true
	s.mu.Unlock()
	r.silence = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		for {
			if _, err := r.Read(ctx); err != nil {
				read <- err
				return
			}
		}
	}()
	for deadline := time.Now().Add(patience); len(s.heard()) < 3*6; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a silent server was not left")
		}
	}
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("the end of its context gives %v", err)
	}
}

// Tune sets the receiver and begins a new run, which has nothing of the old frequency.
func TestRTLTCPTune(t *testing.T) {
	t.Parallel()
	s := newRTLServer(t, r820T)
	r := newRTL(t, s.address(), rtlOptions())
	if err := r.Tune(t.Context(), 100e6); err != nil { // before it is connected
		t.Fatal(err)
	}
	if runs := readSamples(t, r, 10_000); runs[0].Frequency != 100e6 {
		t.Errorf("the first block is of %g Hz", runs[0].Frequency)
	}
	if err := r.Tune(t.Context(), 98.1e6); err != nil {
		t.Fatal(err)
	}
	runs := readSamples(t, r, 10_000)
	if len(runs) != 1 || runs[0].Frequency != 98.1e6 || runs[0].Lost != 0 || r.Info().Frequency != 98.1e6 {
		t.Errorf("after Tune: %d runs, %+v", len(runs), r.Info())
	}
	got := s.heard()
	if got[2] != [2]uint32{1, 100e6} || got[len(got)-1] != [2]uint32{1, 98.1e6} {
		t.Errorf("the server heard %v", got)
	}
	for _, f := range []float64{0, -1, 5e9, math.NaN()} {
		if err := r.Tune(t.Context(), f); err == nil {
			t.Errorf("%g Hz was tuned to", f)
		}
	}
}

// To be tuned does not interrupt the sample clock: samples of the new frequency, and those after the way back, have times as good as
// those before, and the first are there as soon as Info says.
func TestRTLTCPTuneKeepsTime(t *testing.T) {
	t.Parallel()
	o := rtlOptions()
	o.Sigma = 0
	r := newRTL(t, "127.0.0.1:1", o)
	here, there := net.Pipe()
	defer there.Close()
	go func() { _, _ = io.Copy(io.Discard, there) }() // the commands; it ends with there
	r.conn = here
	p := path{rate: o.SampleRate, error: 30e-6, chunk: rtlBuffer, delay: exponential(10, 200*time.Microsecond)}
	start := time.Now().Add(-time.Minute) // Tune is called now, after a minute of samples
	var tuned time.Time
	var next int64
	var first []Block // of each run
	p.arrivals(2*time.Minute, func(n int64, since time.Duration) {
		at := start.Add(since)
		if tuned.IsZero() && at.After(time.Now()) {
			tuned = time.Now()
			if err := r.Tune(t.Context(), 433e6); err != nil {
				t.Error(err)
			}
		}
		if err := r.took(make([]byte, 2*(n-next)), at); err != nil {
			t.Fatal(err)
		}
		next = n
		if _, err := r.current(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, ok := r.live.block()
		if !ok {
			return
		}
		if b.NewRun {
			first = append(first, b)
		}
		truth := float64(start.UnixNano()) + float64(n-int64(len(b.IQ)/2))*1e9/(p.rate*(1+p.error)) - float64(o.Latency)
		if off := float64(b.Start) - truth; since > 10*time.Second && (b.Sigma > float64(time.Millisecond) || math.Abs(off) > float64(time.Millisecond)) {
			t.Errorf("after %v, at %g Hz: off by %g ns, and says %g", since, b.Frequency, off, b.Sigma)
		}
	})
	if len(first) != 2 || first[1].Frequency != 433e6 || first[1].Lost != 0 {
		t.Fatalf("%d runs, the last of %g Hz after %d lost", len(first), first[len(first)-1].Frequency, first[len(first)-1].Lost)
	}
	if after := time.Unix(0, first[1].Start).Sub(tuned); after < flush || after > r.Info().Tuning {
		t.Errorf("samples of the new frequency come %v after it was tuned to; Info says %v", after, r.Info().Tuning)
	}
}

// What is no rtl_tcp is an error at once, that says what it is; a server that is not there is waited for.
func TestRTLTCPElse(t *testing.T) {
	t.Parallel()
	for header, words := range map[string]string{
		"SSH-2.0-OpenSSH_9.6\r\n": `no rtl_tcp server: it begins with "SSH-2.0-Open" rather than RTL0`,
		"INF":                     `no rtl_tcp server: it begins with "INF`,
	} {
		r := newRTL(t, newRTLServer(t, header).address(), rtlOptions())
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := r.Read(ctx); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("a server that begins with %q: %v", header, err)
		}
		cancel()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := newRTL(t, address, rtlOptions()).Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a server: %v", err)
	}
}

func TestRTLTCPRefusals(t *testing.T) {
	for _, c := range []struct {
		address string
		change  func(*RTLOptions)
		words   string
	}{
		{"localhost", func(*RTLOptions) {}, "want host:port"},
		{"localhost:1", func(o *RTLOptions) { o.Frequency = 5e9 }, "4.29 GHz"},
		{"localhost:1", func(o *RTLOptions) { o.TunerGain = 1e3 }, "gains"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 1 }, "sample rate"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 1e5 }, "does not take 100000 samples a second; want a rate of 225001 to 300000"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 225e3 }, "does not take"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 300_001 }, "does not take"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 900e3 }, "does not take"},
		{"localhost:1", func(o *RTLOptions) { o.SampleRate = 3_200_001 }, "does not take"},
	} {
		o := rtlOptions()
		c.change(&o)
		if _, err := NewRTLTCP(c.address, o); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s %+v: %v", c.address, o.Options, err)
		}
	}
	for _, rate := range []float64{225_001, 300e3, 900_001, 2.4e6, 3.2e6} {
		o := rtlOptions()
		o.SampleRate = rate
		if _, err := NewRTLTCP("localhost:1", o); err != nil {
			t.Error(err)
		}
	}
	if tunerName(6) != "R828D" || tunerName(0) != "unknown" || tunerName(1<<31) != "type 2147483648" {
		t.Error("tuners have wrong names")
	}
}
