package worker

import (
	"sync"
	"time"
)

// Bounds of what waits for the shadow. It is copied, as a message's bytes are valid only until its delivery ends.
const (
	mostShadows     = 256
	mostShadowBytes = 32 << 20
)

// shadowed is a capture that waits for the shadow.
type shadowed struct {
	message            Message // Data is a copy; no headers
	session, captureID string
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
	if !q.reserve(len(j.message.Data)) {
		return nil
	}
	m := Message{Subject: j.message.Subject, Sequence: j.message.Sequence, Stored: j.message.Stored, NumDelivered: 1}
	m.Data = append([]byte(nil), j.message.Data...)
	return &shadowed{message: m, session: j.capture.Session, captureID: j.capture.ID}
}

// give lets the shadow have the capture, if there is one.
func (q *shadowQueue) give(s *shadowed) {
	if s != nil {
		q.captures <- *s
	}
}

func (q *shadowQueue) giveUp(s *shadowed) {
	if s != nil {
		q.release(len(s.message.Data))
	}
}

// shadowPatience is how long a stop, or a suspect, waits for the shadow's capture in hand.
const shadowPatience = 2 * time.Second
