package messages

import (
	"encoding/hex"
	"fmt"
)

// fields reads the values of one map and remembers which keys it has met.
type fields struct {
	reader     *reader
	seen       uint
	inReceiver bool
	index      int    // of the receiver, for naming the field
	within     string // the map that the field is in, for naming it; "" for the capture itself
}

// field is a key that must be present.
type field struct {
	bit  uint
	name string
}

// key reads a key. A key that is no string belongs to nothing this program knows and is
// returned as nil.
func (f *fields) key() ([]byte, *Refusal) {
	r := f.reader
	if r.left() > 0 && r.msg[r.pos]&0xe0 == 0xa0 { // a short string, as all known keys are: the fast way
		end := r.pos + 1 + int(r.msg[r.pos]&0x1f)
		if end <= len(r.msg) {
			key := r.msg[r.pos+1 : end]
			r.pos = end
			return key, nil
		}
	}
	v, ref := r.next()
	if ref != nil {
		return nil, ref
	}
	if v.kind != kindStr {
		return nil, r.skipRest(v, 1)
	}
	return v.b, nil
}

// path names a field as users do: `freq`, `rx[1].rate`, and `rx[1]` for no field.
func (f *fields) path(name string) string {
	switch {
	case f.within != "":
		return f.within + "." + name
	case !f.inReceiver:
		return name
	case name == "":
		return fmt.Sprintf("rx[%d]", f.index)
	}
	return fmt.Sprintf("rx[%d].%s", f.index, name)
}

func (f *fields) require(wanted ...field) *Refusal {
	for _, w := range wanted {
		if f.seen&w.bit == 0 {
			return refuse(CodeMissingField, "%s is missing", f.path(w.name))
		}
	}
	return nil
}

// value reads the value of the key just read.
func (f *fields) value(bit uint, name string) (value, *Refusal) {
	if f.seen&bit != 0 {
		return value{}, refuse(CodeDuplicateKey, "%s occurs twice", f.path(name))
	}
	f.seen |= bit
	return f.reader.next()
}

func (f *fields) wrongType(v value, name, want string) *Refusal {
	return refuse(CodeBadType, "%s is %s; want %s", f.path(name), v.kind, want)
}

func (f *fields) number(bit uint, name string) (float64, *Refusal) {
	v, ref := f.value(bit, name)
	if ref != nil {
		return 0, ref
	}
	switch v.kind {
	case kindFloat:
		return v.f, nil
	case kindInt:
		return float64(v.n), nil
	case kindUint:
		return float64(uint64(v.n)), nil
	}
	return 0, f.wrongType(v, name, "a number")
}

func (f *fields) nanoseconds(bit uint, name string) (int64, *Refusal) {
	v, ref := f.value(bit, name)
	switch {
	case ref != nil:
		return 0, ref
	case v.kind == kindFloat:
		return 0, f.wrongType(v, name, "an integer, for a float loses nanoseconds")
	case v.kind == kindUint:
		return 0, badTime(f.path(name), fmt.Sprint(uint64(v.n)))
	case v.kind != kindInt:
		return 0, f.wrongType(v, name, "an integer")
	}
	return v.n, nil
}

// text reads a string, returning old where it is equal, so as not to allocate.
func (f *fields) text(bit uint, name, old string) (string, *Refusal) {
	v, ref := f.value(bit, name)
	if ref != nil {
		return "", ref
	}
	if v.kind != kindStr {
		return "", f.wrongType(v, name, "a string")
	}
	return reuse(old, v.b), nil
}

func (f *fields) optionalText(bit uint, name, old string) (string, *Refusal) {
	v, ref := f.value(bit, name)
	switch {
	case ref != nil:
		return "", ref
	case v.kind == kindNil:
		return "", nil
	case v.kind != kindStr:
		return "", f.wrongType(v, name, "a string")
	}
	return reuse(old, v.b), nil
}

func (f *fields) optionalBool(bit uint, name string, absent bool) (bool, *Refusal) {
	v, ref := f.value(bit, name)
	switch {
	case ref != nil:
		return false, ref
	case v.kind == kindNil:
		return absent, nil
	case v.kind != kindBool:
		return false, f.wrongType(v, name, "a boolean")
	}
	return v.n == 1, nil
}

// optionalPlace reads a map of lat and lon; nil for none.
func (f *fields) optionalPlace(bit uint, name string) (*Position, *Refusal) {
	v, ref := f.value(bit, name)
	switch {
	case ref != nil || v.kind == kindNil:
		return nil, ref
	case v.kind != kindMap:
		return nil, f.wrongType(v, name, "a map of lat and lon")
	}
	place, in := &Position{}, fields{reader: f.reader, within: name}
	for range v.n {
		key, ref := in.key()
		if ref != nil {
			return nil, ref
		}
		switch string(key) {
		case "lat":
			place.Latitude, ref = in.number(keyLatitude, "lat")
		case "lon":
			place.Longitude, ref = in.number(keyLongitude, "lon")
		default:
			ref = f.reader.skip(2)
		}
		if ref != nil {
			return nil, ref
		}
	}
	return place, in.require(field{keyLatitude, "lat"}, field{keyLongitude, "lon"})
}

// id reads a string, or bytes as hexadecimal digits.
func (f *fields) id(bit uint, name, old string) (string, *Refusal) {
	v, ref := f.value(bit, name)
	switch {
	case ref != nil:
		return "", ref
	case v.kind == kindStr && len(v.b) <= MaxIDLength:
		return reuse(old, v.b), nil
	case v.kind == kindBin && len(v.b) >= 16 && len(v.b) <= 32:
		return hex.EncodeToString(v.b), nil
	case v.kind == kindStr || v.kind == kindBin:
		return "", badID(len(v.b))
	}
	return "", f.wrongType(v, name, "a string or bin")
}

func (f *fields) format(bit uint, name string) (SampleFormat, *Refusal) {
	v, ref := f.value(bit, name)
	if ref != nil {
		return "", ref
	}
	if v.kind != kindStr {
		return "", f.wrongType(v, name, "a string")
	}
	switch known := SampleFormat(v.b); known { // a switch on constants does not allocate
	case CU8:
		return CU8, nil
	case CI8:
		return CI8, nil
	case CI16:
		return CI16, nil
	case CF32:
		return CF32, nil
	}
	return "", badFormat(f.path(name), string(v.b))
}

func (f *fields) bin(bit uint, name string) ([]byte, *Refusal) {
	v, ref := f.value(bit, name)
	if ref != nil {
		return nil, ref
	}
	if v.kind != kindBin {
		return nil, f.wrongType(v, name, "bin")
	}
	return v.b, nil
}

func reuse(old string, b []byte) string {
	if old == string(b) { // the conversion of a comparison does not allocate
		return old
	}
	return string(b)
}
