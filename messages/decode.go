package messages

import (
	"encoding/hex"
	"fmt"
)

// Decode reads a capture from msg and validates it. It reuses c's slice and strings, so a
// worker decodes into the same Capture again and again; the receivers' IQ alias msg, which
// must therefore not change while c is in use. The error is a *Refusal; c is then undefined.
func (c *Capture) Decode(msg []byte) error {
	if ref := c.decode(msg); ref != nil {
		return ref
	}
	return c.Validate()
}

func (c *Capture) decode(msg []byte) *Refusal {
	switch {
	case len(msg) == 0:
		return refuse(CodeEmpty, "the message is empty; want a capture, a msgpack map")
	case len(msg) > MaxCaptureBytes:
		return refuse(CodeTooLarge, "the capture has %d bytes; want at most %d", len(msg), MaxCaptureBytes)
	}
	r := reader{msg: msg}
	head, ref := r.next()
	if ref != nil {
		return ref
	}
	if head.kind != kindMap {
		return refuse(CodeNotMsgpack, "the message is %s; want a capture, a msgpack map", head.kind)
	}
	if ref := c.decodeFields(&r, head.n); ref != nil {
		return ref
	}
	if r.left() > 0 {
		return refuse(CodeTrailingBytes, "%d bytes follow the capture", r.left())
	}
	return nil
}

// The keys of a capture, as bits of the set of those seen.
const (
	keyVersion = 1 << iota
	keyID
	keyEvent
	keySession
	keyFrequency
	keyCache
	keyReceivers
)

func (c *Capture) decodeFields(r *reader, pairs int64) *Refusal {
	id, event, session, receivers := c.ID, c.Event, c.Session, c.Receivers[:0]
	*c = Capture{Cache: true, Receivers: receivers}
	f := fields{reader: r}
	for range pairs {
		key, ref := f.key()
		if ref != nil {
			return ref
		}
		switch string(key) { // a switch over a conversion does not allocate
		case "v":
			ref = c.decodeVersion(f.at(keyVersion, "v"))
		case "id":
			c.ID, ref = f.at(keyID, "id").id(id)
		case "event":
			c.Event, ref = f.at(keyEvent, "event").optionalText(event)
		case "session":
			c.Session, ref = f.at(keySession, "session").optionalText(session)
		case "freq":
			c.Frequency, ref = f.at(keyFrequency, "freq").number()
		case "cache":
			c.Cache, ref = f.at(keyCache, "cache").optionalBool(true)
		case "rx":
			ref = c.decodeReceivers(f.at(keyReceivers, "rx"))
		default:
			ref = r.skip(1)
		}
		if ref != nil {
			return ref
		}
	}
	return f.require(
		field{keyVersion, "v"}, field{keyID, "id"}, field{keyFrequency, "freq"}, field{keyReceivers, "rx"})
}

// decodeVersion refuses another version at once: its other fields may mean something else.
func (c *Capture) decodeVersion(f *fields) *Refusal {
	v, ref := f.number()
	if ref != nil {
		return ref
	}
	if v != CaptureVersion {
		return badVersion(v)
	}
	c.Version = CaptureVersion
	return nil
}

func (c *Capture) decodeReceivers(f *fields) *Refusal {
	head, ref := f.value()
	if ref != nil {
		return ref
	}
	if head.kind != kindArray {
		return f.wrongType(head, "an array of receivers")
	}
	if head.n > MaxReceivers {
		return tooManyReceivers(head.n)
	}
	for i := range int(head.n) {
		if len(c.Receivers) < cap(c.Receivers) {
			c.Receivers = c.Receivers[:i+1]
		} else {
			c.Receivers = append(c.Receivers, Receiver{})
		}
		if ref := c.Receivers[i].decode(f.reader, i); ref != nil {
			return ref
		}
	}
	return nil
}

// The keys of a receiver, as bits of the set of those seen.
const (
	keyStation = 1 << iota
	keyLatitude
	keyLongitude
	keyAltitude
	keyStartTime
	keyClockSigma
	keySampleRate
	keyGain
	keyFormat
	keyIQ
)

func (rx *Receiver) decode(r *reader, index int) *Refusal {
	station := rx.Station
	*rx = Receiver{}
	f := fields{reader: r, index: index, inReceiver: true}
	head, ref := r.next()
	if ref != nil {
		return ref
	}
	if head.kind != kindMap {
		return f.wrongType(head, "a map")
	}
	for range head.n {
		key, ref := f.key()
		if ref != nil {
			return ref
		}
		switch string(key) {
		case "station":
			rx.Station, ref = f.at(keyStation, "station").text(station)
		case "lat":
			rx.Latitude, ref = f.at(keyLatitude, "lat").number()
		case "lon":
			rx.Longitude, ref = f.at(keyLongitude, "lon").number()
		case "alt":
			rx.Altitude, ref = f.at(keyAltitude, "alt").number()
		case "t0":
			rx.StartTime, ref = f.at(keyStartTime, "t0").nanoseconds()
		case "sigma":
			rx.ClockSigma, ref = f.at(keyClockSigma, "sigma").number()
		case "rate":
			rx.SampleRate, ref = f.at(keySampleRate, "rate").number()
		case "gain":
			rx.Gain, ref = f.at(keyGain, "gain").number()
		case "fmt":
			rx.Format, ref = f.at(keyFormat, "fmt").format()
		case "iq":
			rx.IQ, ref = f.at(keyIQ, "iq").bin()
		default:
			ref = r.skip(3)
		}
		if ref != nil {
			return ref
		}
	}
	return f.require(
		field{keyStation, "station"}, field{keyLatitude, "lat"}, field{keyLongitude, "lon"},
		field{keyAltitude, "alt"}, field{keyStartTime, "t0"}, field{keyClockSigma, "sigma"},
		field{keySampleRate, "rate"}, field{keyGain, "gain"}, field{keyFormat, "fmt"}, field{keyIQ, "iq"})
}

