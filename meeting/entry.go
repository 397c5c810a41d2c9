package meeting

import "time"

// State is how far an event has come.
type State string

// The states, in their order.
const (
	Open    State = "open"    // more captures may join
	Closed  State = "closed"  // it is settled which captures the fix rests on; work on it has begun, or will
	Refused State = "refused" // there will be no fix; each member becomes a dead letter when it comes back
	Done    State = "done"    // the fix is safe
)

// Entry is all that is known of an event.
type Entry struct {
	Version   int      `json:"v"`
	State     State    `json:"state"`
	Event     string   `json:"event"`  // what the captures call it; "" for those that met in a slot
	Frequency float64  `json:"freq"`   // Hz, of the first member
	Opened    int64    `json:"opened"` // ns since the Unix epoch by the server's clock; with the key it names the event
	Anchor    int64    `json:"anchor"` // ns, when the first member begins
	Members   []Member `json:"members"`
	Buried    []Buried `json:"buried,omitempty"` // captures that this event may not have

	Partial bool   `json:"partial,omitempty"` // closed by the window, and not because all had come
	Closed  int64  `json:"closed,omitempty"`  // ns by the server's clock, when it was closed
	Until   int64  `json:"until,omitempty"`   // ns by the server's clock, before which nobody else is to begin work
	Tries   int    `json:"tries,omitempty"`   // how often work was begun
	Begun   int    `json:"begun,omitempty"`   // of them, how often it is not known to have ended: its worker died
	Code    string `json:"code,omitempty"`    // of a refusal
	Reason  string `json:"reason,omitempty"`  // of a refusal, a sentence
}

// Place names a capture in the stream: a stream that is made anew uses sequences again.
type Place struct {
	Sequence uint64 `json:"seq"`
	Stored   int64  `json:"stored"` // ns since the Unix epoch, when the stream stored it
}

// StoredTime is when the stream stored it.
func (p Place) StoredTime() time.Time { return time.Unix(0, p.Stored) }

// Member is a capture of an event. The first of a station counts.
type Member struct {
	Place
	Station string `json:"station"`
	ID      string `json:"id"`             // the capture's
	Start   int64  `json:"t0"`             // ns, of the first sample
	End     int64  `json:"end"`            // ns, of the last sample
	Size    int    `json:"size"`           // bytes of the message
	Rate    int64  `json:"rate,omitempty"` // Hz; 0: not known
	Left    string `json:"left,omitempty"` // why the event does without it, a code; "": the fix rests on it, or is to

	Frequency float64 `json:"freq,omitempty"` // Hz, where it is not the first member's
}
