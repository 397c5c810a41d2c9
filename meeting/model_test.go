package meeting_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
	"foxhunt/messages"
)

// seeds are 500 in hurried tests; a change of what is decided deserves 20,000, which take a minute:
//
//	go test ./meeting -run TestModel -meeting.seeds 20000
var seeds = flag.Uint64("meeting.seeds", 500, "how many networks TestModel runs")

// TestModel runs networks of stations and workers that die, pause and fail at any step, in many random orders, over a store
// with real compare-and-set, and holds what became of every capture against what was promised.
func TestModel(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range *seeds {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			w.run()
			seen["fixes"] += len(w.fixes)
			seen["together"] += w.together
			for _, code := range w.dead {
				seen[code]++
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("what was seen: %v", seen)
	for _, what := range []string{"fixes", "together", "no_baseline", meeting.CodeTooFew, meeting.CodeNoOverlap, meeting.CodeLate, meeting.CodeRepeatedStation, meeting.CodeFrequencyMismatch,
		meeting.CodeRateMismatch} {
		if seen[what] == 0 {
			t.Errorf("%s never came about: %v", what, seen)
		}
	}
}

// published is a capture in the model's stream.
type published struct {
	member     meeting.Member
	event      string
	frequency  float64
	emission   int
	prompt     bool // it was published in time
	copyOf     *published
	deliveries int
	due        time.Time
}

// world is a stream, workers and what they have brought about.
type world struct {
	t        *testing.T
	random   *rand.Rand
	store    *meetingtest.Store
	rules    meeting.Rules
	captures []*published
	harms    int // deaths, pauses and failures that are still to come
	harmed   bool

	together int // letters that the worker wrote that refused their event

	fixes map[string][]meeting.Place
	dead  map[meeting.Place]string
	acked map[meeting.Place]bool

	mu    sync.Mutex // held for what the workers' goroutines change
	calls []call
	idle  int // workers
}

func (w *world) with(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// call is a worker's call of the store that waits for its turn.
type call struct {
	process *process
	name    string
	proceed chan error
}

// process is a worker with one lane; a new one takes its place when it dies.
type process struct {
	world *world
	store *meetingtest.Store
	table *meeting.Table
	died  atomic.Bool
}

var errDied = errors.New("the worker has died")

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), store: meetingtest.New(), rules: meeting.DefaultRules(), idle: 4,
		fixes: map[string][]meeting.Place{}, dead: map[meeting.Place]string{}, acked: map[meeting.Place]bool{},
	}
	w.rules.MinReceivers = 2 + w.random.IntN(2)
	if w.random.IntN(2) == 0 {
		w.harms = 2 + w.random.IntN(8)
	}
	for emission := range 1 + w.random.IntN(3) {
		w.publish(emission)
	}
	return w
}

// publish has the stations hear an emission and publish it, each in its own time.
func (w *world) publish(emission int) {
	start := time.Now().Add(time.Duration(emission) * 40 * time.Second).Add(time.Duration(w.random.Int64N(int64(10 * time.Second)))) // anywhere in its slot
	event := ""
	if w.random.IntN(2) == 0 {
		event = fmt.Sprintf("event %d", emission)
	}
	for station := range 1 + w.random.IntN(5) {
		at := start.Add(time.Duration(w.random.Int64N(int64(w.rules.Guard))))
		if event != "" && w.random.IntN(12) == 0 {
			at = at.Add(20 * time.Second) // its clock is off
		}
		p := &published{event: event, frequency: 145e6, emission: emission, prompt: true, due: start.Add(2 * time.Second)}
		if w.random.IntN(6) == 0 {
			p.prompt = false
			p.due = p.due.Add(time.Duration(w.random.Int64N(int64(20 * time.Second))))
		}
		if event != "" && w.random.IntN(15) == 0 {
			p.frequency = 146e6
		}
		p.member = meeting.Member{
			Station: fmt.Sprintf("s%d", station), ID: messages.NewCaptureID(), Size: 1000,
			Start: at.UnixNano(), End: at.Add(2 * time.Second).UnixNano(), Rate: 250e3,
		}
		switch w.random.IntN(20) {
		case 0:
			p.prompt, p.member.End = false, p.member.Start+int64(time.Millisecond)
		case 1:
			p.prompt, p.member.Rate = false, 1000
		}
		w.add(p)
		if w.random.IntN(8) == 0 { // sent again, as its PubAck was lost
			again := *p
			again.copyOf = p
			w.add(&again)
		}
		if w.random.IntN(12) == 0 { // another of the same station
			other := *p
			other.member.ID = messages.NewCaptureID()
			other.prompt = false
			w.add(&other)
		}
	}
}

