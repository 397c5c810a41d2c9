package compare

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"foxhunt/messages"
)

// SampleSize is how many captures of an arm are kept, of which all figures but the counts are made. Where more were
// answered it is a uniform sample of them: 32,768 tell a geometric mean to a per cent and a share of 1 % to 0.1 points.
const SampleSize = 1 << 15

// observation is what is kept of a fix.
type observation struct {
	key     uint64 // of its capture
	cluster uint64 // of its session, or of its capture where it has none

	failed  bool // a challenger that failed: all below is the champion's and counts for nothing
	unasked bool // or rather, it was not asked
	cached  bool

	latency    float64 // ms
	area       float64 // m² of the ellipse for 95 %
	confidence float64
	known      bool    // whether the truth is; then:
	err        float64 // m
	d2         float64 // squared Mahalanobis distance of the truth
}

// Codes of captures that the challenger was not asked for, which is no failure of its.
const (
	notLoaded = "challenger_not_loaded" // the worker had not loaded it (yet)
	suspect   = "suspect"               // the capture was delivered before, and may have killed a worker
)

// observe takes from a fix what is compared.
func observe(fix *messages.Fix) observation {
	o := observation{
		key: hash("c", fix.CaptureID), failed: fix.Fallback != nil, cached: fix.CacheHit,
		latency: fix.Inference, area: area95(&fix.Uncertainty), confidence: fix.Confidence,
	}
	o.unasked = o.failed && (fix.Fallback.Code == notLoaded || fix.Fallback.Code == suspect)
	o.cluster = o.key
	if fix.Session != "" {
		o.cluster = hash("s", fix.Session)
	}
	if t := fix.Truth; t != nil {
		o.known, o.err, o.d2 = true, t.Error, t.D2
	}
	return o
}

// hash is uniform whatever stations choose for ids.
func hash(kind, text string) uint64 {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return binary.BigEndian.Uint64(sum[:])
}

// area95 is the ellipse's area, m², were it drawn to hold 95 % of the truths: the square of its axes grows with
// -2 ln(1 - confidence).
func area95(u *messages.Uncertainty) float64 {
	return math.Pi * u.SemiMajor * u.SemiMinor * math.Log(1-0.95) / math.Log1p(-u.ConfidenceInterval)
}

// sample keeps the captures with the smallest keys, each once.
type sample struct {
	most  int
	kept  keptLargestFirst
	keys  map[uint64]struct{}
	again int // fixes of captures that were there already
}

func newSample(most int) *sample { return &sample{most: most, keys: make(map[uint64]struct{})} }

func (s *sample) add(o observation) {
	if _, twice := s.keys[o.key]; twice {
		s.again++
		return
	}
	switch {
	case len(s.kept) < s.most:
		heap.Push(&s.kept, o)
	case o.key < s.kept[0].key:
		delete(s.keys, s.kept[0].key)
		s.kept[0] = o
		heap.Fix(&s.kept, 0)
	default:
		return
	}
	s.keys[o.key] = struct{}{}
}

// until is the largest key of which the sample holds all captures.
func (s *sample) until() uint64 {
	if len(s.kept) < s.most {
		return math.MaxUint64
	}
	return s.kept[0].key
}

// keptLargestFirst is a heap: the largest key goes first.
type keptLargestFirst []observation

func (k keptLargestFirst) Len() int           { return len(k) }
func (k keptLargestFirst) Less(i, j int) bool { return k[i].key > k[j].key }
func (k keptLargestFirst) Swap(i, j int)      { k[i], k[j] = k[j], k[i] }
func (k *keptLargestFirst) Push(x any)        { *k = append(*k, x.(observation)) }
func (k *keptLargestFirst) Pop() any {
	last := len(*k) - 1
	x := (*k)[last]
	*k = (*k)[:last]
	return x
}
