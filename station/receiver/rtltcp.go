package receiver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	"foxhunt/messages"
)

// Commands of rtl_tcp: one byte, and a big-endian number of 32 bits.
const (
	commandFrequency  = 0x01 // Hz
	commandSampleRate = 0x02 // Hz
	commandGainMode   = 0x03 // 0: the tuner chooses, 1: by hand
	commandGain       = 0x04 // tenths of a dB
	commandCorrection = 0x05 // ppm
	commandAGC        = 0x08 // of the demodulator: 0 off, 1 on
)

// rtlHeader is how long what a server says first is: "RTL0", the tuner's type and the number of its gains.
const rtlHeader = 12

// rtlBuffer is how many samples rtl_tcp hands on at once: a buffer of librtlsdr.
const rtlBuffer = 16 * 32 * 512 / 2

// flush is how long a command and samples from before it may be under way, beside rtlBuffer.
const flush = 250 * time.Millisecond

// Pauses between attempts to connect, and how long one may take.
const (
	firstPause  = 500 * time.Millisecond
	lastPause   = 15 * time.Second
	connectTime = 5 * time.Second
)

// RTLOptions say how an RTL-SDR is set. The sample format is cu8, whatever they say.
type RTLOptions struct {
	Options
	TunerGain  float64 // dB; NaN: the tuner chooses
	Correction int     // ppm, of the tuner's oscillator
	Log        *slog.Logger
}

// RTLTCP receives from an rtl_tcp server, and connects again when that goes away.
type RTLTCP struct {
	address string
	o       RTLOptions
	live    *live
	buffer  []byte
	lastAt  time.Time     // when something came last
	skip    time.Time     // what comes before is from before the last command
	silence time.Duration // for which nothing comes from a server that is gone
	pause   time.Duration // before the second attempt to connect

	mu        sync.Mutex // guards what follows
	conn      net.Conn   // nil: not connected
	frequency float64
	retuned   bool // and Read has not seen it
}

// errNoRTL says that a server is none of rtl_tcp's.
var errNoRTL = errors.New("no rtl_tcp server")

// NewRTLTCP is a receiver at the server of an address, host:port, to which the first Read connects.
func NewRTLTCP(address string, o RTLOptions) (*RTLTCP, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("%q is no address of an rtl_tcp server; want host:port, such as 127.0.0.1:1234", address)
	}
	o.Format = messages.CU8
	if err := o.validate(); err != nil {
		return nil, err
	}
	if !(o.Frequency <= math.MaxUint32) || math.Abs(o.TunerGain) > messages.MaxGain {
		return nil, fmt.Errorf("rtl_tcp takes frequencies up to 4.29 GHz and gains within %d dB; these are %g Hz and %g dB", messages.MaxGain, o.Frequency, o.TunerGain)
	}
	return &RTLTCP{address: address, o: o, live: newLive(o.Options), buffer: make([]byte, readBytes), frequency: o.Frequency,
		silence: silence, pause: firstPause}, nil
}

// Info says what comes.
func (r *RTLTCP) Info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	gain := r.o.TunerGain
	if math.IsNaN(gain) {
		gain = 0
	}
	return Info{Kind: KindRTLTCP, Name: r.address, Format: r.o.Format, SampleRate: r.o.SampleRate, Frequency: r.frequency, Gain: gain,
		Tuning: r.underWay() + settled}
}

