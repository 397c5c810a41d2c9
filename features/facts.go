package features

import (
	"encoding/binary"
	"math"

	"foxhunt/messages"
)

// Version changes with every change of this room, or of dsp and geo, that gives a capture other features or another
// budget. It is among the facts, so that programs that share a cache do not take each other's answers when they compute
// differently.
const Version = 1

// AppendFacts appends to b all that a capture's features and budget depend on, beside the contract and the samples (the
// receivers' IQ in their order): what agrees in facts, contract and samples agrees in features. So a cache can know a
// capture before its features are computed. Not among the facts is what a fix has from its own capture: id, event,
// session, names, and the time of the earliest sample, as only differences in time matter.
func AppendFacts(b []byte, capture *messages.Capture, network string, budget Budget) []byte {
	number := func(n uint64) { b = binary.LittleEndian.AppendUint64(b, n) }
	float := func(x float64) { number(math.Float64bits(x)) }
	text := func(s string) { number(uint64(len(s))); b = append(b, s...) }

	propagation := budget.For(network, capture.Frequency, 0) // what the bandwidth adds follows from the samples
	number(Version)
	float(propagation.Propagation)
	text(propagation.Source)
	float(capture.Frequency)
	number(uint64(len(capture.Receivers)))
	earliest := capture.StartTime()
	for i := range capture.Receivers {
		r := &capture.Receivers[i]
		float(r.Latitude)
		float(r.Longitude)
		float(r.Altitude)
		number(uint64(r.StartTime) - uint64(earliest)) // unsigned, so that times at the two ends of the range cannot overflow
		float(r.ClockSigma)
		float(r.SampleRate)
		float(r.Gain)
		text(string(r.Format))
		number(uint64(len(r.IQ)))
	}
	return b
}
