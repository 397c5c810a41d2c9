package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"foxhunt/messages"
)

// pairs takes [[I, Q], ...] as cf32_le, of at most so many bytes.
func (s *scanner) pairs(most int) ([]byte, *fault) {
	iq := make([]byte, 0, 8*s.pairsAhead(most/8))
	f := s.array(func(int) *fault {
		if len(iq)+8 > most {
			return faulty(messages.CodeTooLarge, "would make the capture larger than %d bytes", messages.MaxCaptureBytes)
		}
		var f *fault
		iq, f = s.pair(iq)
		return f
	})
	if f == nil && len(iq) == 0 {
		f = faulty(CodeBadIQ, "is empty; want [[I, Q], ...]")
	}
	return iq, f
}

// pairsAhead guesses how many pairs come, most at the most, so that there is memory for them at once: to grow with them would
// take five times as much. The shortest is [0,0], with its comma.
func (s *scanner) pairsAhead(most int) int {
	end := bytes.Index(s.text[s.pos:], []byte("]]")) // where it is written with a space in it, the memory grows
	if end < 0 {
		return 0
	}
	return min(bytes.Count(s.text[s.pos:s.pos+end], []byte("[")), end/len("[0,0],")+1, most)
}

// pair takes [I, Q].
func (s *scanner) pair(iq []byte) ([]byte, *fault) {
	if s.next() != '[' {
		f := s.wrong("a pair of numbers, [I, Q]")
		return iq, f
	}
	n := 0
	f := s.array(func(int) *fault {
		if n++; n > 2 {
			return s.skip(0)
		}
		x, f := s.component()
		iq = binary.LittleEndian.AppendUint32(iq, math.Float32bits(x))
		return f
	})
	if f == nil && n != 2 {
		f = faulty(CodeBadIQ, "has %d numbers; want two, [I, Q]", n)
	}
	return iq, f
}

// component takes an I or a Q.
func (s *scanner) component() (float32, *fault) {
	text, f := s.digits()
	if f != nil {
		return 0, f
	}
	x, err := strconv.ParseFloat(string(text), 32)
	if err != nil || math.Abs(x) > messages.MaxSample {
		return 0, faulty(messages.CodeBadSamples, "is %.40s; want numbers within ±%g (full scale is 1)", text, float64(messages.MaxSample))
	}
	return float32(x), nil
}

// base64 takes samples in base64 (RFC 4648, with padding), of at most so many bytes.
func (s *scanner) base64(most int) ([]byte, *fault) {
	text, f := s.bytes()
	if f != nil {
		return nil, f
	}
	if base64.StdEncoding.DecodedLen(len(text)) > most+2 {
		return nil, faulty(messages.CodeTooLarge, "would make the capture larger than %d bytes", messages.MaxCaptureBytes)
	}
	iq := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(iq, text)
	if err != nil {
		return nil, faulty(CodeBadBase64, "is not base64 as of RFC 4648: %v", err)
	}
	return iq[:n], nil
}
