package messages

import "fmt"

// Refusal says why a message was not accepted. Code is one of the Code constants and never
// changes its meaning, so programs may decide by it; Reason is a sentence for people which
// names the field (`rx[1].rate is 0; want 1 kHz to 100 MHz`).
type Refusal struct {
	Code   string
	Reason string
}

// Error returns "code: reason".
func (r *Refusal) Error() string { return r.Code + ": " + r.Reason }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// Codes of the wire format: the bytes are not a message of this kind.
const (
	CodeEmpty         = "empty"          // the message has no bytes
	CodeNotMsgpack    = "not_msgpack"    // the first byte does not open a msgpack map, or a byte is no msgpack type
	CodeTruncated     = "truncated"      // a declared length is more than what is left of the message
	CodeTrailingBytes = "trailing_bytes" // bytes follow the map
	CodeTooLarge      = "too_large"      // more bytes than a message of this kind may have
	CodeTooDeep       = "too_deep"       // maps and arrays nested deeper than any version needs
	CodeDuplicateKey  = "duplicate_key"  // a known key occurs twice in one map
	CodeMissingField  = "missing_field"  // a key that has no default is absent
	CodeBadType       = "bad_type"       // a value is of another type than its field
)

// Codes of a capture's fields.
const (
	CodeBadVersion       = "bad_version"        // v is not a version this program knows
	CodeBadID            = "bad_id"             // id is too short, too long or holds characters outside [A-Za-z0-9_-]
	CodeBadText          = "bad_text"           // event or session is longer than MaxTextBytes or not UTF-8
	CodeBadFrequency     = "bad_freq"           // freq is not a frequency in Hz
	CodeNoReceivers      = "no_receivers"       // rx is empty
	CodeTooManyReceivers = "too_many_receivers" // rx has more than MaxReceivers entries
	CodeBadStation       = "bad_station"        // a station's name is not a token
	CodeDuplicateStation = "duplicate_station"  // two receivers of one capture have the same name
	CodeBadPosition      = "bad_position"       // latitude or longitude is off the globe
	CodeNullIsland       = "null_island"        // latitude and longitude are both exactly 0, as from a device never told its place
	CodeBadAltitude      = "bad_altitude"       // altitude is not within MinAltitude..MaxAltitude
	CodeBadTime          = "bad_time"           // t0 is not a time after 1970 and before 2200
	CodeBadSigma         = "bad_sigma"          // sigma is not within 0..1 s
	CodeBadRate          = "bad_rate"           // rate is not within 1 kHz..100 MHz
	CodeBadGain          = "bad_gain"           // gain is not within -200..200 dB
	CodeBadFormat        = "bad_format"         // fmt is not one of the sample formats
	CodeBadIQLength      = "bad_iq_length"      // iq is empty or not a whole number of samples
	CodeBadSamples       = "bad_samples"        // a cf32_le sample is NaN, infinite or beyond MaxSample
)

// Codes of the other messages and of subjects.
const (
	CodeBadSubject     = "bad_subject"      // a subject or one of its tokens is malformed
	CodeBadContentType = "bad_content_type" // a content type that no fix is written in
	CodeBadFix         = "bad_fix"          // a fix does not decode, or a number or name in it is impossible
	CodeBadDeadLetter  = "bad_dead_letter"  // the headers of a dead letter do not describe one
	CodeBadTruth       = "bad_truth"        // a truth message does not decode, a true position is off the globe, or a name in the message is no token
	CodeReserved       = "reserved_network" // a network has a name that is not to be had: ShadowNetwork
)
