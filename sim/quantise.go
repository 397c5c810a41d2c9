package sim

import (
	"encoding/binary"
	"math"

	"foxhunt/messages"
)

// headroom is the level an automatic gain control aims at: a fifth of full scale for
// I and for Q, so that noise clips once in a million samples.
const headroom = 0.2

// levelOff scales samples in sqrt(mW) to full scale 1 and returns the gain it took, in
// whole half decibels: level in dB of full scale less gain is dBm at the antenna.
func levelOff(re, im []float32) (gain float64) {
	var power float64
	for m := range re {
		power += float64(re[m])*float64(re[m]) + float64(im[m])*float64(im[m])
	}
	rms := math.Sqrt(power / 2 / float64(len(re)))
	if rms == 0 {
		return 0
	}
	gain = min(messages.MaxGain, math.Floor(2*20*math.Log10(headroom/rms))/2)
	g := float32(math.Pow(10, gain/20))
	for m := range re {
		re[m] *= g
		im[m] *= g
	}
	return gain
}

// quantise writes samples of full scale 1 in the given format.
func quantise(f messages.SampleFormat, re, im []float32) []byte {
	iq := make([]byte, 0, len(re)*f.BytesPerSample())
	for m := range re {
		for _, x := range [2]float32{re[m], im[m]} {
			switch f {
			case messages.CU8:
				iq = append(iq, byte(toInteger(x*127.5+127.5, 0, 255)))
			case messages.CI8:
				iq = append(iq, byte(int8(toInteger(x*128, -128, 127))))
			case messages.CI16:
				iq = binary.LittleEndian.AppendUint16(iq, uint16(int16(toInteger(x*32768, -32768, 32767))))
			case messages.CF32:
				iq = binary.LittleEndian.AppendUint32(iq, math.Float32bits(x))
			}
		}
	}
	return iq
}

func toInteger(x, low, high float32) int {
	return int(math.RoundToEven(float64(min(high, max(low, x)))))
}
