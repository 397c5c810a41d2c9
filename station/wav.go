package station

import (
	"encoding/binary"
	"iter"

	"foxhunt/messages"
)

func isRIFF(file []byte) bool { return len(file) >= 12 && string(file[:4]) == "RIFF" }

// chunk is one chunk of a RIFF file: file[start:end].
type chunk struct {
	id         string
	start, end int
}

// chunks walks over the chunks of a RIFF file. A chunk of odd length is followed by one byte
// of padding. Recorders that were cut off never wrote the true length of their samples, but
// 0, 0xffffffff or what they had planned: such a last chunk ends where the file does.
func chunks(file []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		for at := 12; at+8 <= len(file); {
			length := int(binary.LittleEndian.Uint32(file[at+4:]))
			c := chunk{id: string(file[at : at+4]), start: at + 8, end: min(at+8+length, len(file))}
			if c.id == "data" && length == 0 && !isChunk(file[c.start:]) {
				c.end = len(file)
			}
			if !yield(c) {
				return
			}
			at = c.end + length&1
		}
	}
}

// isChunk reports whether b begins with a whole chunk rather than with samples: with four
// characters that can be printed and a length that fits, which samples all but never have.
func isChunk(b []byte) bool {
	if len(b) < 8 || int64(binary.LittleEndian.Uint32(b[4:])) > int64(len(b)-8) {
		return false
	}
	for _, c := range b[:4] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// wavFormat is the fmt chunk of a wav file.
type wavFormat struct {
	format messages.SampleFormat
	rate   float64
}

// The format tags of the fmt chunk.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe // the tag proper is in the extension, after 24 bytes
)

// parseFormat reads a fmt chunk:
//
//	u16 tag, u16 channels, u32 rate, u32 bytes/s, u16 bytes/frame, u16 bits/sample, ...
func parseFormat(body []byte, name string) (wavFormat, error) {
	if len(body) < 16 {
		return wavFormat{}, refuse(CodeNotWAV, "%s: its fmt chunk has %d bytes; want 16 or more", name, len(body))
	}
	tag, channels := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
	rate, bits := binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint16(body[14:])
	if tag == wavExtensible && len(body) >= 26 {
		tag = binary.LittleEndian.Uint16(body[24:])
	}
	if channels != 2 {
		return wavFormat{}, refuse(CodeBadWAV, "%s has %d channels; want 2, I and Q", name, channels)
	}
	f := wavFormat{rate: float64(rate)}
	switch {
	case tag == wavPCM && bits == 8: // unsigned, alone of wav's widths
		f.format = messages.CU8
	case tag == wavPCM && bits == 16:
		f.format = messages.CI16
	case tag == wavFloat && bits == 32:
		f.format = messages.CF32
	default:
		return wavFormat{}, refuse(CodeBadWAV, "%s has format tag %d with %d bits; want PCM of 8 or 16 bits, or float of 32", name, tag, bits)
	}
	return f, nil
}

// readWAV reads a plain wav file of two channels, I and Q.
func readWAV(file []byte, name string, o Options) (*Recording, error) {
	var f wavFormat
	for c := range chunks(file) {
		switch c.id {
		case "fmt ":
			var err error
			if f, err = parseFormat(file[c.start:c.end], name); err != nil {
				return nil, err
			}
		case "data":
			if f.format == "" {
				return nil, refuse(CodeNotWAV, "%s: no fmt chunk before the samples", name)
			}
			size := f.format.BytesPerSample()
			if o.SampleRate != 0 {
				f.rate = o.SampleRate
			}
			return plain(file[c.start:c.start+(c.end-c.start)/size*size], name, f.format, f.rate, o)
		}
	}
	return nil, refuse(CodeNotWAV, "%s: no data chunk", name)
}
