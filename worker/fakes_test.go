package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"foxhunt/cache"
	"foxhunt/contract"
	"foxhunt/messages"
)

// verb is how a delivery ended.
type verb struct {
	name  string
	delay time.Duration
	code  string
}

// fakeDelivery is a capture in hand whose end is recorded.
type fakeDelivery struct {
	message  Message
	begun    int    // times that work on it was begun before and never ended
	onBegin  func() // may be nil
	extended chan struct{}
	ended    chan verb
	over     bool // an answer was given
	ackFails error
}

func (d *fakeDelivery) Message() Message               { return d.message }
func (d *fakeDelivery) Unfinished(context.Context) int { return d.begun }
func (d *fakeDelivery) Begin(context.Context) {
	if d.onBegin != nil {
		d.onBegin()
	}
}
func (d *fakeDelivery) Ack(context.Context) error {
	d.end(verb{name: "ack"})
	return d.ackFails
}
func (d *fakeDelivery) Nak(delay time.Duration) error {
	d.end(verb{name: "nak", delay: delay})
	return nil
}
func (d *fakeDelivery) Wait(delay time.Duration) error {
	d.end(verb{name: "wait", delay: delay})
	return nil
}
func (d *fakeDelivery) Term(reason string) error {
	d.end(verb{name: "term", code: reason})
	return nil
}
func (d *fakeDelivery) Forget() {
	if !d.over {
		d.end(verb{name: "forget"})
	}
}

func (d *fakeDelivery) end(v verb) {
	d.over = true
	d.ended <- v
}

func (d *fakeDelivery) InProgress() error {
	select {
	case d.extended <- struct{}{}:
	default:
	}
	return nil
}

// fakeSource hands out what is sent to it, until it is stopped.
type fakeSource struct {
	captures   chan *fakeDelivery
	stopped    chan struct{}
	ackWait    time.Duration
	maxDeliver int
}

func newFakeSource() *fakeSource {
	return &fakeSource{captures: make(chan *fakeDelivery), stopped: make(chan struct{}), ackWait: time.Minute, maxDeliver: 20}
}

func (s *fakeSource) Next(ctx context.Context) (Delivery, error) {
	select {
	case d := <-s.captures:
		return d, nil
	case <-s.stopped:
		return nil, errDown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeSource) Stop()                  { close(s.stopped) }
func (s *fakeSource) AckWait() time.Duration { return s.ackWait }
func (s *fakeSource) MaxDeliver() int        { return s.maxDeliver }
func (s *fakeSource) Observe(time.Duration)  {}

// fakePublisher keeps what is published, and fails as often as told.
type fakePublisher struct {
	during func(subject string) // while a fix is being published; may be nil

	mu            sync.Mutex
	fails         int
	blind         bool // cannot look
	refuseShadows bool
	denyShadows   bool              // tries until the end of the context, as Conn.PublishFix does without the right
	fixes         map[string][]byte // by id
	kept          [][]byte          // those that another came for
	dead          []*messages.DeadLetter
	deadFails     error
}

var errDown = errors.New("the server is down")

func (p *fakePublisher) PublishFix(ctx context.Context, subject, id, _ string, body []byte, _ []string) (uint64, error) {
	if p.during != nil {
		p.during(subject)
	}
	p.mu.Lock()
	denied := p.denyShadows && messages.IsShadow(subject)
	p.mu.Unlock()
	if denied {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails > 0 {
		p.fails--
		return 0, errDown
	}
	if p.refuseShadows && messages.IsShadow(subject) {
		return 0, errDown
	}
	if p.fixes == nil {
		p.fixes = make(map[string][]byte)
	}
	if kept, ok := p.fixes[id]; ok {
		p.kept = append(p.kept, kept)
		return uint64(len(p.kept)), nil
	}
	p.fixes[id] = body
	return 0, nil
}

func (p *fakePublisher) FixAt(_ context.Context, number uint64) (*messages.Fix, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blind {
		return nil, errDown
	}
	return messages.DecodeFix(messages.ContentTypeJSON, p.kept[number-1])
}

func (p *fakePublisher) FixOf(_ context.Context, of, captureID string, _ time.Time) (*messages.Fix, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blind {
		return nil, false, errDown
	}
	subject, _ := messages.FixSubject(of)
	body, found := p.fixes[subject+"/"+captureID]
	fix, _ := messages.DecodeFix(messages.ContentTypeJSON, body)
	return fix, found, nil
}

func (p *fakePublisher) PublishDead(_ context.Context, _ uint64, letter *messages.DeadLetter) (repeated bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deadFails != nil {
		return false, p.deadFails
	}
	repeated = slices.ContainsFunc(p.dead, func(l *messages.DeadLetter) bool { return bytes.Equal(l.Body, letter.Body) })
	if !repeated {
		p.dead = append(p.dead, letter)
	}
	return repeated, nil
}

func (p *fakePublisher) only(t *testing.T) *messages.Fix {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fixes) != 1 {
		t.Fatalf("%d fixes were published, want 1", len(p.fixes))
	}
	for _, body := range p.fixes {
		fix, err := messages.DecodeFix(messages.ContentTypeJSON, body)
		if err != nil {
			t.Fatal(err)
		}
		return fix
	}
	return nil
}

// fakeModel answers every capture with a place near the receivers that tells its version, or as answer says.
type fakeModel struct {
	contract *contract.Contract
	version  string // "" for 1
	answer   func(batch int) ([]contract.Prediction, error)
	noRunner bool

	mu      sync.Mutex
	batches []int
	made    int // runners
	closed  int
}

func (m *fakeModel) Identity() messages.Model {
	if m.version == "" || m.version == "1" {
		return messages.Model{Name: "fake", Version: "1", Digest: "abc"}
	}
	return messages.Model{Name: "fake", Version: m.version, Digest: "digest of " + m.version}
}
func (m *fakeModel) Contract() *contract.Contract { return m.contract }
func (m *fakeModel) MaxBatch() int                { return 0 }
func (m *fakeModel) NewRunner() (Runner, error) {
	if m.noRunner {
		return nil, errDown
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	return fakeRunner{m}, nil
}

// opened is how many runners were made, and open how many of them are not closed.
func (m *fakeModel) opened() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made
}

func (m *fakeModel) open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made - m.closed
}

