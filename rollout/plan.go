package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Version is that of the plans this package writes, and the only one it reads.
const Version = 1

// MostBytes bounds an entry.
const MostBytes = 64 << 10

// Plan says which models serve. A zero plan says nothing; one with a champion is made by [Plan.Promote].
type Plan struct {
	V          int     `json:"v"`
	Champion   Arm     `json:"champion"`             // answers every capture that the challenger does not
	Challenger *Split  `json:"challenger,omitempty"` // the latest experiment; it may have ended
	Shadow     *Shadow `json:"shadow,omitempty"`     // answers apart, for comparison only
	Previous   []Arm   `json:"previous,omitempty"`   // champions before, the latest first
	Changed    Change  `json:"changed"`              // the last change of this entry
}

// Arm is a model at its post.
type Arm struct {
	Model  string    `json:"model"`            // a reference as the registry reads it, such as models:/grid/3
	Digest string    `json:"digest,omitempty"` // SHA-256 of the file that must be served, or "": whatever the reference means
	Since  time.Time `json:"since"`
}

// Split gives a share of the captures that are stored in [Since, Until) to a challenger.
type Split struct {
	Arm
	ID           string    `json:"id"`                       // of the experiment; who challenges whom follows from it
	Share        float64   `json:"share"`                    // percent, 1 to 99
	Earlier      []Step    `json:"earlier,omitempty"`        // shares before this one, the first first
	Until        time.Time `json:"until"`                    // when it ends by itself
	MaxErrorRate float64   `json:"max_error_rate,omitempty"` // failed captures of all the challenger's, 0 to 1; 0: no bound
	Stopped      *Stop     `json:"stopped,omitempty"`        // it ended before Until
}

// Step is a share that a split had before.
type Step struct {
	Share float64   `json:"share"` // percent
	Until time.Time `json:"until"` // captures stored from then on have the next share
}

// Stop says who ended a split early, and why.
type Stop struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// Shadow has a share of the captures answered by another model as well. Its answers are published apart.
type Shadow struct {
	Arm
	ID    string    `json:"id"`
	Share float64   `json:"share"`          // percent, 1 to 100
	Until time.Time `json:"until,omitzero"` // zero: until it is stopped
}

// Change says who made a plan what it is.
type Change struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

// String is the reference, with the first digits of the digest that it is pinned to.
func (a Arm) String() string {
	if len(a.Digest) < 12 {
		return a.Model
	}
	return a.Model + " (" + a.Digest[:12] + ")"
}

// Same reports whether both are the same model, as far as it can be told: pinned to one digest, or the same unpinned reference.
func (a Arm) Same(b Arm) bool {
	if a.Digest != "" || b.Digest != "" {
		return a.Digest == b.Digest
	}
	return a.Model == b.Model
}

// Running reports whether the split, or what is planned of it, has not ended at now.
func (s *Split) Running(now time.Time) bool {
	return s != nil && s.Stopped == nil && now.Before(s.Until)
}

// Running reports whether the shadow has not ended at now.
func (s *Shadow) Running(now time.Time) bool {
	return s != nil && (s.Until.IsZero() || now.Before(s.Until))
}

// Decode reads a plan and holds it against [Plan.Validate]. It takes nothing that it does not know: a plan half understood
// would have some workers do other than others.
func Decode(value []byte) (Plan, error) {
	if len(value) > MostBytes {
		return Plan{}, fail(CodeTooLarge, "the plan has %d bytes; at most %d are read", len(value), MostBytes)
	}
	var version struct {
		V int `json:"v"`
	}
	if json.Unmarshal(value, &version) == nil && version.V > Version {
		return Plan{}, fail(CodeNewerPlan, "the plan is of version %d, and this foxhunt reads version %d: a later one wrote it; update this one", version.V, Version)
	}
	var p Plan
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return Plan{}, &Error{CodeBadPlan, fmt.Sprintf("the plan cannot be read: %.200q", err.Error()), err}
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Plan{}, fail(CodeBadPlan, "something follows the plan")
	}
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// Encode writes a plan that is valid.
func (p *Plan) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	value, err := json.MarshalIndent(p, "", "  ") // people look at it, too
	if err != nil {
		return nil, &Error{CodeBadPlan, err.Error(), err}
	}
	if len(value) > MostBytes {
		return nil, fail(CodeTooLarge, "the plan would have %d bytes; at most %d are read", len(value), MostBytes)
	}
	return append(value, '\n'), nil
}
