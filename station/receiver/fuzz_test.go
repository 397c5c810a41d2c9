package receiver

import (
	"net"
	"testing"
	"time"
)

// FuzzHeader has anything say what rtl_tcp says first: it is taken for rtl_tcp if, and only if, it begins with RTL0 and is whole.
func FuzzHeader(f *testing.F) {
	for _, header := range []string{r820T, "RTL0", "", "RTL1aaaaaaaa", "R", "HTTP/1.1 400 Bad Request\r\n\r\n"} {
		f.Add([]byte(header))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		here, there := net.Pipe()
		defer here.Close()
		go func() {
			_, _ = there.Write(header) // an error is that nobody reads the rest
			there.Close()
		}()
		tuner, err := readHeader(here)
		whole := len(header) >= rtlHeader && string(header[:4]) == "RTL0"
		if (err == nil) != whole || (tuner == "") == whole {
			t.Errorf("%q is tuner %q, %v", header, tuner, err)
		}
	})
}

// FuzzLive has bytes come at any times, in any pieces: what is given out is whole samples in order, and little is held.
func FuzzLive(f *testing.F) {
	f.Add([]byte{10, 1, 10, 1, 200, 9, 10, 1})
	f.Add([]byte{255, 255, 0, 0, 1, 255, 255, 1, 40, 40, 40, 40})
	f.Fuzz(func(t *testing.T, script []byte) {
		l := newLive(liveOptions)
		at, sent := time.Now(), int64(0)
		var rest []byte
		next := int64(-1)
		for i := 0; i+1 < min(len(script), 200); i += 2 {
			n := int64(script[i]) * 100
			rest = append(rest, numbered(sent, sent+n)...)
			sent += n
			torn := len(rest) - min(len(rest), int(script[i])%5)
			at = at.Add(time.Duration(script[i+1]) * time.Duration(script[i+1]) * 100 * time.Microsecond) // up to 6.5 s
			if err := l.add(rest[:torn], at); err != nil {
				return // too fast
			}
			rest = append([]byte(nil), rest[torn:]...)
			if len(l.held) > l.bytes(mostHeld)+4*26_000 {
				t.Fatalf("%d bytes are held", len(l.held))
			}
			b, ok := l.block()
			if !ok {
				continue
			}
			first := int64(uint32(b.IQ[0]) | uint32(b.IQ[1])<<8 | uint32(b.IQ[2])<<16 | uint32(b.IQ[3])<<24)
			if !b.NewRun && first != next || string(b.IQ) != string(numbered(first, first+int64(len(b.IQ)/4))) {
				t.Fatalf("the block from sample %d on follows %d", first, next-1)
			}
			if !(b.Rate > 200e3 && b.Rate < 300e3) || !(b.Sigma >= float64(liveOptions.Sigma)) {
				t.Fatalf("the rate is %g, sigma %g", b.Rate, b.Sigma)
			}
			next = first + int64(len(b.IQ)/4)
		}
	})
}
