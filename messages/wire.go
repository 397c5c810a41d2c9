package messages

import (
	"encoding/binary"
	"math"
)

// maxDepth bounds how deeply maps and arrays may be nested, so that skipping an unknown
// value cannot exhaust the stack. The capture itself needs three levels.
const maxDepth = 32

// reader walks over a msgpack message without copying it. The types it meets, by first byte
// (https://github.com/msgpack/msgpack/blob/master/spec.md; all numbers big endian):
//
//	00..7f positive fixint     c4 c5 c6 bin,   length u8 u16 u32    d9 da db str,   length u8 u16 u32
//	80..8f fixmap, n pairs     c7 c8 c9 ext,   length u8 u16 u32    dc dd    array, length u16 u32
//	90..9f fixarray, n values  ca cb    float32 float64             de df    map,   length u16 u32
//	a0..bf fixstr, n bytes     cc..cf   uint8..uint64               e0..ff   negative fixint
//	c0     nil                 d0..d3   int8..int64
//	c2 c3  false true          d4..d8   fixext 1 2 4 8 16           c1       never used
//
// msgpack.Decoder could walk too, but reads through an io.Reader, trusts declared lengths and
// skips by unbounded recursion; over a byte slice every length is checked against what is left.
type reader struct {
	msg []byte
	pos int
}

// kind is the family of a value, so that fields need not know its widths.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindInt   // value.n
	kindUint  // value.n, above the range of int64
	kindFloat // value.f
	kindStr   // value.b
	kindBin   // value.b
	kindExt   // value.b, type byte first
	kindArray // value.n values follow
	kindMap   // value.n pairs follow
)

var kindNames = [...]string{"nil", "a boolean", "an integer", "an integer", "a float", "a string", "bin", "an extension", "an array", "a map"}

func (k kind) String() string { return kindNames[k] }

// value is one msgpack value, or the head of an array or a map.
type value struct {
	kind kind
	n    int64
	f    float64
	b    []byte // aliases the message
}

// left is how many bytes of the message have not been read.
func (r *reader) left() int { return len(r.msg) - r.pos }

// next reads one value; for an array or a map, its head only. Its length is then known to be
// no more than what is left, a byte a value at the least.
func (r *reader) next() (value, *Refusal) {
	if r.left() == 0 {
		return value{}, r.truncated(1)
	}
	c := r.msg[r.pos]
	r.pos++
	switch {
	case c <= 0x7f || c >= 0xe0:
		return value{kind: kindInt, n: int64(int8(c))}, nil
	case c <= 0x8f:
		return r.container(kindMap, uint64(c&0x0f))
	case c <= 0x9f:
		return r.container(kindArray, uint64(c&0x0f))
	case c <= 0xbf:
		return r.bytes(kindStr, uint64(c&0x1f))
	}
	switch c {
	case 0xc0:
		return value{kind: kindNil}, nil
	case 0xc2, 0xc3:
		return value{kind: kindBool, n: int64(c & 1)}, nil
	case 0xc4, 0xc5, 0xc6:
		return r.sized(kindBin, c-0xc4, 0)
	case 0xc7, 0xc8, 0xc9:
		return r.sized(kindExt, c-0xc7, 1)
	case 0xca, 0xcb:
		return r.float(c)
	case 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3:
		return r.integer(c)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.bytes(kindExt, 1+1<<(c-0xd4))
	case 0xd9, 0xda, 0xdb:
		return r.sized(kindStr, c-0xd9, 0)
	case 0xdc, 0xdd:
		return r.sized(kindArray, c-0xdc+1, 0)
	case 0xde, 0xdf:
		return r.sized(kindMap, c-0xde+1, 0)
	}
	return value{}, refuse(CodeNotMsgpack, "byte %d is 0x%02x, which is no msgpack type", r.pos-1, c)
}

// sized reads a length of 1<<width bytes and what it announces; extra counts the bytes that
// follow the length but are not in it (the type byte of an ext).
func (r *reader) sized(k kind, width byte, extra uint64) (value, *Refusal) {
	n, ref := r.uint(width)
	if ref != nil {
		return value{}, ref
	}
	if k == kindArray || k == kindMap {
		return r.container(k, n)
	}
	return r.bytes(k, n+extra)
}

// uint reads a big-endian unsigned number of 1<<width bytes.
func (r *reader) uint(width byte) (uint64, *Refusal) {
	size := 1 << width
	if r.left() < size {
		return 0, r.truncated(uint64(size))
	}
	b := r.msg[r.pos : r.pos+size]
	r.pos += size
	switch width {
	case 0:
		return uint64(b[0]), nil
	case 1:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 2:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

func (r *reader) integer(c byte) (value, *Refusal) {
	width := (c - 0xcc) & 3
	u, ref := r.uint(width)
	if ref != nil {
		return value{}, ref
	}
	switch {
	case c >= 0xd0: // signed: shift the sign bit up and back
		shift := 64 - 8<<width
		return value{kind: kindInt, n: int64(u<<shift) >> shift}, nil
	case u > math.MaxInt64:
		return value{kind: kindUint, n: int64(u)}, nil
	}
	return value{kind: kindInt, n: int64(u)}, nil
}

func (r *reader) float(c byte) (value, *Refusal) {
	u, ref := r.uint(c - 0xca + 2)
	if ref != nil {
		return value{}, ref
	}
	if c == 0xca {
		return value{kind: kindFloat, f: float64(math.Float32frombits(uint32(u)))}, nil
	}
	return value{kind: kindFloat, f: math.Float64frombits(u)}, nil
}

func (r *reader) bytes(k kind, n uint64) (value, *Refusal) {
	if n > uint64(r.left()) {
		return value{}, r.truncated(n)
	}
	b := r.msg[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return value{kind: k, b: b}, nil
}

func (r *reader) container(k kind, n uint64) (value, *Refusal) {
	least := n // bytes that n values, or n pairs, take at the least
	if k == kindMap {
		least = 2 * n
	}
	if least > uint64(r.left()) {
		return value{}, r.truncated(least)
	}
	return value{kind: k, n: int64(n)}, nil
}

func (r *reader) truncated(want uint64) *Refusal {
	return refuse(CodeTruncated, "the message ends early: %d bytes or more announced at byte %d, %d left", want, r.pos, r.left())
}

// skip passes over one whole value, nested as it may be.
func (r *reader) skip(depth int) *Refusal {
	v, ref := r.next()
	if ref != nil {
		return ref
	}
	return r.skipRest(v, depth)
}

// skipRest passes over what follows the head v.
func (r *reader) skipRest(v value, depth int) *Refusal {
	n := v.n
	switch v.kind {
	case kindArray:
	case kindMap:
		n *= 2
	default:
		return nil
	}
	if depth >= maxDepth {
		return refuse(CodeTooDeep, "maps and arrays are nested more than %d deep at byte %d", maxDepth, r.pos)
	}
	for range n {
		if ref := r.skip(depth + 1); ref != nil {
			return ref
		}
	}
	return nil
}