func (w *world) add(p *published) {
	p.member.Place = meeting.Place{Sequence: uint64(len(w.captures) + 1), Stored: p.due.UnixNano()}
	w.captures = append(w.captures, p)
	w.store.Put(p.member.Place, &meeting.Message{Subject: "captures.net." + p.member.Station, Stored: p.due})
}

// run lets one thing happen after the other until nothing is left to do.
func (w *world) run() {
	began := time.Now()
	for time.Since(began) < time.Hour {
		synctest.Wait()
		switch next := w.next(); {
		case next != nil:
			next()
		case w.ended():
			w.check()
			return
		default:
			time.Sleep(50 * time.Millisecond)
		}
	}
	w.t.Errorf("captures are left after an hour")
	w.check()
}

// next is a thing that may happen now; nil: nothing, before time goes on.
func (w *world) next() (next func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.due()
	switch {
	case len(due) > 0 && w.idle > 0 && w.random.IntN(3) > 0:
		p := due[w.random.IntN(len(due))]
		w.idle--
		p.deliveries++
		p.due = time.Now().Add(w.store.Wait)
		deliveries := p.deliveries
		return func() { w.deliver(p, deliveries) }
	case len(w.calls) > 0:
		i := w.random.IntN(len(w.calls))
		c := w.calls[i]
		w.calls = slices.Delete(w.calls, i, i+1)
		return func() { w.proceed(c) }
	}
	return nil
}

func (w *world) due() (due []*published) {
	for _, p := range w.captures {
		if w.store.Has(p.member.Place) && !p.due.After(time.Now()) {
			due = append(due, p)
		}
	}
	return due
}

func (w *world) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.idle == 4 && !slices.ContainsFunc(w.captures, func(p *published) bool { return w.store.Has(p.member.Place) })
}

// deliver gives a capture to a worker. It comes again after AckWait, whatever happens.
func (w *world) deliver(p *published, deliveries int) {
	process := &process{world: w}
	process.store = w.store
	process.table = meeting.NewTable(gated{w.store, process}, meeting.Networks{Default: w.rules})
	go func() {
		defer w.with(func() { w.idle++ })
		process.work(p, deliveries)
	}()
}

// proceed lets a call happen; its worker may die before it, or after it, or fail, or pause for longer than AckWait.
func (w *world) proceed(c call) {
	var err error
	if w.harms > 0 && w.random.IntN(5) == 0 {
		w.harms--
		w.harmed = true
		switch w.random.IntN(3) {
		case 0:
			c.process.died.Store(true)
		case 1:
			err = errors.New("the server is away")
		case 2:
			go func() {
				time.Sleep(w.store.Wait + time.Duration(w.random.Int64N(int64(time.Minute))))
				c.proceed <- nil
			}()
			return
		}
	}
	if c.process.died.Load() {
		err = errDied
	}
	c.proceed <- err
}

// step waits for the turn of what comes next.
func (p *process) step(name string) error {
	proceed := make(chan error)
	p.world.with(func() { p.world.calls = append(p.world.calls, call{p, name, proceed}) })
	return <-proceed
}

// work is what a worker does with a capture, as package worker does it.
func (p *process) work(c *published, deliveries int) {
	ctx, w := context.Background(), p.world
	o, err := p.table.Arrive(ctx, meeting.Arrival{
		Network: "net", Event: c.event, Frequency: c.frequency, Capture: c.member, Deliveries: deliveries, Attempts: 12, Least: 2, Most: 32,
	})
	switch {
	case p.died.Load():
		return
	case err != nil:
		p.back(c, 5*time.Second)
	case o.Action == meeting.Wait:
		p.back(c, o.Delay)
	case o.Action == meeting.Acknowledge:
		p.ack(c)
	case o.Action == meeting.Bury:
		if o.Ended != nil && w.hasFix(o.Ended.ID(o.Key)) {
			p.ack(c)
			return
		}
		p.bury(c, o.Code)
		if o.Refuses {
			p.buryOthers(ctx, c, o.Key, o.Ended)
		}
	case o.Action == meeting.Work:
		p.locate(ctx, c, o.Event)
	}
}

