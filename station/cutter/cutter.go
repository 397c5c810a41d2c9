package cutter

import (
	"time"

	"foxhunt/messages"
)

// Request asks for one capture. What is past must lie within the ring, see Cutter.Request.
type Request struct {
	Event     string  // name of the emission, which the captures of all stations share
	Frequency float64 // Hz; 0 is whatever the receiver is tuned to
	At        time.Time
	Length    time.Duration
}

// Schedule says when captures are due.
type Schedule struct {
	Every  time.Duration // captures begin at its multiples since the Unix epoch; 0: none
	Length time.Duration
}

// Trigger says which level makes a capture.
type Trigger struct {
	Level      float64 // dB
	AboveFloor bool    // Level is above the noise floor, rather than dBFS
	Length     time.Duration
	Before     time.Duration // how much of the capture lies before the level was reached
	HoldOff    time.Duration // least time from the end of a capture to the next
}

// Options say what is cut.
type Options struct {
	Receiver messages.Receiver // station, place and gain of all captures
	Schedule Schedule
	Trigger  *Trigger      // nil: none
	Keep     time.Duration // how long samples are kept for requests of what is past
}
