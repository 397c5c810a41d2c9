package prometheus_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/sim"
)

// receive runs a station whose samples come as a receiver's do, until the test ends, with its pages at an address.
func (s *system) receive(t *testing.T, address string) {
	t.Helper()
	cmd := exec.Command(s.path, "station", "--nats", s.nats.ClientURL(), "--network", "edge", "--id", "NORTH", "--lat", "52", "--lon", "4", "--stdin", "cu8",
		"--rate", "12000", "--freq", "1e6", "--every", "2s", "--length", "500ms", "--spool", t.TempDir(), "--listen", address)
	cmd.Env = s.environment
	samples, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	station := begin(t, cmd)
	go func() { // ends with the process, which does not read any more
		defer samples.Close()
		random, chunk := rand.New(rand.NewPCG(1, 2)), make([]byte, 2*1200)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			for i := range chunk {
				chunk[i] = byte(128 + 20*random.NormFloat64())
			}
			if _, err := samples.Write(chunk); err != nil {
				return
			}
		}
	}()
	station.says(t, `msg="connected to NATS"`)
	s.prometheus.has(t, `foxhunt_receiver_samples_total > 0 and foxhunt_receiver_sent_captures_total > 0 and foxhunt_receiver_clock_sigma_seconds > 0`)
}

// meet has stations publish what they heard each by itself: the captures of two emissions, and of the first one more when it has
// its fix.
func (s *system) meet(t *testing.T) {
	t.Helper()
	scene := sim.Demo(time.Now())
	var late messages.Receiver
	for i := range 2 {
		capture, _, err := scene.Capture(i, time.Now(), uint64(100+i))
		if err != nil {
			t.Fatal(err)
		}
		receivers := capture.Receivers
		if i == 0 {
			late, receivers = receivers[len(receivers)-1], receivers[:len(receivers)-1]
		}
		for _, r := range receivers {
			s.alone(t, capture, r, fmt.Sprint("emission-", i))
		}
		if i == 0 {
			s.prometheus.has(t, `sum(foxhunt_events_total{network="alone", outcome=~"complete|partial"}) > 0 and on () sum(foxhunt_event_receivers_count) > 0`)
			s.alone(t, capture, late, "emission-0")
		}
	}
	s.prometheus.has(t, `sum(foxhunt_event_captures_left_out_total{network="alone", code="late"}) > 0`)
}

// alone publishes one receiver's part of a capture as the station's own.
func (s *system) alone(t *testing.T, of *messages.Capture, r messages.Receiver, event string) {
	t.Helper()
	own := messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Event: event, Frequency: of.Frequency, Cache: true, Receivers: []messages.Receiver{r}}
	data, err := own.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.publish(t, "alone", r.Station, own.ID, data)
}
