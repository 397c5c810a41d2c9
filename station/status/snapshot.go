package status

import (
	"math"
	"time"

	"foxhunt/station/spool"
)

// Snapshot is how a station does at a moment.
type Snapshot struct {
	Time      time.Time `json:"time"`
	Started   time.Time `json:"started"`
	Network   string    `json:"network"`
	Station   string    `json:"station"`
	Latitude  float64   `json:"lat"` // degrees
	Longitude float64   `json:"lon"` // degrees
	Altitude  float64   `json:"alt"` // m

	Receiver Receiver    `json:"receiver"`
	Clock    *Clock      `json:"clock,omitempty"`    // nil: the samples have times of their own
	Schedule *Schedule   `json:"schedule,omitempty"` // nil: none
	Captures Captures    `json:"captures"`
	Spool    spool.Stats `json:"spool"`
	NATS     NATS        `json:"nats"`
	Recent   []Capture   `json:"recent"` // the newest first

	Problems []string `json:"problems"` // sentences, none where all is well; Handler fills them in
}

// Receiver is what comes from the receiver.
type Receiver struct {
	Kind       string    `json:"kind"`
	Name       string    `json:"name"` // of the source
	Live       bool      `json:"live"` // samples come as they are taken
	Format     string    `json:"format"`
	Nominal    float64   `json:"nominal_rate"`         // Hz
	Rate       float64   `json:"rate"`                 // Hz, as measured
	Frequency  float64   `json:"freq"`                 // Hz
	Gain       float64   `json:"gain"`                 // dB, of the tuner
	Level      *float64  `json:"level_dbfs"`           // nil: digital silence, or nothing came yet
	Peak       *float64  `json:"peak_dbfs"`            // the highest hundredth of a second within the second of Level
	Clipped    float64   `json:"clipped"`              // share of that second's samples
	Sigma      float64   `json:"sigma_ns"`             // of the samples' times
	LastSample time.Time `json:"last_sample,omitzero"` // its time
	Samples    uint64    `json:"samples"`
	Lost       uint64    `json:"lost"` // samples
	Gaps       uint64    `json:"gaps"`
}

// Decibels is x for a Snapshot: nil where it is none.
func Decibels(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// Clock is what is known of this machine's clock.
type Clock struct {
	Offset       time.Duration `json:"offset_ns"`
	Sigma        time.Duration `json:"sigma_ns"`
	Synchronized bool          `json:"synchronized"`
	Source       string        `json:"source"`
}

// Schedule is when captures are due.
type Schedule struct {
	Every  time.Duration `json:"every_ns"`
	Length time.Duration `json:"length_ns"`
	Next   time.Time     `json:"next"`
}

// NextTick is the first multiple of every since the Unix epoch that comes after now.
func NextTick(now time.Time, every time.Duration) time.Time {
	n := now.UnixNano()
	return time.Unix(0, n-n%int64(every)+int64(every)).UTC()
}

// Captures counts what was cut, by cause.
type Captures struct {
	Scheduled uint64 `json:"scheduled"`
	Triggered uint64 `json:"triggered"`
	Requested uint64 `json:"requested"`
	Missed    uint64 `json:"missed"` // due, and not all of their samples came
}

// NATS is the connection.
type NATS struct {
	Connected  bool   `json:"connected"`
	Server     string `json:"server,omitempty"`
	Reconnects uint64 `json:"reconnects"`
}

// Capture is one of the last.
type Capture struct {
	Sequence uint64        `json:"sequence"`
	ID       string        `json:"id"`
	Event    string        `json:"event,omitempty"`
	Start    time.Time     `json:"t0"`
	Length   time.Duration `json:"length_ns"`
	Sigma    time.Duration `json:"sigma_ns"`
	Bytes    int           `json:"bytes"`
	Sent     bool          `json:"sent"` // and confirmed
	PubAck   time.Duration `json:"puback_ns,omitempty"`
}
