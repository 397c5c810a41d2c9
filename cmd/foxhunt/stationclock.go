package main

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"foxhunt/messages"
	"foxhunt/station/clock"
)

// clockSystem has the machine say itself how good its clock is.
const clockSystem = "system"

// stationClock is what live captures state of this machine's clock.
type stationClock struct {
	system *clock.Clock
	stated time.Duration // by the station's owner; negative: the system is asked
}

func newStationClock(text string) (*stationClock, error) {
	c := &stationClock{system: clock.New(), stated: -1}
	if text == clockSystem {
		return c, nil
	}
	stated, err := time.ParseDuration(text)
	if err != nil || stated < 0 || float64(stated) > messages.MaxClockSigma {
		return nil, fmt.Errorf("clock is %.40q; want system, or a standard deviation up to 1s, such as 2ms", text)
	}
	c.stated = stated
	return c, nil
}

// sigma is the standard deviation of this machine's clock at this moment.
func (c *stationClock) sigma() time.Duration { return c.reading().Sigma }

// reading is what is known of this machine's clock at this moment.
func (c *stationClock) reading() clock.Reading {
	if c.stated >= 0 {
		return clock.Stated(c.stated)
	}
	reading, _ := c.system.Read() // what cannot be read is unknown, and said at the start
	return reading
}

// warn says at the start if nobody knows how good the clock is.
func (c *stationClock) warn(log *slog.Logger) {
	if c.stated >= 0 {
		return
	}
	const text = ": captures state a standard deviation of %v, which no fix can use; run chrony, or state it with --clock"
	switch reading, err := c.system.Read(); {
	case err != nil:
		log.Warn(fmt.Sprintf("nothing says how well this machine's clock is kept in time"+text, clock.Unknown), "error", err)
	case !reading.Synchronized:
		log.Warn(fmt.Sprintf("nothing keeps this machine's clock in time"+text, clock.Unknown))
	}
}

// state puts the clock's share into what a live capture says of its time.
func (c *stationClock) state(capture *messages.Capture) {
	rx := &capture.Receivers[0]
	rx.ClockSigma = min(math.Hypot(rx.ClockSigma, float64(c.sigma())), messages.MaxClockSigma)
}