// locate is what a worker does with an event.
func (p *process) locate(ctx context.Context, c *published, e *meeting.Event) {
	chosen, found, err := e.Fetch(ctx, c.member.Place)
	var refusal *messages.Refusal
	switch {
	case p.died.Load():
	case errors.Is(err, meeting.ErrTaken):
		p.back(c, time.Second)
	case errors.As(err, &refusal):
		p.refuse(ctx, c, e, refusal.Code)
	case err != nil:
		p.giveBack(ctx, c, e)
	case p.step("locate") != nil:
		p.giveBack(ctx, c, e)
	case c.emission == 1: // nobody can locate this one
		p.refuse(ctx, c, e, "no_baseline")
	default:
		for i := range chosen {
			if (found[i] == nil) != (chosen[i].Place == c.member.Place) {
				p.world.t.Errorf("of %d captures number %d is %v", len(chosen), i, found[i])
			}
		}
		p.world.fix(e.ID(), chosen)
		if p.step("fix") != nil || e.Finish(ctx, c.member.Place) != nil || p.died.Load() {
			return
		}
		if code, _ := e.Entry().LeftOut(c.member.Place); code != "" {
			p.bury(c, code)
			return
		}
		p.ack(c)
	}
}

func (p *process) refuse(ctx context.Context, c *published, e *meeting.Event, code string) {
	if p.world.hasFix(e.ID()) {
		if e.Finish(ctx, c.member.Place) == nil {
			p.ack(c)
		}
		return
	}
	switch err := e.Refuse(ctx, code, "a sentence"); {
	case p.died.Load():
	case errors.Is(err, meeting.ErrTaken):
		p.back(c, time.Second)
	case err == nil:
		p.bury(c, code)
		p.buryOthers(ctx, c, e.Key, e.Entry())
	}
}

// buryOthers is what a worker does with the others of an event that it has refused.
func (p *process) buryOthers(ctx context.Context, c *published, key meeting.Key, e *meeting.Entry) {
	if p.died.Load() {
		return
	}
	_ = p.table.BuryOthers(ctx, key, e, c.member.Place, func(m meeting.Member, _ *meeting.Message, code, _ string) (bool, error) {
		if p.died.Load() {
			return false, errDied
		}
		p.world.with(func() { p.world.dead[m.Place] = code; p.world.together++ })
		return true, nil
	})
}

func (p *process) giveBack(ctx context.Context, c *published, e *meeting.Event) {
	_ = e.GiveBack(ctx, 5*time.Second)
	p.back(c, 5*time.Second)
}

func (p *process) back(c *published, delay time.Duration) {
	if !p.died.Load() {
		p.world.with(func() { c.due = time.Now().Add(delay) })
	}
}

func (p *process) ack(c *published) {
	if p.step("ack") == nil {
		p.world.with(func() { p.world.acked[c.member.Place] = true })
		_ = p.store.Delete(context.Background(), []meeting.Place{c.member.Place})
	}
}

func (p *process) bury(c *published, code string) {
	if p.step("letter") != nil {
		return
	}
	p.world.with(func() { p.world.dead[c.member.Place] = code })
	if p.step("term") == nil {
		_ = p.store.Delete(context.Background(), []meeting.Place{c.member.Place})
	}
}

