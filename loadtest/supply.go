package loadtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"foxhunt/messages"
)

// recent is how many answered captures may be repeated: few enough to keep, more than users have open.
const recent = 4096

// supply makes the captures of a run. Fresh ones are those it was given with the lowest bit of some samples turned over:
// nothing that matters to a fix, and enough that no cache has seen them. Repeats are one answered before, under another id.
type supply struct {
	base   []*messages.Capture
	repeat float64

	mu       sync.Mutex
	random   *rand.Rand
	sent     int
	fresh    int
	answered []draft // a ring
	next     int
}

// draft names a fresh capture: which of the base, and the seed of its turned bits.
type draft struct {
	base int
	seed uint64
}

func newSupply(base []*messages.Capture, repeat float64, seed uint64) *supply {
	return &supply{base: base, repeat: repeat, random: rand.New(rand.NewPCG(seed, 0x10ad))}
}

// take decides what is sent next. No more fresh captures are sent than leave the share of repeats; but where nothing can be
// repeated yet a fresh one is sent ahead of its time.
func (s *supply) take() (d draft, repeated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	due := s.sent - int(math.Ceil(float64(s.sent)*s.repeat))
	if s.fresh >= due && len(s.answered) > 0 {
		return s.answered[s.random.IntN(len(s.answered))], true
	}
	s.fresh++
	return draft{s.fresh % len(s.base), s.random.Uint64()}, false
}

// known says that a fresh capture got its fix, and may be repeated from now on.
func (s *supply) known(d draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answered) < recent {
		s.answered = append(s.answered, d)
		return
	}
	s.answered[s.next] = d
	s.next = (s.next + 1) % recent
}

// make writes a draft out, under an id of its own.
func (s *supply) make(d draft) (Request, error) {
	c := *s.base[d.base]
	c.ID = messages.NewCaptureID()
	c.Receivers = slices.Clone(c.Receivers)
	random := rand.New(rand.NewPCG(d.seed, 1))
	for i := range c.Receivers {
		rx := &c.Receivers[i]
		rx.IQ = slices.Clone(rx.IQ)
		turn(rx, random)
	}
	data, err := c.Encode(nil)
	if err != nil {
		return Request{}, fmt.Errorf("a capture cannot be encoded: %w", err)
	}
	return Request{ID: c.ID, Capture: data}, nil
}

// turn turns the lowest bit of a sixteenth of the samples' numbers, 64 at least, which is the first byte of each number in
// all formats.
func turn(rx *messages.Receiver, random *rand.Rand) {
	width := rx.Format.BytesPerSample() / 2
	numbers := len(rx.IQ) / width
	for range max(64, numbers/16) {
		rx.IQ[random.IntN(numbers)*width] ^= 1
	}
}