// reconnect connects, with growing pauses, until it succeeds or ctx ends. What is no rtl_tcp and never was is an error.
func (r *RTLTCP) reconnect(ctx context.Context) error {
	for pause := r.pause; ; pause = min(2*pause, lastPause) {
		err := r.connect(ctx)
		if err == nil || errors.Is(err, errNoRTL) && r.lastAt.IsZero() {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.o.Log.Warn("no samples: cannot receive from rtl_tcp, trying again", "address", r.address, "error", err, "in", pause)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// connect connects once, reads the server's header and sets the receiver.
func (r *RTLTCP) connect(ctx context.Context) error {
	dialer := net.Dialer{Timeout: connectTime}
	conn, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return err
	}
	tuner, err := readHeader(conn)
	if err == nil {
		r.mu.Lock()
		err = r.set(conn)
		r.conn, r.retuned = conn, false
		r.mu.Unlock()
	}
	if err != nil {
		conn.Close()
		return fmt.Errorf("%s: %w", r.address, err)
	}
	r.flush(time.Now())
	r.o.Log.Info("receiving from rtl_tcp", "address", r.address, "tuner", tuner)
	return nil
}

func readHeader(conn net.Conn) (tuner string, err error) {
	var header [rtlHeader]byte
	if err := conn.SetReadDeadline(time.Now().Add(connectTime)); err != nil {
		return "", err
	}
	n, err := io.ReadFull(conn, header[:])
	switch {
	case n > 0 && string(header[:min(n, 4)]) != "RTL0"[:min(n, 4)]:
		return "", fmt.Errorf("%w: it begins with %q rather than RTL0", errNoRTL, header[:n])
	case err != nil:
		return "", fmt.Errorf("it accepts connections, but does not say that it is rtl_tcp (%w), which serves one client at a time: is there another?", gone(err, connectTime))
	}
	return tunerName(binary.BigEndian.Uint32(header[4:])), nil
}

// tunerName is the name of a tuner by librtlsdr's numbers.
func tunerName(n uint32) string {
	names := []string{"unknown", "E4000", "FC0012", "FC0013", "FC2580", "R820T", "R828D"}
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("type %d", n)
}

// set sends all that the server must know.
func (r *RTLTCP) set(conn net.Conn) error {
	automatic := math.IsNaN(r.o.TunerGain)
	mode, gain := uint32(1), uint32(0)
	if automatic {
		mode = 0
	} else {
		gain = uint32(int32(math.Round(r.o.TunerGain * 10)))
	}
	type command struct {
		number byte
		value  uint32
	}
	commands := []command{
		{commandSampleRate, uint32(math.Round(r.o.SampleRate))},
		{commandCorrection, uint32(int32(r.o.Correction))},
		{commandFrequency, uint32(math.Round(r.frequency))},
		{commandAGC, 0},
		{commandGainMode, mode},
	}
	if !automatic {
		commands = append(commands, command{commandGain, gain})
	}
	for _, c := range commands {
		if err := send(conn, c.number, c.value); err != nil {
			return err
		}
	}
	return nil
}

func send(conn net.Conn, command byte, value uint32) error {
	if err := conn.SetWriteDeadline(time.Now().Add(connectTime)); err != nil {
		return err
	}
	_, err := conn.Write(binary.BigEndian.AppendUint32([]byte{command}, value))
	return err
}

// flush begins a new run with what the server takes after its last command.
func (r *RTLTCP) flush(now time.Time) {
	r.skip = now.Add(r.underWay())
	lost := 0
	if !r.lastAt.IsZero() {
		lost = int(r.skip.Sub(r.lastAt).Seconds()*r.o.SampleRate) + len(r.live.held)/r.live.size
	}
	r.live.restart(lost)
	r.live.held = r.live.held[:0] // a new connection begins with a whole sample
	r.lastAt = now
}

// Tune changes the frequency; samples from then on are a new run.
func (r *RTLTCP) Tune(_ context.Context, frequency float64) error {
	if !(frequency > 0 && frequency <= math.MaxUint32) {
		return fmt.Errorf("the frequency is %g Hz; rtl_tcp takes up to 4.29 GHz", frequency)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frequency = frequency
	r.retuned = true
	if r.conn == nil {
		return nil // it is set when it connects
	}
	return send(r.conn, commandFrequency, uint32(math.Round(frequency)))
}

// Close ends the connection.
func (r *RTLTCP) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	return err
}

// Read returns the next samples. Where the server is not there, goes away or falls silent, it connects again, with pauses. That
// a server is none of rtl_tcp's is an error if it never was one.
func (r *RTLTCP) Read(ctx context.Context) (Block, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Block{}, err
		}
		conn, err := r.current(ctx)
		if err != nil {
			return Block{}, err
		}
		if b, ok := r.live.block(); ok {
			return b, nil
		}
		n, err := readBefore(ctx, conn, r.buffer, r.silence)
		if err := r.took(r.buffer[:n], time.Now()); err != nil {
			return Block{}, err
		}
		if err != nil && ctx.Err() == nil {
			r.o.Log.Warn("lost the samples of rtl_tcp, connecting again", "address", r.address, "error", gone(err, r.silence))
			if err := r.Close(); err != nil {
				r.o.Log.Debug("closing the connection to rtl_tcp", "error", err)
			}
		}
	}
}

// current is the connection, a new one if need be; it begins a new run where Tune was called.
func (r *RTLTCP) current(ctx context.Context) (net.Conn, error) {
	r.mu.Lock()
	conn, retuned := r.conn, r.retuned
	r.retuned = false
	r.mu.Unlock()
	if conn == nil {
		if err := r.reconnect(ctx); err != nil {
			return nil, err
		}
		return r.current(ctx)
	}
	if retuned {
		r.retune()
	}
	return conn, nil
}

// retune begins a new run on the same connection, where a part of a sample may have come.
func (r *RTLTCP) retune() {
	r.live.restart(0)
	r.skip = time.Now().Add(r.underWay())
}

// underWay is how long samples from before a command may still come after it.
func (r *RTLTCP) underWay() time.Duration {
	return flush + time.Duration(rtlBuffer*1e9/r.o.SampleRate)
}

// took adds bytes that came, unless they are from before the last command.
func (r *RTLTCP) took(chunk []byte, now time.Time) error {
	if len(chunk) == 0 {
		return nil
	}
	r.lastAt = now
	r.mu.Lock()
	r.live.o.Frequency = r.frequency
	r.mu.Unlock()
	if now.After(r.skip) {
		return r.live.add(chunk, now)
	}
	r.skipped(chunk)
	return nil
}

// skipped forgets the samples of chunk, but not the part of a sample at its end.
func (r *RTLTCP) skipped(chunk []byte) {
	r.live.held = append(r.live.held, chunk...)
	whole := len(r.live.held) / r.live.size * r.live.size
	r.live.held = append(r.live.held[:0], r.live.held[whole:]...)
}

// gone says why no more samples come.
func gone(err error, patience time.Duration) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("nothing came for %v", patience)
	}
	return err
}
