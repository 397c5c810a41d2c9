package messages

import (
	"encoding/json"
	"math"
	"time"
)

// RequestPrefix is the first token of requests.<network>, where stations hear what captures are wanted.
const RequestPrefix = "requests"

// Limits of requests and of answers to them.
const (
	RequestVersion   = 1       // the version this program writes and reads
	MaxRequestBytes  = 4 << 10 // of a request, and of an answer
	MaxRequestLength = 10 * time.Minute
)

// CodeBadRequest is a Refusal's code: a request, or an answer to one, does not decode, or holds an impossible number or name.
const CodeBadRequest = "bad_request"

// Request asks all stations of a network for one capture each of the same emission. It travels as JSON on
// requests.<network>, without a stream, and each station answers with an Answer.
type Request struct {
	Version   int     `json:"v"`
	Event     string  `json:"event"`              // the captures' event; 22 to 64 of A-Z a-z 0-9 _ -, random
	Frequency float64 `json:"frequency"`          // Hz
	At        Instant `json:"at"`                 // of the first sample
	Length    float64 `json:"length_s"`           // s
	MinRate   float64 `json:"min_rate,omitempty"` // Hz; stations that take fewer samples a second are not wanted; 0: all are
}

// Duration is the request's length.
func (r *Request) Duration() time.Duration {
	return time.Duration(math.Round(r.Length * float64(time.Second)))
}

// RequestSubject is requests.<network>.
func RequestSubject(network string) (string, error) {
	if err := ValidateToken("network", network); err != nil {
		return "", err
	}
	if err := notReserved(network); err != nil {
		return "", err
	}
	return RequestPrefix + "." + network, nil
}

// Encode writes the request as JSON. The error is a *Refusal.
func (r *Request) Encode() ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	return encodeJSON("request", r)
}

// DecodeRequest reads what Encode wrote. The error is a *Refusal.
func DecodeRequest(msg []byte) (*Request, error) {
	r := &Request{}
	if err := decodeJSON("request", msg, r); err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Request) validate() error {
	switch {
	case r.Version != RequestVersion:
		return badVersion(float64(r.Version))
	case len(r.Event) < MinIDLength || len(r.Event) > MaxIDLength || !isToken(r.Event):
		return refuse(CodeBadRequest, "event is %.80q; want %d to %d of A-Z a-z 0-9 _ -", r.Event, MinIDLength, MaxIDLength)
	case !(r.Frequency > 0 && r.Frequency <= MaxFrequency):
		return refuse(CodeBadFrequency, "frequency is %g; want more than 0 and at most 300 GHz, in Hz", r.Frequency)
	case r.At.Time().UnixNano() <= 0 || r.At.Time().UnixNano() >= MaxStartTime:
		return badTime("at", r.At.String())
	case !(r.Length > 0 && r.Length <= MaxRequestLength.Seconds()):
		return refuse(CodeBadRequest, "length_s is %g; want more than 0 and at most %g s", r.Length, MaxRequestLength.Seconds())
	case !(r.MinRate >= 0 && r.MinRate <= MaxSampleRate):
		return refuse(CodeBadRate, "min_rate is %g; want 0 to 100 MHz", r.MinRate)
	}
	return nil
}

// Why a station does not make a capture: the codes of an Answer, beside those of a Refusal.
const (
	AnswerNotTunable = "not_tunable"  // its receiver hears another frequency, and is not to be tuned, or cannot
	AnswerRateTooLow = "rate_too_low" // it takes fewer samples a second than are wanted
	AnswerTooLong    = "too_long"     // so many samples are more than a capture may have, or than it keeps
	AnswerTooLate    = "too_late"     // the samples are past, and not kept any more, or there is no time left to tune
	AnswerTooEarly   = "too_early"    // it is longer until then than it plans ahead
	AnswerNoSamples  = "no_samples"   // no samples come from its receiver at this moment
	AnswerBusy       = "busy"         // it has as many requests as it takes, or one for another frequency at that time
)

// Answer is what a station says to a Request. Nothing proves which station said it: the captures' subjects do.
type Answer struct {
	Version    int     `json:"v"`
	Event      string  `json:"event"` // the request's
	Station    string  `json:"station"`
	Accepted   bool    `json:"accepted"`
	Code       string  `json:"code,omitempty"`   // why not
	Reason     string  `json:"reason,omitempty"` // the same, a sentence
	SampleRate float64 `json:"rate,omitempty"`   // Hz, where accepted
	ClockSigma float64 `json:"sigma,omitempty"`  // ns, of its clock at this moment, where accepted
}

// Encode writes the answer as JSON. The error is a *Refusal.
func (a *Answer) Encode() ([]byte, error) {
	if err := a.validate(); err != nil {
		return nil, err
	}
	return encodeJSON("answer", a)
}

// DecodeAnswer reads what Encode wrote. The error is a *Refusal.
func DecodeAnswer(msg []byte) (*Answer, error) {
	a := &Answer{}
	if err := decodeJSON("answer", msg, a); err != nil {
		return nil, err
	}
	if err := a.validate(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Answer) validate() error {
	switch {
	case a.Version != RequestVersion:
		return badVersion(float64(a.Version))
	case len(a.Event) > MaxIDLength || a.Event != "" && !isToken(a.Event):
		return refuse(CodeBadRequest, "event is %.80q; want at most %d of A-Z a-z 0-9 _ -", a.Event, MaxIDLength)
	case !validToken(a.Station):
		return refuse(CodeBadStation, "station is %.80q; want 1 to %d of A-Z a-z 0-9 _ -", a.Station, MaxTokenLength)
	case a.Accepted != (a.Code == "") || len(a.Code) > MaxTokenLength || !isToken(a.Code):
		return refuse(CodeBadRequest, "code is %.80q, and accepted is %t; want a code where it is not", a.Code, a.Accepted)
	case !(a.SampleRate >= 0 && a.SampleRate <= MaxSampleRate):
		return refuse(CodeBadRate, "rate is %g; want 0 to 100 MHz", a.SampleRate)
	case !(a.ClockSigma >= 0 && a.ClockSigma <= MaxClockSigma):
		return refuse(CodeBadSigma, "sigma is %g; want 0 to 1e9 ns", a.ClockSigma)
	}
	return validateText("reason", a.Reason)
}

func encodeJSON(what string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, refuse(CodeBadRequest, "the %s cannot be written: %v", what, err)
	}
	return b, nil
}

func decodeJSON(what string, msg []byte, into any) error {
	switch {
	case len(msg) == 0:
		return refuse(CodeEmpty, "the message is empty; want a %s", what)
	case len(msg) > MaxRequestBytes:
		return refuse(CodeTooLarge, "the %s has %d bytes; want at most %d", what, len(msg), MaxRequestBytes)
	}
	if err := json.Unmarshal(msg, into); err != nil {
		return refuse(CodeBadRequest, "the %s is not JSON as expected: %v", what, err)
	}
	return nil
}