// fields reads the values of one map and remembers which keys it has met.
type fields struct {
	reader     *reader
	seen       uint
	name       string // the field being read
	duplicate  bool   // it has been met before
	inReceiver bool
	index      int // of the receiver, for naming the field
}

// field is a key that must be present.
type field struct {
	bit  uint
	name string
}

// key reads a key. A key that is no string belongs to nothing this program knows and is
// returned as nil.
func (f *fields) key() ([]byte, *Refusal) {
	v, ref := f.reader.next()
	if ref != nil {
		return nil, ref
	}
	if v.kind != kindStr {
		return nil, f.reader.skipRest(v, 1)
	}
	return v.b, nil
}

// at says which field is read next.
func (f *fields) at(bit uint, name string) *fields {
	f.duplicate = f.seen&bit != 0
	f.seen |= bit
	f.name = name
	return f
}

// path names the field being read as users do: `freq`, `rx[1].rate`.
func (f *fields) path() string {
	switch {
	case !f.inReceiver:
		return f.name
	case f.name == "":
		return fmt.Sprintf("rx[%d]", f.index)
	}
	return fmt.Sprintf("rx[%d].%s", f.index, f.name)
}

func (f *fields) require(wanted ...field) *Refusal {
	for _, w := range wanted {
		if f.seen&w.bit == 0 {
			f.name = w.name
			return refuse(CodeMissingField, "%s is missing", f.path())
		}
	}
	return nil
}

func (f *fields) value() (value, *Refusal) {
	if f.duplicate {
		return value{}, refuse(CodeDuplicateKey, "%s occurs twice", f.path())
	}
	return f.reader.next()
}

func (f *fields) wrongType(v value, want string) *Refusal {
	return refuse(CodeBadType, "%s is %s; want %s", f.path(), v.kind, want)
}

func (f *fields) number() (float64, *Refusal) {
	v, ref := f.value()
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
	return 0, f.wrongType(v, "a number")
}

func (f *fields) nanoseconds() (int64, *Refusal) {
	v, ref := f.value()
	switch {
	case ref != nil:
		return 0, ref
	case v.kind == kindFloat:
		return 0, f.wrongType(v, "an integer, for a float loses nanoseconds")
	case v.kind == kindUint:
		return 0, badTime(f.path(), fmt.Sprint(uint64(v.n)))
	case v.kind != kindInt:
		return 0, f.wrongType(v, "an integer")
	}
	return v.n, nil
}

// text reads a string, returning old where it is equal, so as not to allocate.
func (f *fields) text(old string) (string, *Refusal) {
	v, ref := f.value()
	if ref != nil {
		return "", ref
	}
	if v.kind != kindStr {
		return "", f.wrongType(v, "a string")
	}
	return reuse(old, v.b), nil
}

func (f *fields) optionalText(old string) (string, *Refusal) {
	v, ref := f.value()
	switch {
	case ref != nil:
		return "", ref
	case v.kind == kindNil:
		return "", nil
	case v.kind != kindStr:
		return "", f.wrongType(v, "a string")
	}
	return reuse(old, v.b), nil
}

func (f *fields) optionalBool(absent bool) (bool, *Refusal) {
	v, ref := f.value()
	switch {
	case ref != nil:
		return false, ref
	case v.kind == kindNil:
		return absent, nil
	case v.kind != kindBool:
		return false, f.wrongType(v, "a boolean")
	}
	return v.n == 1, nil
}

// id reads a string, or bytes as hexadecimal digits.
func (f *fields) id(old string) (string, *Refusal) {
	v, ref := f.value()
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
	return "", f.wrongType(v, "a string or bin")
}

func (f *fields) format() (SampleFormat, *Refusal) {
	v, ref := f.value()
	if ref != nil {
		return "", ref
	}
	if v.kind != kindStr {
		return "", f.wrongType(v, "a string")
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
	return "", badFormat(f.path(), string(v.b))
}

func (f *fields) bin() ([]byte, *Refusal) {
	v, ref := f.value()
	if ref != nil {
		return nil, ref
	}
	if v.kind != kindBin {
		return nil, f.wrongType(v, "bin")
	}
	return v.b, nil
}

func reuse(old string, b []byte) string {
	if old == string(b) { // the conversion of a comparison does not allocate
		return old
	}
	return string(b)
}
