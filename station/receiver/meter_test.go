package receiver

import (
	"encoding/binary"
	"math"
	"testing"

	"foxhunt/messages"
)

// tone writes a sinusoid of an amplitude, full scale being 1, in each format.
func tone(format messages.SampleFormat, samples int, amplitude float64) (iq []byte) {
	for n := range samples {
		for _, v := range []float64{amplitude * math.Cos(0.1*float64(n)), amplitude * math.Sin(0.1*float64(n))} {
			switch format {
			case messages.CU8:
				iq = append(iq, byte(math.Round(max(0, min(255, 127.5+127.5*v)))))
			case messages.CI8:
				iq = append(iq, byte(int8(math.Round(max(-128, min(127, 128*v))))))
			case messages.CI16:
				iq = binary.LittleEndian.AppendUint16(iq, uint16(int16(math.Round(max(-32768, min(32767, 32768*v))))))
			case messages.CF32:
				iq = binary.LittleEndian.AppendUint32(iq, math.Float32bits(float32(v)))
			}
		}
	}
	return iq
}

// Levels and clipping are the same in every format, and the same as what captures' own reading of samples says.
func TestMeter(t *testing.T) {
	for _, format := range []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32} {
		m := NewMeter(Info{Format: format, SampleRate: 10e3})
		if r := m.Read(); !math.IsInf(r.Level, -1) || !r.Time.IsZero() {
			t.Errorf("%s: before the first sample the meter says %+v", format, r)
		}
		iq := tone(format, 12_345, 0.5)
		var windows []Window
		m.Add(Block{IQ: iq, NewRun: true, Rate: 10e3, Start: 5e9, Sigma: 7}, func(w Window) { windows = append(windows, w) })
		r := m.Read()
		if math.Abs(r.Level - -6.02) > 0.05 || math.Abs(r.Peak - -6.02) > 0.1 || r.Clipped != 0 || r.Samples != 12_345 || r.Gaps != 0 || r.Sigma != 7 {
			t.Errorf("%s: half of full scale is %+v", format, r)
		}
		if at := r.Time.UnixNano(); at != 5e9+1_234_500_000 {
			t.Errorf("%s: the last sample is at %d", format, at)
		}
		if len(windows) != 123 || windows[0].End != 100 || windows[122].End != 12_300 || math.Abs(windows[5].Level - -6.02) > 0.1 {
			t.Errorf("%s: %d windows, %+v", format, len(windows), windows[0])
		}
		m.Add(Block{IQ: tone(format, 10_000, 2), NewRun: true, Rate: 10e3, Lost: 42}, nil)
		if r := m.Read(); r.Clipped < 0.6 || r.Clipped > 1 || r.Gaps != 1 || r.Lost != 42 || r.Clips < 6000 {
			t.Errorf("%s: twice the full scale is %+v", format, r)
		}
		re, im := make([]float32, 12_345), make([]float32, 12_345)
		if err := (&messages.Receiver{Format: format, IQ: iq}).Split(re, im); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range re {
			sum += float64(re[i])*float64(re[i]) + float64(im[i])*float64(im[i])
		}
		if got := measure(format, iq).power; math.Abs(got/sum-1) > 1e-5 {
			t.Errorf("%s: the power is %g, and by Split %g", format, got, sum)
		}
	}
}

func TestMeterOfNoNumbers(t *testing.T) {
	iq := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	iq = binary.LittleEndian.AppendUint32(iq, math.Float32bits(float32(math.Inf(1))))
	if s := measure(messages.CF32, iq); s.power != 0 || s.clips != 0 || s.samples != 1 {
		t.Errorf("no numbers are %+v", s)
	}
}

func BenchmarkMeter(b *testing.B) {
	for _, format := range []messages.SampleFormat{messages.CU8, messages.CI16, messages.CF32} {
		b.Run(string(format), func(b *testing.B) {
			iq := tone(format, 100_000, 0.5)
			b.SetBytes(int64(len(iq)))
			m := NewMeter(Info{Format: format, SampleRate: 2.4e6})
			for b.Loop() {
				m.Add(Block{IQ: iq, Rate: 2.4e6}, nil)
			}
		})
	}
}
