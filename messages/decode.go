package messages

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
	keyTruth
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
			ref = c.decodeVersion(&f)
		case "id":
			c.ID, ref = f.id(keyID, "id", id)
		case "event":
			c.Event, ref = f.optionalText(keyEvent, "event", event)
		case "session":
			c.Session, ref = f.optionalText(keySession, "session", session)
		case "freq":
			c.Frequency, ref = f.number(keyFrequency, "freq")
		case "cache":
			c.Cache, ref = f.optionalBool(keyCache, "cache", true)
		case "truth":
			c.Truth, ref = f.optionalPlace(keyTruth, "truth")
		case "rx":
			ref = c.decodeReceivers(&f)
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
	v, ref := f.number(keyVersion, "v")
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
	head, ref := f.value(keyReceivers, "rx")
	if ref != nil {
		return ref
	}
	if head.kind != kindArray {
		return f.wrongType(head, "rx", "an array of receivers")
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
		return f.wrongType(head, "", "a map")
	}
	for range head.n {
		key, ref := f.key()
		if ref != nil {
			return ref
		}
		switch string(key) {
		case "station":
			rx.Station, ref = f.text(keyStation, "station", station)
		case "lat":
			rx.Latitude, ref = f.number(keyLatitude, "lat")
		case "lon":
			rx.Longitude, ref = f.number(keyLongitude, "lon")
		case "alt":
			rx.Altitude, ref = f.number(keyAltitude, "alt")
		case "t0":
			rx.StartTime, ref = f.nanoseconds(keyStartTime, "t0")
		case "sigma":
			rx.ClockSigma, ref = f.number(keyClockSigma, "sigma")
		case "rate":
			rx.SampleRate, ref = f.number(keySampleRate, "rate")
		case "gain":
			rx.Gain, ref = f.number(keyGain, "gain")
		case "fmt":
			rx.Format, ref = f.format(keyFormat, "fmt")
		case "iq":
			rx.IQ, ref = f.bin(keyIQ, "iq")
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
