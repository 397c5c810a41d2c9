package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

// machine is a kernel whose daemon sets its figures, and which lets maxerror grow as Linux does.
type machine struct {
	at       time.Duration // since the start
	estimate time.Duration
	bound    time.Duration // as it was set last
	set      time.Duration // when
	read     int
	called   chan struct{}
}

func (m *machine) clock() *Clock {
	return &Clock{now: func() time.Duration { return m.at }, read: func() (kernel, error) {
		m.read++
		if m.called != nil {
			m.called <- struct{}{}
		}
		seconds := m.at/time.Second - m.set/time.Second // turns of the second
		return kernel{estError: m.estimate, maxError: m.bound + seconds*growth, synchronized: true}, nil
	}}
}

func (m *machine) sets(estimate, bound time.Duration) {
	m.estimate, m.bound, m.set = estimate, bound, m.at
}

func reading(t *testing.T, c *Clock) Reading {
	t.Helper()
	r, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBound: a clock that is read every second learns what the daemon set, and does not take the kernel's growth for an error.
func TestBound(t *testing.T) {
	t.Parallel()
	m := &machine{}
	m.sets(2*time.Microsecond, 12*time.Microsecond) // chrony with a pulse a second
	m.at = 30*time.Second + 970*time.Millisecond
	c := m.clock()
	if r := reading(t, c); r.Sigma < 8*time.Millisecond || r.Sigma > 9*time.Millisecond {
		t.Errorf("sigma is %v before anything was seen; want the whole bound, 15.012 ms/√3", r.Sigma)
	}
	m.at += 500 * time.Millisecond
	m.sets(2*time.Microsecond, 12*time.Microsecond)
	m.at += 500 * time.Millisecond
	if r := reading(t, c); r.Sigma > 10*time.Microsecond {
		t.Errorf("sigma is %v after the daemon set 12 µs; want 3 µs and 13/√3 µs", r.Sigma)
	}
	for range 15 {
		m.at += time.Second
		if r := reading(t, c); r.Sigma > 25*time.Microsecond {
			t.Fatalf("sigma is %v, %v after the daemon set 12 µs; want 1 ppm more", r.Sigma, m.at-m.set)
		}
	}
	m.at += 1000 * time.Second // the daemon is gone
	if r := reading(t, c); r.Sigma < 500*time.Microsecond || r.Sigma > time.Millisecond {
		t.Errorf("sigma is %v 1015 s after the daemon set anything; want some 1.03 ms/√3", r.Sigma)
	}
}

// TestNeverTooSmall: whatever second the readings fall into, no bound is taken for less than what the daemon set.
func TestNeverTooSmall(t *testing.T) {
	t.Parallel()
	for phase := time.Duration(0); phase < time.Second; phase += 7 * time.Millisecond {
		m := &machine{}
		m.sets(time.Millisecond, 5*time.Millisecond)
		c := m.clock()
		m.at = phase
		for second := range 60 {
			if second%16 == 7 {
				m.at += 300 * time.Millisecond
				m.sets(time.Millisecond, 5*time.Millisecond)
				m.at += 700 * time.Millisecond
			} else {
				m.at += time.Second
			}
			if r := reading(t, c); r.Sigma < 3*time.Millisecond { // sqrt(1 + 25/3) ms = 3.05 ms
				t.Fatalf("phase %v, second %d: sigma %v", phase, second, r.Sigma)
			}
		}
	}
}

// TestTimesyncd sets both errors to 0: that is not stated, and not perfect.
func TestTimesyncd(t *testing.T) {
	t.Parallel()
	m := &machine{}
	c := m.clock()
	for range 100 {
		if r := reading(t, c); r.Source != SourceDaemon || r.Sigma != Unstated || !r.Synchronized {
			t.Fatalf("%+v", r)
		}
		if m.at += time.Second; m.at%(32*time.Second) == 0 {
			m.sets(0, 0)
		}
	}
}

// TestPulse: an estimate of less than a microsecond is cut to 0, but the bound beside it is stated.
func TestPulse(t *testing.T) {
	t.Parallel()
	m := &machine{}
	m.sets(0, 5*time.Microsecond)
	m.at = 10 * time.Second
	c := m.clock()
	if r := reading(t, c); r.Source != SourceDaemon {
		t.Errorf("%+v before the daemon was seen", r)
	}
	m.at += 970 * time.Millisecond
	m.sets(0, 5*time.Microsecond)
	if r := reading(t, c); r.Source != SourceKernel || r.Sigma > 5*time.Microsecond {
		t.Errorf("%+v; want 6/√3 µs", r)
	}
}

func TestStated(t *testing.T) {
	t.Parallel()
	if r := Stated(2 * time.Millisecond); r != (Reading{Sigma: 2 * time.Millisecond, Synchronized: true, Source: SourceStated}) {
		t.Errorf("%+v", r)
	}
	if r := Stated(time.Hour); r.Sigma != Unknown {
		t.Errorf("%+v", r)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	forbidden := errors.New("operation not permitted")
	c := &Clock{read: func() (kernel, error) { return kernel{}, forbidden }, now: func() time.Duration { return 0 }}
	r, err := c.Read()
	if !errors.Is(err, forbidden) || r.Sigma != Unknown || r.Source != SourceUnknown || r.Synchronized {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRun reads by itself, shortly before each second's end, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	m := &machine{called: make(chan struct{})}
	c := m.clock()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	for range 2 {
		select {
		case <-m.called:
		case <-time.After(15 * time.Second):
			t.Fatal("it does not read")
		}
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		t.Fatal("it does not end")
	}
}
