package main

import (
	"cmp"
	"context"
	"time"

	"foxhunt/jetstream"
	"foxhunt/model"
	"foxhunt/serving"
	"foxhunt/worker"
)

// workerAnswers is what a worker says of itself and its models, to questions over NATS and HTTP alike. Figures are measured;
// what is not known is null.
type workerAnswers struct {
	*workerProcess
	started time.Time
	service *jetstream.Service
	hangups *hangups
}

// answer begins to answer questions, before there is a model, so that somebody can see what is waited for.
func (p *workerProcess) answer() (err error) {
	a := &workerAnswers{workerProcess: p, started: time.Now()}
	a.service, err = p.conn.StartService(p.options.Name, map[string]string{"consumer": p.topology.Workers.Durable}, a.endpoints()...)
	if err != nil {
		return err
	}
	p.answers = a
	p.http.waits(p.models.Waiting)
	a.servePages(p.http)
	a.hangups = onHangup(a.hangup)
	return nil
}

// endpoints are the questions over NATS.
func (a *workerAnswers) endpoints() []jetstream.Endpoint {
	tell := func(answer func() any) func(context.Context, []byte) (any, error) {
		return func(context.Context, []byte) (any, error) { return answer(), nil }
	}
	return []jetstream.Endpoint{
		{Name: questionInfo, Serve: tell(func() any { return a.info() })},
		{Name: questionVersions, Serve: tell(func() any { return a.versions() })},
		{Name: questionPerformance, Serve: tell(func() any { return a.performance() })},
		{Name: questionHealth, Serve: tell(func() any { return a.health() })},
		{Name: questionReload, Serve: func(ctx context.Context, _ []byte) (any, error) { return a.reload(ctx) }},
	}
}

// The names of the questions.
const (
	questionInfo        = "model.info"
	questionVersions    = "model.versions"
	questionPerformance = "model.performance"
	questionReload      = "model.reload"
	questionHealth      = "health"
)

func (a *workerAnswers) close() {
	a.hangups.stop()
	a.service.Stop()
}

// hangup looks at all models anew, as after `foxhunt model reload`.
func (a *workerAnswers) hangup(ctx context.Context) {
	answer, err := a.reload(ctx)
	if err != nil {
		return // the process ends
	}
	for _, p := range answer.Posts {
		a.log.Info("reloaded, as SIGHUP asks", "post", p.Post, "model", p.Model, "version", p.Version, "outcome", p.Outcome)
	}
}

// reloadAnswer is what a reload did at one worker.
type reloadAnswer struct {
	Worker string `json:"worker"`
	serving.Report
}

func (a *workerAnswers) reload(ctx context.Context) (reloadAnswer, error) {
	report, err := a.models.Reload(ctx)
	return reloadAnswer{a.options.Name, report}, err
}

// infoAnswer says what serves, where it comes from, and what is wrong.
type infoAnswer struct {
	Worker   string           `json:"worker"`
	Started  time.Time        `json:"started"`
	Uptime   float64          `json:"uptime_s"`
	Plan     *planAnswer      `json:"plan"` // null: there is none, or it is not known
	Followed bool             `json:"plan_followed"`
	Trouble  *serving.Trouble `json:"plan_trouble"`
	Loading  *string          `json:"loading"`
	Models   []modelAnswer    `json:"models"`
}

// planAnswer names the plan that a worker knows.
type planAnswer struct {
	Changed time.Time `json:"changed"`
}

// modelAnswer is one model that serves, or that is wanted and does not.
type modelAnswer struct {
	Arm       string           `json:"arm"`
	Wanted    string           `json:"wanted"` // reference
	Reference *string          `json:"reference"`
	Alias     *string          `json:"alias"`
	Stage     *string          `json:"stage"`
	Created   *time.Time       `json:"created"`
	LoadedAt  *time.Time       `json:"loaded_at"`
	Since     *time.Time       `json:"since"` // in this arm
	Model     *model.Info      `json:"model"` // null: none serves
	Trouble   *serving.Trouble `json:"trouble"`
}

func (a *workerAnswers) info() infoAnswer {
	s := a.models.Status()
	answer := infoAnswer{
		Worker: a.options.Name, Started: a.started.UTC(), Uptime: time.Since(a.started).Seconds(),
		Followed: s.Followed, Trouble: s.Trouble, Loading: known(s.Loading), Models: []modelAnswer{},
	}
	if s.Plan != nil {
		answer.Plan = &planAnswer{s.Plan.Changed.At}
	}
	for _, p := range s.Posts {
		m := modelAnswer{Arm: p.Post, Wanted: p.Wanted, Trouble: p.Trouble}
		if p.Ref != "" {
			m.Reference, m.Model, m.LoadedAt, m.Since = &p.Ref, &p.Info, &p.Loaded, &p.Since
			m.Alias, m.Stage, m.Created = known(p.Artifact.Alias), known(p.Artifact.Stage), known(p.Artifact.Created)
		}
		answer.Models = append(answer.Models, m)
	}
	return answer
}

