package messages

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	DeadLeftOutHeader    = "Foxhunt-Left-Out"   // how many of the original's headers there was no room for; absent: none
	DeadHeaderPrefix     = "Foxhunt-Original-"
)

// maxHeaderText bounds each text in a dead letter's headers, and maxOriginals those of the original message together, in
// bytes. A server takes 64 KiB of headers, which the originals with their prefix could exceed: then the letter, and with it
// its capture, would go nowhere.
const (
	maxHeaderText = 512
	maxOriginals  = 4 << 10
)

// DeadLetter is a message that could not be processed, with the reason and all that is
// needed to replay it.
type DeadLetter struct {
	Body         []byte // the original bytes, untouched
	Subject      string // the original subject; its first 512 bytes
	Headers      map[string][]string
	LeftOut      int    // headers of the original message that are not in Headers
	Reason       string // code
	Sentence     string
	Deliveries   int
	Worker       string
	ModelVersion string
	Time         time.Time
}

// Encode returns the dead letter as a message on DeadSubject(d.Subject): body and headers. Its headers have less than 8 KiB;
// original ones for which there is no room are counted in DeadLeftOutHeader.
func (d *DeadLetter) Encode() (body []byte, headers map[string][]string) {
	headers = map[string][]string{
		DeadReasonHeader:     {headerText(d.Reason)},
		DeadSentenceHeader:   {headerText(d.Sentence)},
		DeadSubjectHeader:    {headerText(d.Subject)},
		DeadDeliveriesHeader: {strconv.Itoa(d.Deliveries)},
		DeadWorkerHeader:     {headerText(d.Worker)},
		DeadModelHeader:      {headerText(d.ModelVersion)},
		DeadTimeHeader:       {d.Time.UTC().Format(time.RFC3339Nano)},
	}
	leftOut := d.LeftOut
	room := maxOriginals
	for _, name := range d.headerNames() {
		size := headerSize(DeadHeaderPrefix+name, d.Headers[name])
		if size > room {
			leftOut++
			continue
		}
		room -= size
		headers[DeadHeaderPrefix+name] = d.Headers[name]
	}
	if leftOut > 0 {
		headers[DeadLeftOutHeader] = []string{strconv.Itoa(leftOut)}
	}
	return d.Body, headers
}

// headerNames are the original's headers in a fixed order. Those that tell of earlier deaths go first: they must not be
// left out for want of room.
func (d *DeadLetter) headerNames() []string {
	return slices.SortedFunc(maps.Keys(d.Headers), func(a, b string) int {
		first, second := strings.HasPrefix(a, replayPrefix), strings.HasPrefix(b, replayPrefix)
		switch {
		case first && !second:
			return -1
		case second && !first:
			return 1
		}
		return cmp.Compare(a, b)
	})
}

// headerSize is what a header takes on the wire: a line "name: value\r\n" for each value.
func headerSize(name string, values []string) (size int) {
	for _, value := range values {
		size += len(name) + len(value) + len(": \r\n")
	}
	return size
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
	if n := first(headers, DeadLeftOutHeader); n != "" {
		if d.LeftOut, err = strconv.Atoi(n); err != nil {
			return nil, refuse(CodeBadDeadLetter, "header %s: %v", DeadLeftOutHeader, err)
		}
	}
	for name, values := range headers {
		if original, ok := strings.CutPrefix(name, DeadHeaderPrefix); ok {
			d.Headers[original] = values
		}
	}
	return d, nil
}

// Sentence makes a text from outside fit for people to read in a field of a message: at most 512 bytes, no control characters.
func Sentence(s string) string { return headerText(s) }

// headerText makes s fit for a header: bounded, no control characters, valid UTF-8.
func headerText(s string) string {
	s = s[:min(len(s), maxHeaderText)]
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
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
