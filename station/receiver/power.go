package receiver

import (
	"encoding/binary"
	"math"

	"foxhunt/messages"
)

// measure sums the power of samples, full scale being 1, and counts those of which I or Q is at the end of the scale.
func measure(format messages.SampleFormat, iq []byte) span {
	switch format {
	case messages.CU8:
		return measureCU8(iq)
	case messages.CI8:
		return measureCI8(iq)
	case messages.CI16:
		return measureCI16(iq)
	case messages.CF32:
		return measureCF32(iq)
	}
	panic("receiver: no such sample format: " + string(format)) // all constructors check it
}

func measureCU8(iq []byte) span {
	var sum, clips int64
	for i := 0; i+1 < len(iq); i += 2 {
		a, b := 2*int64(iq[i])-255, 2*int64(iq[i+1])-255
		sum += a*a + b*b
		if uint8(iq[i]+1) <= 1 || uint8(iq[i+1]+1) <= 1 { // 255 or 0
			clips++
		}
	}
	return span{samples: len(iq) / 2, power: float64(sum) / (255 * 255), clips: int(clips)}
}

func measureCI8(iq []byte) span {
	var sum, clips int64
	for i := 0; i+1 < len(iq); i += 2 {
		a, b := int64(int8(iq[i])), int64(int8(iq[i+1]))
		sum += a*a + b*b
		if a == -128 || a == 127 || b == -128 || b == 127 {
			clips++
		}
	}
	return span{samples: len(iq) / 2, power: float64(sum) / (128 * 128), clips: int(clips)}
}

func measureCI16(iq []byte) span {
	var sum float64
	clips := 0
	for i := 0; i+3 < len(iq); i += 4 {
		both := binary.LittleEndian.Uint32(iq[i:])
		a, b := int64(int16(both)), int64(int16(both>>16))
		sum += float64(a*a + b*b)
		if a == math.MinInt16 || a == math.MaxInt16 || b == math.MinInt16 || b == math.MaxInt16 {
			clips++
		}
	}
	return span{samples: len(iq) / 4, power: sum / (32768 * 32768), clips: clips}
}

// measureCF32 leaves out what is no sample by what captures may hold: a capture with one is none, and that is no clipping.
func measureCF32(iq []byte) span {
	var sum float64
	clips := 0
	for i := 0; i+7 < len(iq); i += 8 {
		both := binary.LittleEndian.Uint64(iq[i:])
		a, b := float64(math.Float32frombits(uint32(both))), float64(math.Float32frombits(uint32(both>>32)))
		if !(math.Abs(a) <= messages.MaxSample && math.Abs(b) <= messages.MaxSample) {
			continue
		}
		sum += a*a + b*b
		if math.Abs(a) >= 1 || math.Abs(b) >= 1 {
			clips++
		}
	}
	return span{samples: len(iq) / 8, power: sum, clips: clips}
}