// known is nil for what is not.
func known[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

// versionsAnswer lists the versions that serve, and those that served before.
type versionsAnswer struct {
	Worker   string          `json:"worker"`
	Serving  []versionAnswer `json:"serving"`
	Previous []versionAnswer `json:"previous"` // champions, the latest first, as the plan has them
}

type versionAnswer struct {
	Arm       string    `json:"arm"`
	Reference string    `json:"reference"`
	Name      *string   `json:"name"`
	Version   *string   `json:"version"`
	Digest    *string   `json:"digest"`
	Since     time.Time `json:"since"`
}

func (a *workerAnswers) versions() versionsAnswer {
	s := a.models.Status()
	answer := versionsAnswer{Worker: a.options.Name, Serving: []versionAnswer{}, Previous: []versionAnswer{}}
	for _, p := range s.Posts {
		if p.Ref != "" {
			answer.Serving = append(answer.Serving, versionAnswer{p.Post, p.Ref, &p.Info.Name, &p.Info.Version, &p.Info.Digest, p.Since.UTC()})
		}
	}
	if s.Plan != nil {
		for _, arm := range s.Plan.Previous {
			answer.Previous = append(answer.Previous, versionAnswer{Arm: serving.Champion, Reference: arm.Model, Digest: known(arm.Digest), Since: arm.Since})
		}
	}
	return answer
}

// performanceAnswer has the figures of each arm of one worker, since its model came there.
type performanceAnswer struct {
	Worker string      `json:"worker"`
	Arms   []armAnswer `json:"arms"`
}

type armAnswer struct {
	Arm         string         `json:"arm"`
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	Digest      string         `json:"digest"`
	Since       time.Time      `json:"since"`
	Captures    uint64         `json:"captures"`
	Fixes       uint64         `json:"fixes"`
	Errors      uint64         `json:"errors"`
	SuccessRate *float64       `json:"success_rate"` // fixes over fixes and errors
	LookUps     uint64         `json:"cache_lookups"`
	Hits        uint64         `json:"cache_hits"`
	HitRate     *float64       `json:"cache_hit_rate"`
	Latency     *latencyAnswer `json:"latency_ms"`
}

type latencyAnswer struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func (a *workerAnswers) performance() performanceAnswer {
	answer := performanceAnswer{Worker: a.options.Name, Arms: []armAnswer{}}
	for _, s := range a.worker.Arms() {
		answer.Arms = append(answer.Arms, armFigures(s))
	}
	return answer
}

func armFigures(s worker.ArmStats) armAnswer {
	f := armAnswer{
		Arm: s.Arm, Name: s.Model.Name, Version: s.Model.Version, Digest: s.Model.Digest, Since: s.Since.UTC(),
		Captures: s.Captures, Fixes: s.Fixes, Errors: s.Errors, LookUps: s.LookUps, Hits: s.Hits,
		SuccessRate: shareOf(s.Fixes, s.Fixes+s.Errors), HitRate: shareOf(s.Hits, s.LookUps),
	}
	if l := s.Latency; l != nil {
		f.Latency = &latencyAnswer{milliseconds(l.P50), milliseconds(l.P95), milliseconds(l.P99)}
	}
	return f
}

func shareOf(part, all uint64) *float64 {
	if all == 0 {
		return nil
	}
	r := float64(part) / float64(all)
	return &r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// healthAnswer says whether a worker does its work.
type healthAnswer struct {
	Worker   string  `json:"worker"`
	Status   string  `json:"status"` // ok, starting, or degraded: it works, and something is not as it should be
	Ready    bool    `json:"ready"`
	Nats     bool    `json:"nats_connected"`
	Model    bool    `json:"model_loaded"`
	Cache    *bool   `json:"cache_available"` // null: there is none
	Plan     bool    `json:"plan_followed"`
	Uptime   float64 `json:"uptime_s"`
	Sentence string  `json:"sentence"`
}

func (a *workerAnswers) health() healthAnswer {
	s := a.models.Status()
	h := healthAnswer{
		Worker: a.options.Name, Status: "ok", Ready: a.http.isReady(), Nats: a.conn.Connected(), Plan: s.Followed,
		Uptime: time.Since(a.started).Seconds(), Sentence: "all is as it should be",
	}
	for _, p := range s.Posts {
		h.Model = h.Model || p.Post == serving.Champion && p.Ref != ""
	}
	if a.cache != nil {
		available := a.cacheAvailable()
		h.Cache = &available
	}
	switch {
	case !h.Ready:
		h.Status, h.Sentence = "starting", cmp.Or(a.models.Waiting(), "it starts, or stops")
	case !h.Nats:
		h.Status, h.Sentence = "degraded", "it is not connected to NATS"
	case !h.Plan:
		h.Status, h.Sentence = "degraded", cmp.Or(a.models.Waiting(), "something of the plan is not, or not yet, as it is wanted")
	case h.Cache != nil && !*h.Cache:
		h.Status, h.Sentence = "degraded", "the cache is left alone, because it failed"
	}
	return h
}
