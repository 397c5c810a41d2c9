package golden

import (
	"context"
	"slices"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/model"
)

// A worker's batches: so many captures by default, and fewer of those with many features.
const (
	batchSize   = 8
	batchValues = 64 << 10
)

// examiner holds what the rules share.
type examiner struct {
	ctx    context.Context
	model  *model.Model
	runner *model.Runner
	groups []group
}

// group holds the captures of one number of receivers, and what the model says of the clean ones, each by itself.
type group struct {
	clean, hard []sample
	alone       []contract.Prediction
}

func newExaminer(ctx context.Context, m *model.Model, sizes []int) (*examiner, error) {
	extractor, err := features.New(m.Contract(), features.Budget{})
	if err != nil {
		return nil, err
	}
	e := &examiner{ctx: ctx, model: m}
	var unfit error // of a large network the longest recordings are more than a capture may hold
	for _, receivers := range sizes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var g group
		if g.clean, g.hard, err = captures(extractor, receivers); err != nil {
			unfit = err
			continue
		}
		e.groups = append(e.groups, g)
	}
	if len(e.groups) == 0 {
		return nil, unfit
	}
	e.runner, err = m.NewRunner()
	return e, err
}

func (e *examiner) close() { e.runner.Close() }

// ask runs the model once, over these samples together.
func (e *examiner) ask(samples ...sample) ([]contract.Prediction, error) {
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	batch := make([][]contract.Tensor, len(samples))
	for i := range samples {
		batch[i] = samples[i].features.Tensors
	}
	return e.runner.Run(nil, batch...)
}

// batch is how many captures like this one a worker would let share a run; 1 where the model takes no more.
func (e *examiner) batch(like sample) int {
	if most := e.model.Info().MaxBatch; most > 0 {
		return most
	}
	values := 1
	for i := range like.features.Tensors {
		values += len(like.features.Tensors[i].Data)
	}
	return min(batchSize, max(2, batchValues/values))
}

// warmUp runs the smallest and the largest batch.
func (e *examiner) warmUp() error {
	for _, g := range e.groups {
		var full []sample
		for i := range e.batch(g.clean[0]) {
			full = append(full, g.clean[i%len(g.clean)])
		}
		for _, batch := range [][]sample{full[:1], full} {
			if _, err := e.ask(batch...); err != nil {
				if e.ctx.Err() != nil {
					return err
				}
				return refuse(WarmupFailed, "a batch of %d, the first %s: %v", len(batch), batch[0].name, err)
			}
		}
	}
	return nil
}

// answers wants a sane answer to each clean capture.
func (e *examiner) answers() error {
	for i := range e.groups {
		g := &e.groups[i]
		for _, s := range g.clean {
			p, err := e.ask(s)
			if err != nil {
				return err
			}
			if err := e.sane(s, &p[0]); err != nil {
				return err
			}
			g.alone = append(g.alone, p[0])
		}
	}
	return nil
}

// repeats asks each clean capture again.
func (e *examiner) repeats() error {
	for _, g := range e.groups {
		for i, s := range g.clean {
			p, err := e.ask(s)
			if err != nil {
				return err
			}
			if how := e.apart(&g.alone[i], &p[0]); how != "" {
				return refuse(NotRepeatable, "%s, run a second time: %s", s.name, how)
			}
		}
	}
	return nil
}

// stands runs clean captures in the company of each other, of noise and of silence, in two orders.
func (e *examiner) stands() error {
	for _, g := range e.groups {
		size := e.batch(g.clean[0])
		if size == 1 {
			continue
		}
		var order []int // one of the clean, one of the hard, and so on
		for i := range g.clean {
			order = append(order, i)
			if i < len(g.hard) {
				order = append(order, len(g.clean)+i)
			}
		}
		for range 2 {
			if err := e.together(g, order, size); err != nil {
				return err
			}
			slices.Reverse(order)
		}
	}
	return nil
}

// together runs the captures in batches of the size, from the order's beginning until each had its turn.
func (e *examiner) together(g group, order []int, size int) error {
	all := slices.Concat(g.clean, g.hard)
	for from := 0; from < len(order); from += size {
		var batch []sample
		for i := range size {
			batch = append(batch, all[order[(from+i)%len(order)]])
		}
		predictions, err := e.ask(batch...)
		if err != nil {
			return err
		}
		for i := range predictions {
			at := order[(from+i)%len(order)]
			if at >= len(g.clean) {
				continue
			}
			if how := e.apart(&g.alone[at], &predictions[i]); how != "" {
				return refuse(BatchMixed, "%s, number %d in a batch of %d instead of alone: %s", all[at].name, i+1, size, how)
			}
		}
	}
	return nil
}

// survives wants no failed run of captures without a signal. The model may refuse them; what it answers must be sane.
func (e *examiner) survives() error {
	for _, g := range e.groups {
		for _, s := range g.hard {
			p, err := e.ask(s)
			if err != nil {
				return err
			}
			if p[0].Err != nil {
				continue
			}
			if err := e.sane(s, &p[0]); err != nil {
				return err
			}
		}
	}
	return nil
}
