package grid

import (
	"strconv"

	"foxhunt/contract"
	"foxhunt/model/graph"
)

type value = graph.Value

// network is the graph under construction with its inputs and what follows from R alone.
//
// Shapes: what belongs to a receiver is a column [B, R, 1], to a pair [B, P, 1], to a window
// (one chain of refinement each) a row [B, 1, C]; cells are [B, 1 or R or P or H, C n n]. Where
// ONNX Runtime cannot find a shape by itself it is stated: else loading takes eight times as long.
type network struct {
	*graph.Graph
	x, y, z, sigma              value // [B, R, 1] m, m, m, s
	correlation                 value // [B, P, L] float32
	lag                         value // [B, P, L] s
	window, bandwidth, timeBand value // [B, P, 1]
	full, fullLag               value // [B, P, 1]
	receivers                   value // R, int64
	index                       value // [R] 0, 1, ...
	first, second               value // [P] the receivers of each pair
	pairOf                      value // [R, R] the pair of two receivers
	others                      value // [R, R] 0 on the diagonal, 1 elsewhere
	isFirst, isSecond           value // [P, R] 1 where the receiver is the pair's first, second
	difference, difference32    value // [P, R] 1 at the second, -1 at the first
	everyHypothesis             value // [1, H] ones, single
	everyReceiver, everyPair    value // [1, R], [1, P] ones: a MatMul with them is a sum
	keeps                       value // [H, R] 0 where the hypothesis leaves the receiver out
}

func newNetwork() *network {
	n := &network{Graph: graph.New(Name)}
	n.describe()
	n.inputs()
	n.topology()
	return n
}

func (n *network) inputs() {
	input := func(f contract.Feature, shape ...string) value {
		return n.Input(string(f), graph.Float32, append([]string{"B"}, shape...)...)
	}
	position := n.limit(n.double(input(contract.ReceiverPosition, "R", "3")), -maxCoordinate, maxCoordinate)
	n.x, n.y, n.z = n.Slice(position, 2, 0, 1), n.Slice(position, 2, 1, 2), n.Slice(position, 2, 2, 3)
	n.sigma = n.limit(n.double(n.Unsqueeze(input(contract.ReceiverSigma, "R"), 2)), 0, maxSigma)
	n.correlation = n.Squeeze(input(contract.CrossCorrelation, "P", "1", strconv.Itoa(lags)), 2)
	n.lag = n.double(input(contract.Lag, "P", strconv.Itoa(lags)))
	column := func(f contract.Feature, low, high float64) value {
		return n.limit(n.double(n.Unsqueeze(input(f, "P"), 2)), low, high)
	}
	n.window = n.scale(column(contract.LagWindow, minWindow, maxLag), lightSpeed)
	n.bandwidth = column(contract.Bandwidth, minBandwidth, maxBandwidth)
	n.timeBand = column(contract.TimeBandwidth, minTimeBand, maxTimeBand)
	full := n.double(input(contract.FullPeak, "P", "2"))
	n.full = n.limit(n.Slice(full, 2, 0, 1), minRho, maxRho)
	n.fullLag = n.scale(n.limit(n.Slice(full, 2, 1, 2), -maxLag, maxLag), lightSpeed)
}

