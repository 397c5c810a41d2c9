package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode"
	"unicode/utf16"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// deadValue is a dead letter in JSON.
type deadValue struct {
	Number     uint64              `json:"number"`
	Stored     string              `json:"stored"` // by the server's clock
	Reason     string              `json:"reason"`
	Sentence   string              `json:"sentence"`
	Subject    string              `json:"subject"`
	Bytes      int                 `json:"bytes"`
	Deliveries int                 `json:"deliveries"`
	Worker     string              `json:"worker"`
	Model      string              `json:"model_version"`
	Time       string              `json:"time"` // by the worker's clock
	Headers    map[string][]string `json:"headers"`
	LeftOut    int                 `json:"headers_left_out"`
	Replayed   *replayValue        `json:"replayed,omitempty"`
	Capture    *captureValue       `json:"capture,omitempty"` // shown with its body only
}

type replayValue struct {
	Count      int    `json:"count"`
	Of         uint64 `json:"of"`
	Reason     string `json:"reason"`
	FirstDeath string `json:"first_death,omitempty"`
}

// captureValue is what can be read of a capture that nothing vouches for.
type captureValue struct {
	Fault     string          `json:"fault,omitempty"` // why no more can be read, or what is wrong
	ID        string          `json:"id"`
	Event     string          `json:"event,omitempty"`
	Session   string          `json:"session,omitempty"`
	Frequency number          `json:"frequency"` // Hz
	Receivers []receiverValue `json:"receivers"`
}

type receiverValue struct {
	Station   string `json:"station"`
	Latitude  number `json:"latitude"`
	Longitude number `json:"longitude"`
	Altitude  number `json:"altitude"` // m
	Start     string `json:"start"`
	Sigma     number `json:"sigma_ns"`
	Rate      number `json:"rate"` // Hz
	Gain      number `json:"gain"` // dB
	Format    string `json:"format"`
	Bytes     int    `json:"bytes"`
	Samples   int    `json:"samples"`
	Seconds   number `json:"seconds"`
}

// number is a float that may be no number.
type number float64

// MarshalJSON writes null for what JSON has no number for.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func newDeadValue(d jetstream.Dead) *deadValue {
	l := d.Letter
	v := &deadValue{
		Number: d.Sequence, Stored: timeText(d.Stored), Reason: l.Reason, Sentence: l.Sentence, Subject: l.Subject, Bytes: d.Size,
		Deliveries: l.Deliveries, Worker: l.Worker, Model: l.ModelVersion, Time: timeText(l.Time), Headers: l.Headers, LeftOut: l.LeftOut,
	}
	if r := messages.ReplayOf(l.Headers); r.Count > 0 {
		v.Replayed = &replayValue{Count: r.Count, Of: r.Of, Reason: r.Reason}
		if !r.FirstDeath.IsZero() {
			v.Replayed.FirstDeath = timeText(r.FirstDeath)
		}
	}
	return v
}

func newCaptureValue(body []byte) *captureValue {
	c, err := messages.Peek(body)
	v := &captureValue{ID: c.ID, Event: c.Event, Session: c.Session, Frequency: number(c.Frequency), Receivers: []receiverValue{}}
	if err != nil {
		v.Fault = err.Error()
	}
	for i := range c.Receivers {
		r := &c.Receivers[i]
		v.Receivers = append(v.Receivers, receiverValue{
			Station: r.Station, Latitude: number(r.Latitude), Longitude: number(r.Longitude), Altitude: number(r.Altitude),
			Start: messages.Instant(r.StartTime).String(), Sigma: number(r.ClockSigma), Rate: number(r.SampleRate), Gain: number(r.Gain),
			Format: string(r.Format), Bytes: len(r.IQ), Samples: r.Samples(), Seconds: number(float64(r.Samples()) / r.SampleRate),
		})
	}
	return v
}

// timeText does not fail for the year 10000, as time.Time's JSON does.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// writeJSON writes a value in one line that is safe for a terminal: whatever does not print is escaped, too.
func writeJSON(out io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var line []byte
	for _, r := range string(data) {
		switch {
		case unicode.IsPrint(r):
			line = append(line, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			line = fmt.Appendf(line, `\u%04x\u%04x`, high, low)
		default:
			line = fmt.Appendf(line, `\u%04x`, r)
		}
	}
	_, err = out.Write(append(line, '\n'))
	return err
}
