package messages

import (
	"strconv"
	"strings"
	"time"
)

// Headers of a dead letter. Those of the original message follow under DeadHeaderPrefix, so
// that its Nats-Msg-Id does not make the dead letter a duplicate.
const (
	DeadReasonHeader     = "Foxhunt-Reason"     // code
	DeadSentenceHeader   = "Foxhunt-Sentence"   // what went wrong, for people
	DeadSubjectHeader    = "Foxhunt-Subject"    // the original message's subject
	DeadDeliveriesHeader = "Foxhunt-Deliveries" // how often it was delivered
	DeadWorkerHeader     = "Foxhunt-Worker"     // who gave up
	DeadModelHeader      = "Foxhunt-Model"      // version of the model that worker served
	DeadTimeHeader       = "Foxhunt-Time"       // when, RFC 3339
	DeadHeaderPrefix     = "Foxhunt-Original-"
)

// maxSentence bounds a sentence in a header, in bytes.
const maxSentence = 512

// DeadLetter is a message that could not be processed, with the reason and all that is
// needed to replay it.
type DeadLetter struct {
	Body         []byte // the original bytes, untouched
	Subject      string // the original subject
	Headers      map[string][]string
	Reason       string // code
	Sentence     string
	Deliveries   int
	Worker       string
	ModelVersion string
	Time         time.Time
}

// Encode returns the dead letter as a message on DeadSubject(d.Subject): body and headers.
func (d *DeadLetter) Encode() (body []byte, headers map[string][]string) {
	headers = map[string][]string{
		DeadReasonHeader:     {oneLine(d.Reason)},
		DeadSentenceHeader:   {oneLine(d.Sentence[:min(len(d.Sentence), maxSentence)])},
		DeadSubjectHeader:    {oneLine(d.Subject)},
		DeadDeliveriesHeader: {strconv.Itoa(d.Deliveries)},
		DeadWorkerHeader:     {oneLine(d.Worker)},
		DeadModelHeader:      {oneLine(d.ModelVersion)},
		DeadTimeHeader:       {d.Time.UTC().Format(time.RFC3339Nano)},
	}
	for name, values := range d.Headers {
		headers[DeadHeaderPrefix+name] = values
	}
	return d.Body, headers
}

// DecodeDeadLetter reads what Encode wrote; Body aliases body. Other headers, such as the
// server's own, are ignored. The error is a *Refusal with CodeBadDeadLetter.
func DecodeDeadLetter(body []byte, headers map[string][]string) (*DeadLetter, error) {
	d := &DeadLetter{
		Body:         body,
		Reason:       first(headers, DeadReasonHeader),
		Sentence:     first(headers, DeadSentenceHeader),
		Subject:      first(headers, DeadSubjectHeader),
		Worker:       first(headers, DeadWorkerHeader),
		ModelVersion: first(headers, DeadModelHeader),
		Headers:      map[string][]string{},
	}
	if d.Reason == "" || d.Subject == "" {
		return nil, refuse(CodeBadDeadLetter, "headers %s and %s are needed", DeadReasonHeader, DeadSubjectHeader)
	}
	var err error
	if d.Deliveries, err = strconv.Atoi(first(headers, DeadDeliveriesHeader)); err != nil {
		return nil, refuse(CodeBadDeadLetter, "header %s: %v", DeadDeliveriesHeader, err)
	}
	if d.Time, err = time.Parse(time.RFC3339Nano, first(headers, DeadTimeHeader)); err != nil {
		return nil, refuse(CodeBadDeadLetter, "header %s: %v", DeadTimeHeader, err)
	}
	for name, values := range headers {
		if original, ok := strings.CutPrefix(name, DeadHeaderPrefix); ok {
			d.Headers[original] = values
		}
	}
	return d, nil
}

// oneLine makes s fit for a header: no control characters, valid UTF-8.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, ""))
}

func first(headers map[string][]string, name string) string {
	if values := headers[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
