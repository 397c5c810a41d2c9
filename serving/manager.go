package serving

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// Manager keeps a worker's models as the plan wants them. Start, Run and Close are called once each, in this order; all else
// may be called from several goroutines at any time.
type Manager struct {
	o      Options
	now    func() time.Time
	wake   chan struct{}      // cap 1: something has changed
	asked  chan chan<- Report // reloads
	events chan rollout.Event
	guard  guard
	over   chan verdict // cap 1: the guard's

	// These are the goroutine's of Start, then that of Run.
	posts   map[string]*post
	models  map[key]*loaded
	served  served
	told    map[string]bool // refusals that the fleet was told
	seen    int             // plans
	stop    *stopping       // a split that is stopped here, whatever the plan says
	stoodIn int             // the plan for whose champion nobody can stand in
	fails   int             // of reading the plan, or of standing in, in a row

	mu      sync.Mutex
	plan    rollout.Plan // zero: there is none
	known   bool         // whether there is
	planned int          // counts plans
	noPlan  *Trouble     // why it is not known, or why a newer one is not followed
	refused string       // the refusal of a plan that the fleet was told
	loading want
	cancel  context.CancelFunc // of what is being loaded
	status  Status
}

// New makes a manager; nothing happens before Start.
func New(o Options) *Manager {
	o.Poll = cmp.Or(o.Poll, DefaultPoll)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	m := &Manager{
		o: o, now: time.Now, known: o.Plans == nil, stoodIn: -1, seen: -1,
		wake: make(chan struct{}, 1), asked: make(chan chan<- Report), events: make(chan rollout.Event, 64), over: make(chan verdict, 1),
		posts: map[string]*post{}, models: map[key]*loaded{}, told: map[string]bool{},
	}
	for _, name := range names {
		m.posts[name] = &post{name: name, follows: name != Champion}
	}
	if o.Plans != nil {
		o.Plans.Refused = m.planRefused
	}
	return m
}

// names are the posts, in the order in which they are looked after.
var names = [...]string{Champion, Challenger, Shadow}

// Start returns once a champion serves: the plan's, or the default one where there is no plan. What may pass is waited for,
// and [Manager.Waiting] says for what. A default model that is refused is an error; a plan's champion that is refused is
// stood in for by those that served before it, as they do on the workers that run.
func (m *Manager) Start(ctx context.Context) error {
	champion := m.posts[Champion]
	err := m.attend(ctx, func() (bool, error) {
		if champion.serves != nil || champion.trouble == nil || champion.trouble.Passing {
			return champion.serves != nil, nil
		}
		if plan, _ := m.planNow(); plan.V == 0 {
			return true, &Error{champion.trouble.Code, champion.wanted.ref + ": " + champion.trouble.Reason}
		}
		m.standIn(ctx, champion)
		return champion.serves != nil, nil
	})
	if err == nil && champion.serves == nil {
		return ctx.Err()
	}
	return err
}

// Run follows the plan until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	return m.attend(ctx, func() (bool, error) { return false, nil })
}

// attend looks after the posts until done or ctx ends.
func (m *Manager) attend(ctx context.Context, done func() (bool, error)) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	group, working := errgroup.WithContext(working)
	if m.o.Plans != nil {
		group.Go(func() error { return m.o.Plans.Watch(working, m.planIs) })
	}
	group.Go(func() error { m.tellEvents(working); return nil })
	group.Go(func() error {
		defer stop()
		return m.loop(working, done)
	})
	return group.Wait()
}

func (m *Manager) loop(ctx context.Context, done func() (bool, error)) error {
	var asking chan<- Report
	for ctx.Err() == nil {
		before := m.seats()
		due := m.step(ctx)
		for m.overtaken(m.seen) && ctx.Err() == nil {
			m.publish()
			due = m.step(ctx)
		}
		end, err := done()
		m.publish()
		if asking != nil {
			asking <- m.report(before)
		}
		if end || err != nil {
			return err
		}
		asking = m.wait(ctx, due)
	}
	return nil
}

// step does what is due, and says when something will be due again.
func (m *Manager) step(ctx context.Context) (due time.Time) {
	select {
	case v := <-m.over:
		m.stop = &stopping{verdict: v}
	default:
	}
	plan, planned, err := m.readPlan(ctx)
	if err != nil {
		m.fails++
		return m.now().Add(pause(m.fails - 1))
	}
	m.fails = 0
	m.watchSplit(&plan)
	due = m.assign(&plan, planned)
	m.served.plan, m.served.planned = plan, planned
	if m.stop != nil && plan.Challenger != nil && plan.Challenger.ID == m.stop.split {
		m.served.plan.Challenger = nil
	}
	if err := m.serve(); err != nil {
		m.o.Log.Error("the worker does not take its models", "error", err)
	}
	m.stopInPlan(ctx)
	for _, name := range names {
		m.follow(ctx, m.posts[name])
	}
	m.free()
	m.observePlan(&plan)
	for _, p := range m.posts {
		if (p.wanted != want{}) && p.due.Before(due) {
			due = p.due
		}
	}
	if m.stop != nil && m.stop.due.Before(due) {
		due = m.stop.due
	}
	return due
}

// assign says at every post who is wanted there by the plan, and when that changes by itself.
func (m *Manager) assign(plan *rollout.Plan, planned int) (until time.Time) {
	stopped := ""
	if m.stop != nil {
		stopped = m.stop.split
	}
	wants, until := wanted(plan, want{ref: m.o.Default.String()}, stopped, m.now())
	m.handOver(wants[Champion])
	for _, name := range names {
		p := m.posts[name]
		if planned != m.seen && p.trouble != nil {
			p.again() // whoever changed the plan may have mended it
		}
		p.want(wants[name])
	}
	m.seen = planned
	return until
}

// handOver makes a challenger or a shadow, that was promoted, champion: it is in memory, whatever its source does now.
func (m *Manager) handOver(w want) {
	champion := m.posts[Champion]
	if w == champion.wanted {
		return
	}
	for _, name := range names[1:] {
		if other := m.posts[name]; other.wanted == w && other.serves != nil && other.follows {
			heir := *other
			heir.name, heir.due = Champion, m.nextLook(other)
			*champion = heir
			m.tellSeated(champion, false)
			return
		}
	}
}

// wait returns when something is to be done: at the latest when it is due. If a reload was asked for, the asker is returned.
func (m *Manager) wait(ctx context.Context, due time.Time) (asking chan<- Report) {
	timer := time.NewTimer(min(max(due.Sub(m.now()), 0), longest))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-m.wake:
	case v := <-m.over:
		m.stop = &stopping{verdict: v}
	case asking = <-m.asked:
		m.stoodIn = -1
		for _, p := range m.posts {
			p.again()
		}
	}
	return asking
}

// longest is how long nothing is looked at; clocks are set.
const longest = time.Minute

// nextLook is when a post's reference may have come to mean another model than the one that was looked at.
func (m *Manager) nextLook(p *post) time.Time {
	if ref, err := registry.ParseRef(p.wanted.ref); err == nil && ref.Moving() && !(p.follows && p.wanted.digest != "") {
		return m.nextPoll()
	}
	return never
}

func (m *Manager) nextPoll() time.Time { return m.now().Add(jitter(m.o.Poll)) }

// Close frees the models. Start and Run must have returned, and the worker have let go of them.
func (m *Manager) Close() {
	for _, p := range m.posts {
		p.serves = nil
	}
	m.free()
}

func (m *Manager) observe(tell func(Observer)) {
	if m.o.Observer != nil {
		tell(m.o.Observer)
	}
}
