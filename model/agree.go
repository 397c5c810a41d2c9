package model

import (
	"errors"
	"slices"

	"foxhunt/contract"
)

// contract finds the model's contract and validates it.
func (h *header) contract(sidecar []byte) (*contract.Contract, error) {
	text := []byte(h.metadata[contract.MetadataKey])
	if len(text) == 0 {
		text = sidecar
	}
	if len(text) == 0 {
		return h.plainContract()
	}
	c, err := contract.Parse(text)
	if err != nil {
		reason := err.Error()
		if broken := (*contract.Error)(nil); errors.As(err, &broken) {
			reason = broken.Reason
		}
		return nil, &Error{BadContract, reason, err}
	}
	return c, nil
}

// plainContract is the contract of a model that carries none: one input [B, C, 128, 32], and the outputs positions
// [B, 2] and uncertainties [B, 2 or 3].
func (h *header) plainContract() (*contract.Contract, error) {
	const wanted = "the model carries no contract, and it is not the plain one (one input [B, C, 128, 32], outputs positions [B, 2] " +
		"and uncertainties [B, 2 or 3])"
	uncertainties := valueNamed(h.outputs, "uncertainties")
	switch {
	case len(h.inputs) != 1:
		return nil, refuse(NoContract, wanted+": it has %d inputs", len(h.inputs))
	case len(h.inputs[0].Shape) != 4:
		return nil, refuse(NoContract, wanted+": its input is %s", h.inputs[0])
	case valueNamed(h.outputs, "positions") == nil || uncertainties == nil:
		return nil, refuse(NoContract, wanted+": its outputs are %v", h.outputs)
	case len(uncertainties.Shape) != 2 || uncertainties.Shape[1].Size != 2 && uncertainties.Shape[1].Size != 3:
		return nil, refuse(NoContract, wanted+": %s", uncertainties)
	}
	c := contract.Plain(h.inputs[0].Name, int(uncertainties.Shape[1].Size))
	if channels := h.inputs[0].Shape[1].Size; channels > 0 { // a channel a receiver: so many receivers, no other number
		c.Receivers = contract.Receivers{Min: int(channels), Max: int(channels)}
	}
	if err := c.Validate(); err != nil {
		return nil, refuse(NoContract, wanted+": its input is %s", h.inputs[0])
	}
	return c, nil
}

// bindPorts matches the contract's inputs and outputs with the model's, and refuses where they disagree.
func (m *Model) bindPorts(h *header) error {
	c := m.contract
	for i := range c.Inputs {
		in := &c.Inputs[i]
		axes := inputAxes(c, in)
		value := valueNamed(h.inputs, in.Name)
		if value == nil {
			return refuse(MissingInput, "the contract names input %q; the model has %v", in.Name, h.inputs)
		}
		if err := checkValue(*value, axes, c.Receivers); err != nil {
			return err
		}
		m.inputs = append(m.inputs, port{name: in.Name, axes: axes})
	}
	for _, value := range h.inputs {
		named := func(in contract.Input) bool { return in.Name == value.Name }
		if !slices.ContainsFunc(c.Inputs, named) {
			return refuse(UnfedInput, "the model takes input %s, which the contract does not name", value)
		}
	}
	for _, out := range c.Outputs {
		axes := outputAxes(out.Kind)
		value := valueNamed(h.outputs, out.Name)
		if value == nil {
			return refuse(MissingOutput, "the contract names output %q; the model has %v", out.Name, h.outputs)
		}
		if err := checkValue(*value, axes, c.Receivers); err != nil {
			return err
		}
		m.outputs = append(m.outputs, port{name: out.Name, kind: out.Kind, axes: axes})
	}
	return nil
}

func valueNamed(values []Value, name string) *Value {
	for i := range values {
		if values[i].Name == name {
			return &values[i]
		}
	}
	return nil
}
