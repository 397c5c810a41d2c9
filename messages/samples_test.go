package messages

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestSplit(t *testing.T) {
	floats := make([]byte, 16)
	for i, x := range []float32{-1, 0.25, MaxSample, -MaxSample} {
		binary.LittleEndian.PutUint32(floats[4*i:], math.Float32bits(x))
	}
	cases := []struct {
		format SampleFormat
		iq     []byte
		re, im [2]float32
	}{
		{CU8, []byte{0, 255, 127, 128}, [2]float32{-1, -0.5 / 127.5}, [2]float32{1, 0.5 / 127.5}},
		{CI8, []byte{0x80, 0x7f, 0xff, 0}, [2]float32{-1, -1.0 / 128}, [2]float32{127.0 / 128, 0}},
		{CI16, []byte{0, 0x80, 0xff, 0x7f, 0xff, 0xff, 1, 0}, [2]float32{-1, -1.0 / 32768}, [2]float32{32767.0 / 32768, 1.0 / 32768}},
		{CF32, floats, [2]float32{-1, MaxSample}, [2]float32{0.25, -MaxSample}},
	}
	for _, c := range cases {
		r := Receiver{Format: c.format, IQ: c.iq}
		var re, im [2]float32
		if err := r.Split(re[:], im[:]); err != nil {
			t.Fatalf("%s: %v", c.format, err)
		}
		for i := range re {
			if math.Abs(float64(re[i]-c.re[i])) > 1e-7 || math.Abs(float64(im[i]-c.im[i])) > 1e-7 {
				t.Errorf("%s: sample %d is %g%+gi, want %g%+gi", c.format, i, re[i], im[i], c.re[i], c.im[i])
			}
		}
	}
}

func TestSplitRefusesSamples(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, x := range []float32{nan, inf, -inf, 1.1e6, -3e38} {
		for at := range 4 { // I and Q of two samples
			r := Receiver{Station: "A", Format: CF32, IQ: make([]byte, 16)}
			binary.LittleEndian.PutUint32(r.IQ[4*at:], math.Float32bits(x))
			var re, im [2]float32
			wantRefusal(t, r.Split(re[:], im[:]), CodeBadSamples, "of station A")
		}
	}
}

func TestSplitWantsTheSamplesCount(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Split into a slice that is too short did not panic")
		}
	}()
	r := Receiver{Format: CU8, IQ: make([]byte, 8)}
	r.Split(make([]float32, 4), make([]float32, 3))
}

func TestSamples(t *testing.T) {
	for format, want := range map[SampleFormat]int{CU8: 12, CI8: 12, CI16: 6, CF32: 3, "": 0, "cu16": 0} {
		r := Receiver{Format: format, IQ: make([]byte, 24)}
		if got := r.Samples(); got != want {
			t.Errorf("%q: 24 bytes are %d samples, want %d", format, got, want)
		}
	}
}
