package model

import (
	"errors"
	"runtime"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"foxhunt/contract"
)

// plan holds what a run of one shape needs: tensors over Go memory, bound to the model's inputs and outputs.
type plan struct {
	captures, receivers int
	binding             *ort.IoBinding
	inputs, outputs     []*ort.Tensor[float32]
	pinner              runtime.Pinner // the tensors hold the slices' addresses between runs
}

func newPlan(m *Model, captures, receivers int) (*plan, error) {
	p := &plan{captures: captures, receivers: receivers}
	if err := p.bind(m); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *plan) bind(m *Model) (err error) {
	if p.binding, err = m.session.CreateIoBinding(); err != nil {
		return err
	}
	for _, in := range m.inputs {
		tensor, err := p.tensor(in.axes)
		if err != nil {
			return err
		}
		p.inputs = append(p.inputs, tensor)
		if err := p.binding.BindInput(in.name, tensor); err != nil {
			return err
		}
	}
	for _, out := range m.outputs {
		tensor, err := p.tensor(out.axes)
		if err != nil {
			return err
		}
		p.outputs = append(p.outputs, tensor)
		if err := p.binding.BindOutput(out.name, tensor); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) tensor(axes []axis) (*ort.Tensor[float32], error) {
	shape := make(ort.Shape, len(axes))
	for i, a := range axes {
		shape[i] = a.size(p.captures, p.receivers)
	}
	data := make([]float32, shape.FlattenedSize())
	if len(data) > 0 {
		p.pinner.Pin(&data[0])
	}
	return ort.NewTensor(shape, data)
}

// fill stacks the batch's tensors into the bound ones.
func (p *plan) fill(batch [][]contract.Tensor) {
	for j, tensor := range p.inputs {
		to := tensor.GetData()
		for _, item := range batch {
			to = to[copy(to, item[j].Data):]
		}
	}
}

// decode reads the bound outputs, one prediction a capture.
func (p *plan) decode(dst []contract.Prediction, m *Model) {
	for i := range dst {
		reset(&dst[i])
	}
	for j, out := range m.outputs {
		data := p.outputs[j].GetData()
		width := len(data) / p.captures
		for i := range dst {
			readOutput(&dst[i], out.kind, m.contract.Frame, data[i*width:(i+1)*width])
		}
	}
}

// close frees what the plan holds of the library: the binding first, for it refers to the tensors.
func (p *plan) close() error {
	var err error
	if p.binding != nil {
		err = p.binding.Destroy()
	}
	for _, tensor := range append(p.inputs, p.outputs...) {
		err = errors.Join(err, tensor.Destroy())
	}
	p.pinner.Unpin()
	return err
}

// firstLine is an error's first line, cut where it would fill a log.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 500)]
}
