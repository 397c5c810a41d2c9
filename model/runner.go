package model

import (
	"math"
	"slices"

	"foxhunt/contract"
)

// maxPlans bounds how many shapes a runner keeps tensors for. Beyond it the one unused for longest makes room; making
// a plan costs a few microseconds, so a stream of ever-changing shapes is slowed but little.
const maxPlans = 16

// Runner runs a model for one goroutine. It keeps tensors and a binding per shape that it met lately.
type Runner struct {
	model  *Model
	plans  []*plan // the latest used first
	closed bool
}

// Run runs the model once over a batch and gives a prediction for each capture in it, in order, in dst (which may be
// nil; its buffers are reused). Each item of the batch holds the contract's input tensors, in the contract's order,
// for one capture or for several that are already stacked along the first axis; the items are stacked in turn. All
// captures of a batch have the same number of receivers. The items are copied, not kept.
//
// Errors are of type [*Error]: bad_input when the tensors are not the contract's, run_failed when ONNX Runtime
// reports an error. A capture whose own answer is unusable has that in its Err, of code bad_output; the others stand.
func (r *Runner) Run(dst []contract.Prediction, batch ...[]contract.Tensor) ([]contract.Prediction, error) {
	if r.closed {
		return dst[:0], refuse(Closed, "the runner is closed")
	}
	captures, receivers, err := r.measure(batch)
	if err != nil {
		return dst[:0], err
	}
	p, err := r.plan(captures, receivers)
	if err != nil {
		return dst[:0], err
	}
	p.fill(batch)
	if err := r.model.session.RunWithBinding(p.binding); err != nil {
		return dst[:0], &Error{RunFailed, firstLine(err), err}
	}
	dst = slices.Grow(dst[:0], captures)[:captures]
	p.decode(dst, r.model)
	return dst, nil
}

// Outputs copies what the last run gave, as it gave it: a tensor for each of the contract's outputs, in order, of all
// captures. After a run that failed, and before the first, it means nothing.
func (r *Runner) Outputs() []contract.Tensor {
	if len(r.plans) == 0 {
		return nil
	}
	tensors := make([]contract.Tensor, len(r.model.outputs))
	for i, out := range r.plans[0].outputs {
		tensors[i] = contract.Tensor{Name: r.model.outputs[i].name, Shape: out.GetShape().Clone(), Data: slices.Clone(out.GetData())}
	}
	return tensors
}

// Close frees the runner's tensors, and the session too if the model is closed and this was its last runner.
func (r *Runner) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	for _, p := range r.plans {
		p.close()
	}
	r.plans = nil
	return r.model.runnerClosed()
}

// measure checks the batch against the contract and counts its captures and their receivers.
func (r *Runner) measure(batch [][]contract.Tensor) (captures, receivers int, err error) {
	m := r.model
	if len(batch) == 0 {
		return 0, 0, refuse(BadInput, "the batch is empty")
	}
	receivers = m.receiversOf(batch[0])
	limits := m.contract.Receivers
	if receivers < max(limits.Min, limits.Pad) || receivers > limits.Max {
		return 0, 0, refuse(BadInput, "the captures have %d receivers; the model takes %d to %d, padded to %d (0: as they are)",
			receivers, limits.Min, limits.Max, limits.Pad)
	}
	for i, item := range batch {
		if len(item) != len(m.inputs) {
			return 0, 0, refuse(BadInput, "item %d has %d tensors; the model takes %d", i, len(item), len(m.inputs))
		}
		n, err := m.checkItem(item, receivers)
		if err != nil {
			return 0, 0, err
		}
		captures += n
	}
	if m.info.MaxBatch > 0 && captures > m.info.MaxBatch {
		return 0, 0, refuse(BadInput, "the batch holds %d captures; this model takes %d at a time", captures, m.info.MaxBatch)
	}
	return captures, receivers, nil
}

// checkItem checks one item's tensors and counts the captures stacked in it.
func (m *Model) checkItem(item []contract.Tensor, receivers int) (captures int, err error) {
	for j := range item {
		t, in := &item[j], &m.inputs[j]
		if t.Name != in.name {
			return 0, refuse(BadInput, "tensor %d is %q; the contract's is %q", j, t.Name, in.name)
		}
		if len(t.Shape) != len(in.axes) || t.Shape[0] < 1 || t.Shape[0] > math.MaxInt32 {
			return 0, refuse(BadInput, "tensor %q has shape %v; want %d axes and at least one capture", t.Name, t.Shape, len(in.axes))
		}
		if j == 0 {
			captures = int(t.Shape[0])
		}
		elements := int64(1)
		for i, a := range in.axes {
			want := a.size(captures, receivers)
			if t.Shape[i] != want {
				return 0, refuse(BadInput, "axis %d of tensor %q, shape %v, must be %d", i, t.Name, t.Shape, want)
			}
			elements *= want
		}
		if int64(len(t.Data)) != elements {
			return 0, refuse(BadInput, "tensor %q of shape %v holds %d values", t.Name, t.Shape, len(t.Data))
		}
	}
	return captures, nil
}

// receiversOf reads the number of receivers off the first tensor that tells; 0 when none does.
func (m *Model) receiversOf(item []contract.Tensor) int {
	for j := range min(len(item), len(m.inputs)) {
		shape := item[j].Shape
		if len(shape) < 2 || shape[1] < 1 || shape[1] > contract.MaxReceivers*(contract.MaxReceivers-1)/2 {
			continue
		}
		if m.inputs[j].axes[1] == receiverAxis {
			return int(shape[1])
		}
		// The R with R(R-1)/2 pairs; where there is none, checkItem finds the pairs wrong.
		return int(math.Round((1 + math.Sqrt(float64(1+8*shape[1]))) / 2))
	}
	return 0
}

// plan finds the plan for a shape, or makes it.
func (r *Runner) plan(captures, receivers int) (*plan, error) {
	for i, p := range r.plans {
		if p.captures == captures && p.receivers == receivers {
			copy(r.plans[1:i+1], r.plans[:i])
			r.plans[0] = p
			return p, nil
		}
	}
	p, err := newPlan(r.model, captures, receivers)
	if err != nil {
		return nil, refuse(RunFailed, "making tensors for %d captures of %d receivers: %v", captures, receivers, err)
	}
	if len(r.plans) == maxPlans {
		r.plans[maxPlans-1].close()
		r.plans = r.plans[:maxPlans-1]
	}
	r.plans = slices.Insert(r.plans, 0, p)
	return p, nil
}
