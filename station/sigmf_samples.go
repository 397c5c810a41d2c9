package station

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"foxhunt/messages"
)

// sigmfSize is the bytes of a complex sample of a SigMF datatype; 0 for one that is no complex type of the standard's, or not
// carried.
func sigmfSize(datatype string) int {
	switch datatype {
	case "cu8", "ci8":
		return 2
	case "ci16_le", "ci16_be", "cu16_le", "cu16_be":
		return 4
	case "cf32_le", "cf32_be":
		return 8
	}
	return 0
}

// refuseDatatype says why samples of a datatype are not carried.
func refuseDatatype(datatype, name string) error {
	switch {
	case strings.HasPrefix(datatype, "r"):
		return refuse(messages.CodeBadFormat, "%s has real samples (%.16q); locating needs the phase, so I and Q", name, datatype)
	case strings.HasPrefix(datatype, "cf64"), strings.HasPrefix(datatype, "ci32"), strings.HasPrefix(datatype, "cu32"):
		return refuse(messages.CodeBadFormat, "%s has samples of %.16q, which no capture holds without loss; convert it to cf32_le", name, datatype)
	}
	return refuse(messages.CodeBadFormat, "%s has the datatype %.32q; want cu8, ci8, ci16_le, cf32_le, or what becomes one of them: ci16_be, cu16_le, cu16_be, cf32_be", name, datatype)
}

// toFormat makes samples of a datatype those of a capture's format, in place and without loss.
func toFormat(iq []byte, datatype string) messages.SampleFormat {
	switch datatype {
	case "ci16_be", "cu16_be":
		for i := 0; i+2 <= len(iq); i += 2 {
			iq[i], iq[i+1] = iq[i+1], iq[i]
		}
	case "cf32_be":
		for i := 0; i+4 <= len(iq); i += 4 {
			binary.LittleEndian.PutUint32(iq[i:], binary.BigEndian.Uint32(iq[i:]))
		}
	}
	switch datatype {
	case "cu16_le", "cu16_be": // offset binary: its middle is 32768, and taking that away turns the highest bit
		for i := 1; i < len(iq); i += 2 {
			iq[i] ^= 0x80
		}
		return messages.CI16
	case "ci16_be":
		return messages.CI16
	case "cf32_be":
		return messages.CF32
	}
	return messages.SampleFormat(datatype)
}

// checkHash holds the samples' file against core:sha512, where that is given.
func (m *sigmfMeta) checkHash(data []byte, name string) error {
	if m.Global.SHA512 == "" {
		return nil
	}
	if sum := sha512.Sum512(data); !strings.EqualFold(m.Global.SHA512, hex.EncodeToString(sum[:])) {
		return refuse(CodeBadChecksum, "the samples of %s do not have the SHA-512 that core:sha512 says: the file was changed or cut off", name)
	}
	return nil
}

// span is the bytes of one segment's samples in the samples' file.
type span struct{ from, to int64 }

// spans are where the segments' samples are. A segment's header bytes lie before its samples; where no segment is listed,
// everything is one. What lies behind the last whole sample is left out.
func (m *sigmfMeta) spans(dataBytes int, size int64, name string) ([]span, error) {
	g := &m.Global
	if len(m.Captures) == 0 {
		m.Captures = []sigmfSegment{{Start: g.Offset}}
	}
	end := int64(dataBytes) - int64(g.Trailing)
	all := make([]span, len(m.Captures))
	last, headers := g.Offset, int64(0)
	for i, s := range m.Captures {
		header := int64(s.HeaderBytes)
		if s.Start < last {
			return nil, refuse(CodeBadSigMF, "%s: core:sample_start of segment %d is %d; want them in order, from core:offset on", name, i+1, s.Start)
		}
		last = s.Start
		from, fits := int64(s.Start-g.Offset), header >= 0 && header <= end-headers
		if !fits || from > (end-headers-header)/size {
			return nil, refuse(CodeBadSigMF, "%s: segment %d begins beyond the %d bytes of samples that are there", name, i+1, dataBytes)
		}
		if i > 0 {
			all[i-1].to = headers + from*size
		}
		headers += header
		all[i].from = headers + from*size
	}
	final := &all[len(all)-1]
	final.to = end - (end-final.from)%size
	return all, nil
}

// longest is the index of the span with the most bytes.
func longest(spans []span) (best int) {
	for i, s := range spans {
		if s.to-s.from > spans[best].to-spans[best].from {
			best = i
		}
	}
	return best
}
