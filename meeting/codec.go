package meeting

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"foxhunt/messages"
)

const (
	entryVersion = 1
	// maxEntryBytes is more than an entry of MaxReceivers takes.
	maxEntryBytes  = 64 << 10
	maxCodeBytes   = 64
	maxReasonBytes = 1024
)

// Encode writes the entry; [DecodeEntry] reads it.
func (e *Entry) Encode() []byte {
	e.Version = entryVersion
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // there is nothing in it that cannot be written
	}
	return b
}

// DecodeEntry reads an entry that somebody may have made up: what it gives is bounded and fits together.
func DecodeEntry(b []byte) (*Entry, error) {
	if len(b) > maxEntryBytes {
		return nil, fmt.Errorf("meeting: an entry has %d bytes; want at most %d", len(b), maxEntryBytes)
	}
	e := &Entry{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("meeting: an entry is not as expected: %w", err)
	}
	if wrong := e.wrong(); wrong != "" {
		return nil, fmt.Errorf("meeting: an entry is not as expected: %s", wrong)
	}
	return e, nil
}

// wrong says the first thing that cannot be; "" for none.
func (e *Entry) wrong() string {
	switch {
	case e.Version != entryVersion:
		return fmt.Sprintf("its version is %d; this program reads %d", e.Version, entryVersion)
	case e.State != Open && e.State != Closed && e.State != Refused && e.State != Done:
		return fmt.Sprintf("its state is %.20q", e.State)
	case !(e.Frequency > 0 && e.Frequency <= messages.MaxFrequency):
		return fmt.Sprintf("its frequency is %g", e.Frequency)
	case !isTime(e.Opened) || !isTime(e.Anchor) || e.Closed < 0 || e.Closed >= messages.MaxStartTime || e.Until < 0 || e.Until >= messages.MaxStartTime || e.Begun < 0 || e.Tries < e.Begun || e.Tries > 1<<20:
		return "a time or count in it is impossible"
	case len(e.Event) > messages.MaxTextBytes || len(e.Code) > maxCodeBytes || len(e.Reason) > maxReasonBytes:
		return "a text in it is too long"
	case !utf8.ValidString(e.Event + e.Code + e.Reason):
		return "a text in it is not UTF-8"
	case len(e.Members) < 1 || len(e.Members) > messages.MaxReceivers:
		return fmt.Sprintf("it has %d members", len(e.Members))
	case len(e.Buried) > mostBuried || slices.ContainsFunc(e.Buried, Buried.wrong):
		return "what it says of captures before it is impossible"
	}
	for i := range e.Members {
		if wrong := e.Members[i].wrong(); wrong != "" {
			return wrong
		}
		if e.station(e.Members[i].Station) != i {
			return fmt.Sprintf("station %s is in it twice", e.Members[i].Station)
		}
	}
	return ""
}

func (m *Member) wrong() string {
	switch {
	case messages.ValidateToken("station", m.Station) != nil:
		return fmt.Sprintf("a station's name is %.80q", m.Station)
	case messages.ValidateToken("id", m.ID) != nil:
		return fmt.Sprintf("a capture's id is %.80q", m.ID)
	case m.Sequence == 0 || !isTime(m.Stored) || !isTime(m.Start) || m.End < m.Start:
		return "a member's place or time is impossible"
	case m.Size <= 0 || m.Size > MaxMemberBytes:
		return fmt.Sprintf("a member has %d bytes", m.Size)
	case m.Rate < 0 || !(m.Frequency >= 0 && m.Frequency <= messages.MaxFrequency):
		return fmt.Sprintf("a member's rate is %d and its frequency %g", m.Rate, m.Frequency)
	case len(m.Left) > maxCodeBytes || !utf8.ValidString(m.Left):
		return "a member's code is too long"
	}
	return ""
}

func (b Buried) wrong() bool {
	return b.Sequence == 0 || !isTime(b.Stored) || messages.ValidateToken("station", b.Station) != nil || b.Opened < 0 || b.Opened >= messages.MaxStartTime ||
		len(b.Code) > maxCodeBytes || !utf8.ValidString(b.Code)
}

func isTime(ns int64) bool { return ns > 0 && ns < messages.MaxStartTime }

// station is the index of a station's capture; -1: it has none in the event.
func (e *Entry) station(name string) int {
	for i := range e.Members {
		if e.Members[i].Station == name {
			return i
		}
	}
	return -1
}
