package worker

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"foxhunt/messages"
)

// Bounds of what waits for the shadow. It is copied, as a message's bytes are valid only until its delivery ends.
const (
	mostShadows     = 256
	mostShadowBytes = 32 << 20
)

// shadowed is a capture that waits for the shadow.
type shadowed struct {
	message            Message // Data is a copy, or none where there is an event; no headers
	session, captureID string
	stored             time.Time // that the choice of the models goes by
	event              *shadowedEvent
	size               int // bytes that are copied
}

// shadowedEvent is what a shadow gets of an event, whose capture was never a message.
type shadowedEvent struct {
	network string
	capture messages.Capture // a copy
	truth   *messages.Position
	met     met
}

// shadowQueue holds the captures that wait for the shadow. Room is reserved before a capture is copied.
type shadowQueue struct {
	captures chan shadowed // has room for all that is reserved

	mu              sync.Mutex
	reserved, bytes int
}

func newShadowQueue() *shadowQueue { return &shadowQueue{captures: make(chan shadowed, mostShadows)} }

// reserve makes room for so many bytes, until release; it says whether there is any. A capture that is larger than all the
// room gets it when it is alone.
func (q *shadowQueue) reserve(bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.reserved >= mostShadows || q.reserved > 0 && q.bytes+bytes > mostShadowBytes {
		return false
	}
	q.reserved++
	q.bytes += bytes
	return true
}

func (q *shadowQueue) release(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved--
	q.bytes -= bytes
}

// copyOf reserves room for a job's capture and copies it, if the shadow is to have it and there is room; nil otherwise.
func (q *shadowQueue) copyOf(j *job) *shadowed {
	size := len(j.message.Data)
	if j.met != nil {
		size = int(j.met.bytes)
	}
	if !q.reserve(size) {
		return nil
	}
	m := Message{Subject: j.message.Subject, Sequence: j.message.Sequence, Stored: j.message.Stored, NumDelivered: 1}
	s := &shadowed{message: m, session: j.capture.Session, captureID: j.capture.ID, stored: j.storedTime(), size: size}
	if j.met != nil {
		s.event = eventOf(j)
	} else {
		s.message.Data = bytes.Clone(j.message.Data)
	}
	return s
}

// eventOf copies what a job has of its event.
func eventOf(j *job) *shadowedEvent {
	e := &shadowedEvent{network: j.network, capture: j.capture, truth: j.truth, met: met{members: j.met.members, stored: j.met.stored}}
	e.capture.Receivers = slices.Clone(j.capture.Receivers)
	for i := range e.capture.Receivers {
		e.capture.Receivers[i].IQ = bytes.Clone(e.capture.Receivers[i].IQ)
	}
	return e
}

// lay makes the event the job's.
func (e *shadowedEvent) lay(j *job) {
	j.network, j.source, j.subject = e.network, messages.EventSource, eventSubject(e.network)
	j.capture, j.truth, j.met = e.capture, e.truth, &e.met
}

// give lets the shadow have the capture, if there is one.
func (q *shadowQueue) give(s *shadowed) {
	if s != nil {
		q.captures <- *s
	}
}

func (q *shadowQueue) giveUp(s *shadowed) {
	if s != nil {
		q.release(s.size)
	}
}

// shadowPatience is how long a stop, or a suspect, waits for the shadow's capture in hand.
const shadowPatience = 2 * time.Second
