package main

import (
	"fmt"
	"math"
	"sync"

	"foxhunt/geo"
	"foxhunt/messages"
)

// maxTruths bounds the truths kept for fixes that may never come.
const maxTruths = 10_000

// truths are where simulated emitters were, by capture, for as long as their fixes have not come. The zero value is
// ready for use.
type truths struct {
	mu    sync.Mutex
	known map[string]messages.Truth
}

// add keeps a truth; what is no truth is passed over, for anybody may publish there.
func (t *truths) add(data []byte) {
	truth, err := messages.DecodeTruth(data)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTruths {
		t.known = make(map[string]messages.Truth)
	}
	t.known[truth.CaptureID] = *truth
}

// compare says how far a fix is from the truth, or nothing where no truth is known.
func (t *truths) compare(fix *messages.Fix) string {
	t.mu.Lock()
	truth, ok := t.known[fix.CaptureID]
	delete(t.known, fix.CaptureID)
	t.mu.Unlock()
	if !ok {
		return ""
	}
	there := geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude}
	east, north := geo.Offset(geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}, there)
	u := fix.Uncertainty
	ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
	where := "outside"
	if ellipse.Contains(east, north) {
		where = "inside"
	}
	return fmt.Sprintf("  |  %s: error %s, %s the ellipse", truth.Emitter, metres(math.Hypot(east, north)), where)
}
