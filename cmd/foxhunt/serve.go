package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"foxhunt/cache"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/metrics"
	"foxhunt/model"
	"foxhunt/serving"
	"foxhunt/worker"
)

// workerProcess is what a process with a worker in it makes for it, in this order; it is taken down the other way round.
// The HTTP server, the connection and ONNX Runtime are the caller's.
type workerProcess struct {
	options  *workerOptions
	http     *httpServer
	conn     *jetstream.Conn
	topology jetstream.Topology
	cache    cache.Cache // nil: none
	meetings *jetstream.Meetings
	worker   *worker.Worker
	models   *serving.Manager
	answers  *workerAnswers
	log      *slog.Logger
}

// newWorkerProcess makes the streams, opens the cache and loads the models that the plan wants, which may take until their
// source answers; what it is and what it waits for can be asked of it meanwhile. Whatever was opened before an error is
// closed. The options are settled.
func newWorkerProcess(ctx context.Context, h *httpServer, conn *jetstream.Conn, runtime *model.Runtime, o *workerOptions, log *slog.Logger) (*workerProcess, error) {
	o.Log = log
	p := &workerProcess{options: o, http: h, conn: conn, log: log}
	for _, step := range []func() error{
		func() error { return p.ensure(ctx) },
		func() error { return p.openCache(ctx) },
		func() error { return p.openTable(ctx) },
		p.newWorker,
		func() error { return p.newManager(runtime) },
		p.answer,
		func() error { return p.models.Start(ctx) },
	} {
		if err := step(); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// ensure makes the streams first of all, so that captures can be published while the model loads.
func (p *workerProcess) ensure(ctx context.Context) (err error) {
	if p.topology, err = p.options.topology.topology(); err != nil {
		return err
	}
	return p.options.topology.ensure(ctx, p.conn, p.topology, p.log)
}

func (p *workerProcess) openCache(ctx context.Context) error {
	var near *cache.Memory
	if p.options.cacheBytes > 0 {
		near = cache.NewMemory(p.options.cacheBytes, p.options.cacheTTL)
		p.cache = near
	}
	if p.options.redis.given() {
		o, err := p.options.redis.options()
		if err != nil {
			return err
		}
		o.TTL, o.Log = p.options.cacheTTL, p.log
		redis, err := cache.NewRedis(ctx, o)
		if err != nil {
			return err
		}
		p.cache = redis
		if near != nil {
			p.cache = cache.NewTiered(near, redis)
		}
	}
	return nil
}

func cacheTiers(c cache.Cache) (tiers []metrics.CacheTier) {
	for _, s := range c.Stats() {
		tiers = append(tiers, metrics.CacheTier{
			Tier: s.Tier, Hits: float64(s.Hits), Misses: float64(s.Misses), Errors: float64(s.Errors),
			Waited: s.Waited.Seconds(), Evictions: float64(s.Evictions), Dropped: float64(s.Dropped),
			Entries: float64(s.Entries), Bytes: float64(s.Bytes), Available: s.Available,
		})
	}
	return tiers
}

func sourceMetrics(s jetstream.SourceStats) metrics.Source {
	return metrics.Source{
		Redelivered: float64(s.Redelivered), Repeated: float64(s.Repeated), Overtaken: float64(s.Overtaken),
		Interruptions: float64(s.Interruptions), Waiting: float64(s.Buffered), HeldBytes: float64(s.HeldBytes),
	}
}

func (p *workerProcess) newWorker() (err error) {
	p.options.Observer = metrics.NewWorker(p.http.registry)
	p.options.Stuck = func(subject string, sequence uint64) {
		p.log.Error("a computation hangs, and cannot be stopped: this process ends, and its captures go to others",
			"subject", subject, "sequence", sequence, "after", p.options.TooLong)
		os.Exit(1)
	}
	var fixes worker.Cache
	if p.cache != nil {
		fixes = fixCache{p.cache}
		metrics.NewCache(p.http.registry, func() []metrics.CacheTier { return cacheTiers(p.cache) })
	}
	p.options.Challenged = func(failed bool, code string) { p.models.Challenged(failed, code) } // not before models are served
	p.worker, err = worker.New(publisher{p.conn, p.topology}, fixes, p.options.Options)
	return err
}

// run serves captures until ctx ends, then stops in this order: not ready, no more pulling, finish and acknowledge what
// was pulled, give back what could not be finished within the grace period.
func (p *workerProcess) run(ctx context.Context) error {
	captures, err := p.conn.NewSource(ctx, p.topology, jetstream.SourceOptions{
		Concurrency: p.options.Lanes, MaxBytes: p.options.prefetchBytes, Log: p.log,
	})
	if err != nil {
		return err
	}
	defer captures.Close()
	metrics.NewSource(p.http.registry, func() metrics.Source { return sourceMetrics(captures.Stats()) })
	champion := p.champion()
	p.log.Info("worker ready", "model", champion.Name, "version", champion.Version, "nats", p.conn.Server(), "http", p.http.address())
	p.http.ready(p.conn.Connected)
	defer p.http.unready()
	defer context.AfterFunc(ctx, func() {
		p.http.unready()
		p.log.Info("stopping: no more is pulled, what was is finished; a second signal ends it at once", "grace", p.options.Grace)
	})()

	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { return p.worker.Run(working, source{captures}) })
	group.Go(func() error { return p.models.Run(working) })
	group.Go(func() error { return untilClosed(working, p.conn) })
	group.Go(func() error { p.conn.Keep(working, p.topology); return nil })
	group.Go(func() error {
		p.conn.Reap(working, p.topology, p.options.Name, p.options.Observer.Dead, p.hasMet)
		return nil
	})
	return group.Wait()
}

// champion is the model that serves as such, as the worker's arms have it.
func (p *workerProcess) champion() messages.Model {
	return p.worker.Arms()[0].Model
}

// untilClosed ends the process when its connection has ended for good: then it would be alive and deaf.
func untilClosed(ctx context.Context, conn *jetstream.Conn) error {
	select {
	case <-conn.Closed():
		return errors.New("the connection to NATS was closed for good; the log says why")
	case <-ctx.Done():
		return nil
	}
}

// close frees what newWorkerProcess opened.
func (p *workerProcess) close() {
	if p.answers != nil {
		p.answers.close()
	}
	if p.worker != nil {
		p.worker.Close()
	}
	if p.models != nil {
		p.models.Close()
	}
	if p.meetings != nil {
		p.meetings.Close()
	}
	if p.cache != nil {
		if err := p.cache.Close(); err != nil {
			p.log.Warn("the cache could not be closed", "error", err)
		}
	}
}
