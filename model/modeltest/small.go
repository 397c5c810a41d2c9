package modeltest

import (
	"testing"

	"foxhunt/contract"
	"foxhunt/model/graph"
)

// Flaw makes a small model break a rule.
type Flaw string

// The flaws of [Small].
const (
	Sound       Flaw = ""            // none
	NaN         Flaw = "NaN"         // positions are no numbers
	FarAway     Flaw = "far away"    // positions are off the Earth
	Indefinite  Flaw = "indefinite"  // covariances are not positive definite
	Immense     Flaw = "immense"     // deviations are larger than the Earth
	Unsure      Flaw = "unsure"      // confidences are above 1
	Mixing      Flaw = "mixing"      // each capture's answer depends on the others of its batch
	Random      Flaw = "random"      // the same capture gives other answers
	Failing     Flaw = "failing"     // every run fails
	FailsInHard Flaw = "fails hard"  // runs of captures without a signal fail
	OneAtATime  Flaw = "one by one"  // runs of more than one capture fail
	Slow        Flaw = "slow"        // a run takes minutes
	Huge        Flaw = "huge"        // a run wants more memory than any machine has
	OtherShape  Flaw = "other shape" // positions have four coordinates
)

// Small builds a model of next to no cost, of 2 to 4 receivers: it puts the emitter into the receivers' midst with
// deviations of 100 m, give or take what their levels say. The name is part of its bytes, so that each name has a
// digest of its own. Further metadata may be given as keys and values in turn.
func Small(t testing.TB, name string, flaw Flaw, metadata ...string) []byte {
	g := graph.New(name)
	g.Producer("foxhunt modeltest")
	s := small{g, g.Input("where", graph.Float32, "B", "R", "3"), g.Input("level", graph.Float32, "B", "R")}
	loud := g.Mul(g.ReduceMean(s.level, true, 1), g.Float32(0.1)) // [B, 1]
	place := g.Add(g.Slice(g.ReduceMean(s.where, false, 1), 1, 0, 2), s.spoil(flaw, loud))
	spread := g.Float32s([]int64{1, 3}, 1e4, 1e4, s.correlation(flaw))
	if flaw == Immense {
		spread = g.Float32s([]int64{1, 3}, 1e16, 1e16, 0)
	}
	sure := g.Float32(0.5)
	if flaw == Unsure {
		sure = g.Float32(1.5)
	}
	zero := g.Mul(loud, g.Float32(0))
	if flaw == OtherShape {
		place = g.Concat(1, place, place)
	}
	g.Output("place", place, graph.Float32, "B", "D") // what D is, only a run shows
	g.Output("spread", g.Add(zero, spread), graph.Float32, "B", "3")
	g.Output("sure", g.Add(zero, sure), graph.Float32, "B", "1")
	g.Metadata(contract.MetadataKey, string(SmallContract().JSON()))
	for i := 0; i+1 < len(metadata); i += 2 {
		g.Metadata(metadata[i], metadata[i+1])
	}
	return Marshal(t, g)
}

// SmallContract is the contract of [Small].
func SmallContract() *contract.Contract {
	return &contract.Contract{
		Version:   contract.Version,
		Frame:     contract.ENU,
		Receivers: contract.Receivers{Min: 2, Max: 4},
		Inputs: []contract.Input{
			{Name: "where", Feature: contract.ReceiverPosition},
			{Name: "level", Feature: contract.ReceiverLevel},
		},
		Outputs: []contract.Output{
			{Name: "place", Kind: contract.Position},
			{Name: "spread", Kind: contract.Covariance},
			{Name: "sure", Kind: contract.Confidence},
		},
	}
}

// small is the graph with its inputs.
type small struct {
	*graph.Graph
	where, level graph.Value
}

func (s small) correlation(flaw Flaw) float32 {
	if flaw == Indefinite {
		return 2e4
	}
	return 0
}

// spoil is what is added to the positions: the levels' mean [B, 1], and the flaw.
func (s small) spoil(flaw Flaw, loud graph.Value) graph.Value {
	zero := s.Mul(loud, s.Float32(0))
	switch flaw {
	case NaN:
		return s.Sqrt(s.Sub(zero, s.Float32(1)))
	case FarAway:
		return s.Add(zero, s.Float32(1e8))
	case Mixing:
		return s.Mul(s.ReduceMean(loud, true, 0), s.Float32(10))
	case Random:
		return s.Mul(s.Node("RandomNormalLike", []graph.Value{loud}), s.Float32(1e3))
	case Failing:
		return s.pick(s.Add(zero, s.Float32(1)))
	case FailsInHard: // the noise of a receiver is some -127 dBm
		return s.pick(s.Cast(s.Less(loud, s.Float32(-12)), graph.Float32))
	case OneAtATime:
		return s.Reshape(loud, 1, 1)
	case Slow:
		return s.work(zero, 4096, 400)
	case Huge:
		return s.work(zero, 1<<22, 1)
	}
	return loud
}

// pick takes element 0 of a list that has no other, and so fails where an index [B, 1] is above.
func (s small) pick(index graph.Value) graph.Value {
	return s.Gather(s.Float32s([]int64{1}, 0), s.Cast(index, graph.Int64), 0)
}

// work multiplies square matrices of zeros again and again, and gives one of their elements.
func (s small) work(zero graph.Value, size int64, times int) graph.Value {
	one := s.Reshape(s.Slice(zero, 0, 0, 1), 1, 1)
	x := s.Node("Expand", []graph.Value{one, s.Axes(size, size)})
	for range times {
		x = s.MatMul(x, x)
	}
	return s.Slice(s.Slice(x, 0, 0, 1), 1, 0, 1)
}
