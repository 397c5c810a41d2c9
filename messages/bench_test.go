package messages

import "testing"

// 3 x 4480 samples of cu8: 27 KB.

func BenchmarkDecodeReused(b *testing.B) {
	msg := encode(b, threeReceivers(CU8))
	var c Capture
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Decode(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeNew(b *testing.B) {
	msg := encode(b, threeReceivers(CU8))
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		var c Capture
		if err := c.Decode(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	c := threeReceivers(CU8)
	msg := encode(b, c)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(msg[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, format := range []SampleFormat{CU8, CI8, CI16, CF32} {
		b.Run(string(format), func(b *testing.B) {
			r := &threeReceivers(format).Receivers[0]
			re, im := make([]float32, r.Samples()), make([]float32, r.Samples())
			b.SetBytes(int64(len(r.IQ)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Split(re, im); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFixJSON(b *testing.B)    { benchmarkFix(b, ContentTypeJSON) }
func BenchmarkFixMsgpack(b *testing.B) { benchmarkFix(b, ContentTypeMsgpack) }

func benchmarkFix(b *testing.B, contentType string) {
	fix := goodFix()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fix.Encode(contentType); err != nil {
			b.Fatal(err)
		}
	}
}
