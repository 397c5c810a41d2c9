package doctor

import (
	"errors"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/cache"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/rollout"
)

// notAsked is the error of a fact that nobody named a place to look for; it says what was not named.
type notAsked string

func (e notAsked) Error() string { return string(e) }

// wasAsked says whether somebody named a place to look for what err is about.
func wasAsked(err error) bool {
	var e notAsked
	return !errors.As(err, &e)
}

// Fact is something that was looked for: Value counts where Err is nil.
type Fact[T any] struct {
	Value T
	Err   error
}

// seen says whether there is a value.
func (f Fact[T]) seen() bool { return f.Err == nil }

// Facts are all that the rules judge by.
type Facts struct {
	Topology jetstream.Topology // as it should be

	Hello     Fact[Hello]         // what the server says to everybody
	Trip      Fact[time.Duration] // over the connection with credentials: a ping's way there and back
	Varz      Fact[[]Varz]        // of each server asked
	Unasked   []error             // why monitoring ports told nothing, where others did
	Account   Fact[*js.AccountInfo]
	Inventory Fact[*jetstream.Inventory]
	Looks     []*jetstream.Inventory // the inventory with each reading, the last of which is Inventory
	Readings  Fact[[]Reading]        // at least two, over the looking time
	Fixes     Fact[Fixes]
	Letters   Fact[Letters]
	Waiting   Fact[[]Waiting]
	Plan      Fact[rollout.Plan] // zero: none

	Redis   Fact[cache.RedisState]
	Runtime Fact[Runtime]
	Machine Machine
}

// Hello is the line with which a server greets every connection, before any credentials.
type Hello struct {
	Version      string `json:"version"`
	Name         string `json:"server_name"`
	Host         string `json:"host"`        // that it listens on
	MaxPayload   int64  `json:"max_payload"` // bytes
	AuthRequired bool   `json:"auth_required"`
	TLSRequired  bool   `json:"tls_required"`
	Cluster      string `json:"cluster"`   // empty: it is of none
	JetStream    *bool  `json:"jetstream"` // whether it is switched on; nil: not told
}

// Varz is what a server says of itself on its monitoring port.
type Varz struct {
	Name         string    `json:"server_name"`
	Version      string    `json:"version"`
	Host         string    `json:"host"`
	AuthRequired bool      `json:"auth_required"`
	TLSRequired  bool      `json:"tls_required"`
	Now          time.Time `json:"now"`
	Cluster      struct {
		Name string `json:"name"`
	} `json:"cluster"`
	JetStream struct {
		Config *struct {
			MaxStore     int64         `json:"max_storage"`
			StoreDir     string        `json:"store_dir"`
			SyncInterval time.Duration `json:"sync_interval"`
			SyncAlways   bool          `json:"sync_always"`
		} `json:"config"`
		Stats struct {
			Store    uint64 `json:"storage"`
			Reserved uint64 `json:"reserved_storage"`
		} `json:"stats"`
	} `json:"jetstream"`

	Asked time.Time     `json:"-"` // by this machine's clock, in the middle of asking
	Took  time.Duration `json:"-"`
}

// Reading is the lag and the consumers' state at one moment.
type Reading struct {
	jetstream.Lag
	Delivered         uint64 // captures that the consumer ever delivered, those delivered again counted again
	Advisories        uint64 // waiting in their stream
	AdvisoriesSettled uint64 // up to which all are dealt with
}

// Fixes are the last fixes and, of each subject, when the last came.
type Fixes struct {
	Recent []Fix                // the oldest first
	Last   map[string]time.Time // by the server's clock
	Read   time.Time            // likewise: when these were read
}

// Fix is a fix with the time at which the server stored it.
type Fix struct {
	*messages.Fix
	Stored time.Time
}

// Letters count the dead letters of the last day.
type Letters struct {
	Hour, Day int
	Capped    bool           // there were more than could be read
	Reasons   map[string]int // of those of the last day
	Nowhere   []string       // sentences of those whose station has no place
}

// Waiting is one of the oldest captures of a subject.
type Waiting struct {
	Subject string
	Stored  time.Time
	Start   time.Time         // of its earliest sample; zero where it cannot be decoded
	End     time.Time         // of its last sample
	Refusal *messages.Refusal // why a worker will refuse it; nil: it will not
}

// Runtime is ONNX Runtime and, where one was asked for, a model.
type Runtime struct {
	Path, Version string
	Model         Fact[string] // name and version
}

// Machine is what this machine says of itself.
type Machine struct {
	Files      Fact[[]FileLimit]
	Disk       Fact[Disk]
	Processors Fact[Processors]
	Clock      Fact[Clock]
}

// FileLimit is how many files a process may have open.
type FileLimit struct {
	Process string // name and pid
	Most    uint64
}

// Disk is the file system that holds the server's data, in bytes.
type Disk struct {
	Path       string
	Size, Free uint64 // Free: for programs that are not root's
}

// Processors are what a process may use.
type Processors struct {
	Threads int     // that run Go at a time: GOMAXPROCS
	CPUs    int     // that the machine lets this process run on
	Quota   float64 // of a container, in processors; 0: none
}

// Clock is what the kernel knows of the clock.
type Clock struct {
	Synchronised bool
	MaxError     time.Duration
}
