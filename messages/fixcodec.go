package messages

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Content types of a fix, in the header Content-Type.
const (
	ContentTypeHeader  = "Content-Type"
	ContentTypeJSON    = "application/json"
	ContentTypeMsgpack = "application/msgpack"
)

// MaxFixBytes bounds a fix: GeoJSON and 32 receivers take some 10 KB.
const MaxFixBytes = 256 << 10

// Encode writes the fix as contentType; the empty string stands for JSON. The error is a
// *Refusal.
func (f *Fix) Encode(contentType string) ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if f.Receivers == nil { // an empty list, not null, whoever reads it
		whole := *f
		whole.Receivers = []FixReceiver{}
		f = &whole
	}
	switch contentType {
	case "", ContentTypeJSON:
		b, err := json.Marshal(f)
		if err != nil {
			return nil, refuse(CodeBadFix, "the fix cannot be written as JSON: %v", err)
		}
		return b, nil
	case ContentTypeMsgpack:
		return f.encodeMsgpack()
	}
	return nil, badContentType(contentType)
}

func (f *Fix) encodeMsgpack() ([]byte, error) {
	var buffer bytes.Buffer
	encoder := msgpack.NewEncoder(&buffer)
	encoder.SetCustomStructTag("json")
	encoder.UseCompactInts(true)
	if err := encoder.Encode(f); err != nil {
		return nil, refuse(CodeBadFix, "the fix cannot be written as msgpack: %v", err)
	}
	return buffer.Bytes(), nil
}

// DecodeFix reads a fix written as contentType; the empty string stands for JSON. The error
// is a *Refusal.
func DecodeFix(contentType string, msg []byte) (*Fix, error) {
	switch {
	case len(msg) == 0:
		return nil, refuse(CodeEmpty, "the message is empty; want a fix")
	case len(msg) > MaxFixBytes:
		return nil, refuse(CodeTooLarge, "the fix has %d bytes; want at most %d", len(msg), MaxFixBytes)
	}
	f := &Fix{}
	switch contentType {
	case "", ContentTypeJSON:
		if err := json.Unmarshal(msg, f); err != nil {
			return nil, refuse(CodeBadFix, "the fix is not JSON as expected: %v", err)
		}
	case ContentTypeMsgpack:
		if err := f.decodeMsgpack(msg); err != nil {
			return nil, err
		}
	default:
		return nil, badContentType(contentType)
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return f, nil
}

// decodeMsgpack walks the message first: the library trusts declared lengths and nesting, so
// it only gets to see messages in which they are true.
func (f *Fix) decodeMsgpack(msg []byte) error {
	walk := reader{msg: msg}
	if ref := walk.skip(0); ref != nil {
		return ref
	}
	if walk.left() > 0 {
		return refuse(CodeTrailingBytes, "%d bytes follow the fix", walk.left())
	}
	decoder := msgpack.NewDecoder(bytes.NewReader(msg))
	decoder.SetCustomStructTag("json")
	if err := decoder.Decode(f); err != nil {
		return refuse(CodeBadFix, "the fix is not msgpack as expected: %v", err)
	}
	return nil
}

func badContentType(got string) *Refusal {
	return refuse(CodeBadContentType, "content type %.80q; want %s or %s", got, ContentTypeJSON, ContentTypeMsgpack)
}

// MarshalJSON writes the moment as RFC 3339 text.
func (i Instant) MarshalJSON() ([]byte, error) { return []byte(`"` + i.String() + `"`), nil }

// UnmarshalJSON reads RFC 3339 text.
func (i *Instant) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	return i.parse(s)
}

// EncodeMsgpack writes the moment as RFC 3339 text.
func (i Instant) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeString(i.String()) }

// DecodeMsgpack reads RFC 3339 text.
func (i *Instant) DecodeMsgpack(d *msgpack.Decoder) error {
	s, err := d.DecodeString()
	if err != nil {
		return err
	}
	return i.parse(s)
}

func (i *Instant) parse(s string) error {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return err
	}
	if t.Year() < 1900 || t.Year() > 2200 {
		return refuse(CodeBadTime, "%s is outside the years 1900 to 2200", s)
	}
	*i = InstantOf(t)
	return nil
}

// RawJSON is a JSON value passed on as it is: in place in JSON, as text (str) in msgpack.
type RawJSON []byte

// MarshalJSON returns the value itself.
func (r RawJSON) MarshalJSON() ([]byte, error) { return json.RawMessage(r).MarshalJSON() }

// UnmarshalJSON keeps a copy of the value.
func (r *RawJSON) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}

// EncodeMsgpack writes the value's text.
func (r RawJSON) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeString(string(r)) }

// DecodeMsgpack reads the value's text.
func (r *RawJSON) DecodeMsgpack(d *msgpack.Decoder) error {
	s, err := d.DecodeString()
	if err != nil {
		return err
	}
	if s != "" && !json.Valid([]byte(s)) {
		return refuse(CodeBadFix, "geojson is not JSON")
	}
	*r = RawJSON(s)
	return nil
}
