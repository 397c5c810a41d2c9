package evaluate

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"foxhunt/model"
)

// Options of a run.
type Options struct {
	Scenes   int                   // of each case
	Seed     uint64                // the same seed gives the same report
	Model    *model.Model          // what is measured
	Progress func(done, total int) // optional; called after each scene, one call at a time
}

// Run measures the model over Scenes random scenes of each case, on as many goroutines
// as there are processors. When ctx ends it returns ctx's error.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Scenes < 1 || o.Model == nil {
		return nil, errors.New("evaluate: want a model, and one scene or more")
	}
	all := kinds()
	results := make([]result, len(all)*o.Scenes)
	var next atomic.Int64
	var progress sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() (err error) {
			j, err := newJudge(o.Model)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, j.close()) }()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(results) || ctx.Err() != nil {
					return ctx.Err()
				}
				kind, scene := i/o.Scenes, i%o.Scenes
				if results[i], err = j.run(&all[kind], o.Seed, uint64(kind)<<32|uint64(scene)); err != nil {
					return err
				}
				if o.Progress != nil {
					progress.Lock()
					done++
					o.Progress(done, len(results))
					progress.Unlock()
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	info := o.Model.Info()
	report := &Report{Model: info.Name, Version: info.Version, Digest: info.Digest, Seed: o.Seed, Scenes: o.Scenes, Pass: true}
	for i := range all {
		c := summarise(&all[i], results[i*o.Scenes:(i+1)*o.Scenes])
		report.Cases = append(report.Cases, c)
		report.Pass = report.Pass && c.Pass
	}
	return report, nil
}