// fix is the stream of fixes, which drops a second one of the same id. It must be the same.
func (w *world) fix(id string, chosen []meeting.Member) {
	var places []meeting.Place
	var stations []string
	for _, m := range chosen {
		places, stations = append(places, m.Place), append(stations, m.Station)
	}
	if len(chosen) < w.rules.MinReceivers || !slices.IsSorted(stations) || len(slices.Compact(stations)) != len(chosen) {
		w.t.Errorf("a fix of %v, where %d are needed", stations, w.rules.MinReceivers)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.fixes[id]; ok && !slices.Equal(before, places) {
		w.t.Errorf("fix %s is of %v, and then of %v", id, before, places)
	}
	w.fixes[id] = places
}

func (w *world) hasFix(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fixes[id] != nil
}

// check holds the end against what was promised.
func (w *world) check() {
	in := map[meeting.Place]int{}
	for _, places := range w.fixes {
		for _, p := range places {
			in[p]++
		}
	}
	ids := map[string]int{}
	for _, c := range w.captures {
		place := c.member.Place
		_, isDead := w.dead[place]
		if in[place] > 1 || in[place] == 1 && isDead {
			w.t.Errorf("capture %d of %s is in %d fixes, and a dead letter: %v (%s)", place.Sequence, c.member.Station, in[place], isDead, w.dead[place])
		}
		if in[place] == 1 || isDead {
			ids[c.member.ID]++
		}
	}
	for _, c := range w.captures {
		if c.copyOf == nil && ids[c.member.ID] == 0 {
			w.t.Errorf("capture %d of %s came to no end", c.member.Sequence, c.member.Station)
		}
	}
	if open := w.store.OpenKeys(); len(open) > 0 && !w.harmed {
		w.t.Errorf("events are left open: %s", strings.Join(open, ", "))
	}
	if !w.harmed {
		w.checkPrompt(in)
	}
}

// checkPrompt: where nothing went wrong, the captures of an emission that came in time are in one fix if they are enough.
func (w *world) checkPrompt(in map[meeting.Place]int) {
	prompt, fixed := map[int]map[string]bool{}, map[int]bool{}
	for _, c := range w.captures {
		if in[c.member.Place] > 0 {
			fixed[c.emission] = true
		}
		if c.prompt && c.frequency == 145e6 {
			if prompt[c.emission] == nil {
				prompt[c.emission] = map[string]bool{}
			}
			prompt[c.emission][c.member.Station] = true
		}
	}
	for emission, stations := range prompt {
		if c := w.captures[0]; emission != 1 && c != nil && len(stations) >= w.rules.MinReceivers && !fixed[emission] && !w.displaced(emission) {
			w.t.Errorf("%d captures of emission %d came in time, and there is no fix", len(stations), emission)
		}
	}
}

// displaced says whether a clock of the emission's stations is off.
func (w *world) displaced(emission int) bool {
	var starts []int64
	for _, c := range w.captures {
		if c.emission == emission {
			starts = append(starts, c.member.Start)
		}
	}
	return slices.Max(starts)-slices.Min(starts) > int64(w.rules.Guard)
}

// gated is a worker's view of the store: each call waits for its turn.
type gated struct {
	*meetingtest.Store
	process *process
}

func (g gated) Now(ctx context.Context) (time.Time, error) { return time.Now(), nil }

func (g gated) Read(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	if err := g.process.step("read"); err != nil {
		return nil, 0, err
	}
	return g.Store.Read(ctx, key)
}

func (g gated) ReadGroup(ctx context.Context, network, group string, names []string) ([][]byte, uint64, error) {
	if err := g.process.step("read group"); err != nil {
		return nil, 0, err
	}
	return g.Store.ReadGroup(ctx, network, group, names)
}

func (g gated) Write(ctx context.Context, key meeting.Key, value []byte, revision uint64) (uint64, error) {
	if err := g.process.step("write"); err != nil {
		return 0, err
	}
	return g.Store.Write(ctx, key, value, revision)
}

func (g gated) Remove(ctx context.Context, key meeting.Key, revision uint64) error {
	if err := g.process.step("remove"); err != nil {
		return err
	}
	return g.Store.Remove(ctx, key, revision)
}

func (g gated) Ended(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	if err := g.process.step("ended"); err != nil {
		return nil, 0, err
	}
	return g.Store.Ended(ctx, key)
}

func (g gated) End(ctx context.Context, key meeting.Key, value []byte, revision uint64) error {
	if err := g.process.step("end"); err != nil {
		return err
	}
	return g.Store.End(ctx, key, value, revision)
}

func (g gated) Fetch(ctx context.Context, places []meeting.Place) ([]*meeting.Message, error) {
	if err := g.process.step("fetch"); err != nil {
		return nil, err
	}
	return g.Store.Fetch(ctx, places)
}

func (g gated) Delete(ctx context.Context, places []meeting.Place) error {
	for _, p := range places {
		if err := g.process.step("delete"); err != nil {
			return err
		}
		if err := g.Store.Delete(ctx, []meeting.Place{p}); err != nil {
			return err
		}
	}
	return nil
}
