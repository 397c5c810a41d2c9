package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"foxhunt/cache"
	"foxhunt/jetstream"
	"foxhunt/metrics"
	"foxhunt/model"
	"foxhunt/model/grid"
	"foxhunt/worker"
)

// workerProcess is everything that a process with a worker in it holds, in the order in which it is made; it is taken
// down the other way round. The connection and ONNX Runtime are the caller's.
type workerProcess struct {
	options  *workerOptions
	conn     *jetstream.Conn
	topology jetstream.Topology
	registry *prometheus.Registry
	runtime  *model.Runtime
	model    *model.Model
	cache    cache.Cache // nil: none
	http     *httpServer
	log      *slog.Logger
}

// newWorkerProcess makes the streams, loads the model and opens what the worker needs. Whatever was opened before an
// error is closed.
func newWorkerProcess(ctx context.Context, conn *jetstream.Conn, runtime *model.Runtime, httpListen string, o *workerOptions, log *slog.Logger) (p *workerProcess, err error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	o.Log = log
	p = &workerProcess{options: o, conn: conn, runtime: runtime, topology: jetstream.DefaultTopology(), registry: metrics.NewRegistry(), log: log}
	o.AckWait, o.MaxDeliver = p.topology.Workers.AckWait, p.topology.Workers.MaxDeliver
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := p.ensure(ctx); err != nil {
		return p, err
	}
	if err := p.loadModel(); err != nil {
		return p, err
	}
	if err := p.openCache(ctx); err != nil {
		return p, err
	}
	p.http, err = listenHTTP(httpListen, p.registry, conn.Connected)
	return p, err
}

// ensure makes the streams first of all, so that captures can be published while the model loads.
func (p *workerProcess) ensure(ctx context.Context) error {
	differences, err := p.conn.Ensure(ctx, p.topology)
	for _, d := range differences {
		p.log.Warn("a live stream or consumer differs from what foxhunt would make", "difference", d.String())
	}
	return err
}

func (p *workerProcess) loadModel() (err error) {
	if p.model, err = loadModel(p.runtime, p.options.model); err != nil {
		return err
	}
	info := p.model.Info()
	metrics.NewModel(p.registry).Loaded(info.Name, info.Version, info.Digest, statedAccuracy(info))
	return nil
}

// startRuntime finds and starts ONNX Runtime.
func startRuntime(path string) (*model.Runtime, error) {
	path, err := model.FindRuntime(path)
	if err != nil {
		return nil, err
	}
	return model.Start(path)
}

// loadModel loads the built-in model by its name, any other as a file.
func loadModel(runtime *model.Runtime, name string) (*model.Model, error) {
	if name == "grid" {
		return runtime.Load(grid.File(), model.Options{})
	}
	return runtime.LoadFile(name, model.Options{})
}

func (p *workerProcess) openCache(ctx context.Context) error {
	var near, far cache.Cache
	if p.options.cacheBytes > 0 {
		near = cache.NewMemory(p.options.cacheBytes, p.options.cacheTTL)
		p.cache = near
	}
	if p.options.redis != "" {
		redis, err := cache.NewRedis(ctx, cache.RedisOptions{URL: p.options.redis, TTL: p.options.cacheTTL, Log: p.log})
		if err != nil {
			return err
		}
		far = redis
		p.cache = far
	}
	if near != nil && far != nil {
		p.cache = cache.NewTiered(near, far)
	}
	return nil
}

// run serves captures until ctx ends, then stops in this order: no more pulling, finish and acknowledge what was
// pulled, give back what could not be finished within the grace period.
func (p *workerProcess) run(ctx context.Context) error {
	source, err := p.newSource(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	w, err := p.newWorker(source)
	if err != nil {
		return err
	}
	p.log.Info("worker ready", "model", p.model.Info().Name, "version", p.model.Info().Version,
		"nats", p.conn.Server(), "http", p.http.address())

	// The HTTP server outlives the pulling, so that a stopping worker says that it is not ready.
	group, working := errgroup.WithContext(ctx)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	group.Go(func() error { return p.http.serve(background) })
	group.Go(func() error { p.conn.Reap(working, p.topology, p.options.Name); return nil })
	group.Go(func() error { p.pollLag(working); return nil })
	group.Go(func() error {
		defer stopBackground()
		p.http.serving.Store(true)
		defer context.AfterFunc(ctx, func() { p.http.serving.Store(false) })()
		return w.Run(working)
	})
	return group.Wait()
}

func (p *workerProcess) newSource(ctx context.Context) (*jetstream.Source, error) {
	return p.conn.NewSource(ctx, p.topology, jetstream.SourceOptions{
		Concurrency: p.options.Lanes, MaxBytes: p.options.prefetchBytes, Log: p.log,
	})
}

func (p *workerProcess) newWorker(s *jetstream.Source) (*worker.Worker, error) {
	p.options.Observer = metrics.NewWorker(p.registry)
	var fixes worker.Cache
	if p.cache != nil {
		fixes = fixCache{p.cache}
		metrics.NewCache(p.registry, func() []metrics.CacheTier { return cacheTiers(p.cache) })
	}
	return worker.New(source{s}, p.conn, fixes, predictor{p.model}, p.options.Options)
}

func cacheTiers(c cache.Cache) (tiers []metrics.CacheTier) {
	for _, s := range c.Stats() {
		tiers = append(tiers, metrics.CacheTier{
			Tier: s.Tier, Hits: float64(s.Hits), Misses: float64(s.Misses), Errors: float64(s.Errors),
			Entries: float64(s.Entries), Bytes: float64(s.Bytes), Available: s.Available,
		})
	}
	return tiers
}

// statedAccuracy is the accuracy that a model states of itself, where that is a number.
func statedAccuracy(info model.Info) *float64 {
	accuracy, err := strconv.ParseFloat(info.Accuracy, 64)
	if err != nil {
		return nil
	}
	return &accuracy
}

// Polling of the lag: often enough for an operator, seldom enough for the server.
const (
	lagInterval = 5 * time.Second
	lagSubjects = 1000 // shown by name in the metrics
	lagOldest   = 10   // asked for their age
)

// pollLag reads the lag for the metrics until ctx ends.
func (p *workerProcess) pollLag(ctx context.Context) {
	collector := metrics.NewLag(p.registry, lagSubjects)
	ticker := time.NewTicker(lagInterval)
	defer ticker.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, lagInterval)
		lag, err := p.conn.Lag(asking, p.topology, lagOldest)
		cancel()
		if err == nil {
			collector.Set(lagMetrics(lag))
		} else if ctx.Err() == nil {
			collector.Failed()
			p.log.Warn("the lag could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func lagMetrics(lag jetstream.Lag) metrics.Lag {
	m := metrics.Lag{
		Subjects: make(map[string]float64), OldestAge: make(map[string]time.Duration),
		Pending: float64(lag.Pending), InFlight: float64(lag.InFlight), Redelivered: float64(lag.Redelivered),
	}
	for _, s := range lag.Subjects {
		m.Subjects[s.Subject] = float64(s.Lag)
		if s.OldestAge != nil {
			m.OldestAge[s.Subject] = time.Duration(*s.OldestAge * float64(time.Second))
		}
	}
	return m
}

// close frees what newWorkerProcess opened.
func (p *workerProcess) close() {
	var errs []error
	if p.http != nil {
		errs = append(errs, p.http.close())
	}
	if p.cache != nil {
		errs = append(errs, p.cache.Close())
	}
	if p.model != nil {
		errs = append(errs, p.model.Close())
	}
	if err := errors.Join(errs...); err != nil {
		p.log.Warn("something could not be closed", "error", err)
	}
}