// topology computes the tables of pairs from R.
func (n *network) topology() {
	n.receivers = n.Gather(n.Shape(n.x), n.Int64(1), 0)
	n.index = n.Shaped(n.Range(n.Int64(0), n.receivers, n.Int64(1)), graph.Int64, "R")
	i, j := n.Unsqueeze(n.index, 1), n.Unsqueeze(n.index, 0)
	upper := n.Shaped(n.NonZero(n.Less(i, j)), graph.Int64, "2", "P")
	n.first, n.second = n.Gather(upper, n.Int64(0), 0), n.Gather(upper, n.Int64(1), 0)
	n.others = n.number(n.Not(n.Equal(i, j)))

	// Row low of the upper triangle begins at low (2R - low - 1)/2. The diagonal has no pair; what
	// stands there is kept in range and masked by others.
	low, high := n.Min(i, j), n.Max(i, j)
	twice := n.Mul(low, n.Sub(n.Sub(n.Mul(n.receivers, n.Int64(2)), low), n.Int64(1)))
	n.pairOf = n.Max(n.Sub(n.Add(n.Div(twice, n.Int64(2)), n.Sub(high, low)), n.Int64(1)), n.Int64(0))

	n.isFirst = n.number(n.Equal(i, n.Unsqueeze(n.first, 0)))
	n.isSecond = n.number(n.Equal(i, n.Unsqueeze(n.second, 0)))
	n.difference = n.Sub(
		n.number(n.Equal(n.Unsqueeze(n.second, 1), j)), n.number(n.Equal(n.Unsqueeze(n.first, 1), j)))
	n.difference32 = n.single(n.difference)
	n.everyReceiver = n.number(n.Equal(j, j))
	n.everyPair = n.number(n.Unsqueeze(n.Equal(n.first, n.first), 0))
	hypotheses := n.Shaped(n.Range(n.Int64(-1), n.receivers, n.Int64(1)), graph.Int64, "H")
	left := n.Unsqueeze(hypotheses, 1) // [H, 1] who is left out
	n.everyHypothesis = n.single(n.Transpose(n.Equal(left, left), 1, 0))
	n.keeps = n.number(n.Not(n.Equal(left, j)))
}

// atFirst and atSecond give what belongs to a receiver, [B, R, 1], to its pairs, [B, P, 1].
func (n *network) atFirst(x value) value  { return n.Gather(x, n.first, 1) }
func (n *network) atSecond(x value) value { return n.Gather(x, n.second, 1) }

// sumReceivers and sumPairs add up a column to [B, 1, 1]. They are MatMuls because ONNX Runtime
// runs one for each capture, in the same order whatever the batch; its ReduceSum of a short row
// depends on where the row lies in memory.
func (n *network) sumReceivers(x value) value { return n.MatMul(n.everyReceiver, x) }
func (n *network) sumPairs(x value) value     { return n.MatMul(n.everyPair, x) }

// among turns a column of pairs into a symmetric matrix of receivers, [B, R, R], 0 on the diagonal.
func (n *network) among(pairs value) value {
	return n.Mul(n.Gather(n.Squeeze(pairs, 2), n.pairOf, 1), n.others)
}

func (n *network) double(x value) value { return n.Cast(x, graph.Float64) }
func (n *network) single(x value) value { return n.Cast(x, graph.Float32) }

// number makes 1 of true and 0 of false.
func (n *network) number(x value) value { return n.Cast(x, graph.Float64) }

func (n *network) scale(x value, by float64) value { return n.Mul(x, n.Float64(by)) }
func (n *network) plus(x value, by float64) value  { return n.Add(x, n.Float64(by)) }
func (n *network) square(x value) value            { return n.Mul(x, x) }
func (n *network) atLeast(x value, low float64) value {
	return n.Max(x, n.Float64(low))
}
func (n *network) limit(x value, low, high float64) value {
	return n.Clip(x, n.Float64(low), n.Float64(high))
}

// like gives the scalar the shape of x.
func (n *network) like(x value, v float64) value {
	return n.Where(n.Bools(nil, true), n.Float64(v), x) // unlike Expand it shows which shape comes out
}

// exactLog and exactExp are for small tensors. ONNX Runtime computes them several elements at a
// time and the rest singly, which may differ in the last bit; so that a capture's bits do not
// depend on its place in a batch, each element is computed as a whole vector of 16.
func (n *network) exactLog(x value) value { return n.vectorised("Log", x) }
func (n *network) exactExp(x value) value { return n.vectorised("Exp", x) }

func (n *network) vectorised(op string, x value) value {
	ones := make([]float64, 16)
	for i := range ones {
		ones[i] = 1
	}
	wide := n.Mul(n.Unsqueeze(x, -1), n.Float64s([]int64{16}, ones...))
	return n.Gather(n.Node(op, []value{wide}), n.Int64(0), -1)
}