func (m *fakeModel) runs() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int(nil), m.batches...)
}

// placeOf is the longitude that a model of a version answers: 8 degrees for the first.
func placeOf(version string) float64 {
	n, err := strconv.Atoi(version)
	if err != nil {
		n = 999
	}
	return 8 + float64(n-1)/1024
}

type fakeRunner struct{ *fakeModel }

func (r fakeRunner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	return nil
}

func (r fakeRunner) Run(_ []contract.Prediction, batch ...[]contract.Tensor) ([]contract.Prediction, error) {
	r.mu.Lock()
	r.batches = append(r.batches, len(batch))
	r.mu.Unlock()
	if r.answer != nil {
		return r.answer(len(batch))
	}
	predictions := make([]contract.Prediction, len(batch))
	for i := range predictions {
		predictions[i] = contract.Prediction{
			X: 45, Y: placeOf(r.Identity().Version), Covariance: contract.Spread{XX: 100, YY: 400}, Confidence: 0.9,
		}
	}
	return predictions, nil
}

// fakeCache is a map under real keys.
type fakeCache struct {
	mu     sync.Mutex
	values map[[32]byte][]byte
}

func (c *fakeCache) NewKeyer(digest string, text []byte) Keyer {
	return cache.NewKeyer(digest, text)
}

func (c *fakeCache) Get(_ context.Context, key [32]byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.values[key]
	return value, ok
}
func (c *fakeCache) Set(_ context.Context, key [32]byte, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = make(map[[32]byte][]byte)
	}
	c.values[key] = value
}

// counts is an Observer that counts.
type counts struct {
	mu                                   sync.Mutex
	hits, misses, shared, fixed, retried int
	repeated                             int
	dead                                 []string
	inFlight                             int
	dropped                              int
	arms                                 map[string]int // what each was told of, such as "champion 1 fixed"
	latency                              time.Duration
	firstToFix                           []time.Duration
	events                               []string
	received                             []string // network, source and number
	stations                             []string // network, name, use, residual and the capture's time
}

func (c *counts) with(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}
func (c *counts) InFlight(delta int)          { c.with(func() { c.inFlight += delta }) }
func (c *counts) Stage(string, time.Duration) {}
func (c *counts) Batch(int)                   {}
func (c *counts) Fixed(time.Duration)         { c.with(func() { c.fixed++ }) }
func (c *counts) Dead(code string)            { c.with(func() { c.dead = append(c.dead, code) }) }
func (c *counts) Retried(string)              { c.with(func() { c.retried++ }) }
func (c *counts) Repeated()                   { c.with(func() { c.repeated++ }) }
func (c *counts) Met(network, outcome string) {
	c.with(func() { c.events = append(c.events, network+" "+outcome) })
}
func (c *counts) EventFixed(receivers int) {
	c.with(func() { c.events = append(c.events, fmt.Sprint("fix of ", receivers)) })
}
func (c *counts) FirstToFix(took time.Duration) {
	c.with(func() { c.firstToFix = append(c.firstToFix, took) })
}
func (c *counts) LeftOut(network, station, code string) {
	c.with(func() { c.events = append(c.events, network+" "+station+" "+code) })
}
func (c *counts) ShadowDropped()             { c.with(func() { c.dropped++ }) }
func (c *counts) FellBack(code string)       { c.with(func() { c.arms["fallback "+code]++ }) }
func (c *counts) Latency(took time.Duration) { c.with(func() { c.latency += took }) }
func (c *counts) Station(network, station string, used bool, residual float64, stored time.Time) {
	c.with(func() {
		c.stations = append(c.stations, fmt.Sprint(network, " ", station, " ", used, " ", residual, " ", stored.Unix()))
	})
}
func (c *counts) Received(network, station string, sequence uint64) {
	c.with(func() { c.received = append(c.received, fmt.Sprint(network, " ", station, " ", sequence)) })
}
func (c *counts) ArmServes(_, version, arm string) {
	c.with(func() {
		if c.arms == nil {
			c.arms = map[string]int{}
		}
		c.arms[arm+" "+version+" serves"]++
	})
}
func (c *counts) ArmInferred(_, version, arm string) {
	c.with(func() { c.arms[arm+" "+version+" inferred"]++ })
}
func (c *counts) ArmFixed(_, version, arm string, _ time.Duration) {
	c.with(func() { c.arms[arm+" "+version+" fixed"]++ })
}
func (c *counts) ArmFailed(_, version, arm, code string) {
	c.with(func() { c.arms[arm+" "+version+" "+code]++ })
}
func (c *counts) Shared() { c.with(func() { c.shared++ }) }
func (c *counts) Cache(hit bool) {
	c.with(func() {
		if hit {
			c.hits++
		} else {
			c.misses++
		}
	})
}
