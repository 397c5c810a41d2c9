package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	"foxhunt/messages"
)

// rtlBuffer is how many samples rtl_tcp hands on at once: a buffer of librtlsdr.
const rtlBuffer = 16 * 32 * 512 / 2

// flush is how long a command and samples from before it may be under way, beside rtlBuffer.
const flush = 250 * time.Millisecond

// dawdle is how late this program, or the way from the receiver, may be without a capture on request being missed.
const dawdle = time.Second

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
	ready   time.Time     // what comes before is from before the receiver was set
	silence time.Duration // for which nothing comes from a server that is gone
	pause   time.Duration // before the second attempt to connect

	mu        sync.Mutex // guards what follows
	conn      net.Conn   // nil: not connected
	frequency float64
	retuned   bool      // and Read has not seen it
	tuned     time.Time // what comes before may be of another frequency
}

// NewRTLTCP is a receiver at the server of an address, host:port, to which the first Read connects.
func NewRTLTCP(address string, o RTLOptions) (*RTLTCP, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("%q is no address of an rtl_tcp server; want host:port, such as 127.0.0.1:1234", address)
	}
	o.Format = messages.CU8
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.SampleRate = math.Round(o.SampleRate); !takesRate(o.SampleRate) {
		return nil, fmt.Errorf("an RTL-SDR does not take %g samples a second; want a rate of 225001 to 300000 or of 900001 to 3200000 Hz", o.SampleRate)
	}
	if !(o.Frequency <= math.MaxUint32) || math.Abs(o.TunerGain) > messages.MaxGain {
		return nil, fmt.Errorf("rtl_tcp takes frequencies up to 4.29 GHz and gains within %d dB; these are %g Hz and %g dB", messages.MaxGain, o.Frequency, o.TunerGain)
	}
	return &RTLTCP{address: address, o: o, live: newLive(o.Options), buffer: make([]byte, readBytes), frequency: o.Frequency,
		silence: silence, pause: firstPause}, nil
}

// takesRate reports whether an RTL-SDR can take so many samples a second, by librtlsdr's rtlsdr_set_sample_rate. rtl_tcp itself tells
// no client that it could not: samples would come at another rate.
func takesRate(hertz float64) bool {
	return hertz > 225e3 && hertz <= 300e3 || hertz > 900e3 && hertz <= 3.2e6
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
		Tuning: r.underWay() + dawdle}
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

// flush begins a new run with what the server takes after its last command.
func (r *RTLTCP) flush(now time.Time) {
	r.ready = now.Add(r.underWay())
	lost := 0
	if !r.lastAt.IsZero() {
		lost = int(r.ready.Sub(r.lastAt).Seconds() * r.o.SampleRate)
	}
	r.live.reconnect(lost)
	r.lastAt = now
}

// Tune changes the frequency; samples from then on are a run of their own, by the same sample clock.
func (r *RTLTCP) Tune(_ context.Context, frequency float64) error {
	if !(frequency > 0 && frequency <= math.MaxUint32) {
		return fmt.Errorf("the frequency is %g Hz; rtl_tcp takes up to 4.29 GHz", frequency)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frequency = frequency
	r.retuned, r.tuned = true, time.Now().Add(r.underWay())
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
		r.live.skip()
	}
	return conn, nil
}

// underWay is how long samples from before a command may still come after it.
func (r *RTLTCP) underWay() time.Duration {
	return flush + time.Duration(rtlBuffer*1e9/r.o.SampleRate)
}

// took adds bytes that came. Those from before the receiver was set are forgotten; those of another frequency are counted, as a receiver
// that is tuned does not cease to take samples, and given up.
func (r *RTLTCP) took(chunk []byte, now time.Time) error {
	if len(chunk) == 0 {
		return nil
	}
	r.lastAt = now
	if !now.After(r.ready) {
		r.forget(chunk)
		return nil
	}
	r.mu.Lock()
	tuned := r.tuned
	r.live.o.Frequency = r.frequency
	r.mu.Unlock()
	if err := r.live.add(chunk, now); err != nil {
		return err
	}
	if !now.After(tuned) {
		r.live.skip()
	}
	return nil
}

// forget forgets the samples of chunk, but not the part of a sample at its end.
func (r *RTLTCP) forget(chunk []byte) {
	r.live.held = append(r.live.held, chunk...)
	whole := len(r.live.held) / r.live.size * r.live.size
	r.live.held = append(r.live.held[:0], r.live.held[whole:]...)
}
