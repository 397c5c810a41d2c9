package jetstream

import (
	"slices"
	"strings"
	"time"

	"foxhunt/messages"
)

// DeadFilter chooses dead letters; all that it names must fit. The zero value chooses all.
type DeadFilter struct {
	Reason  string    // code
	Subject string    // of the original message, with NATS wildcards
	Station string    // one of the capture's receivers, as far as it can be read, or the source that its subject names
	After   time.Time // stored then or later, by the server's clock
	Before  time.Time // stored before then
}

// All reports whether the filter chooses all dead letters.
func (f DeadFilter) All() bool { return f == DeadFilter{} }

// validate refuses a subject that NATS would not take for a filter.
func (f DeadFilter) validate() error {
	if f.Subject == "" {
		return nil
	}
	tokens := strings.Split(f.Subject, ".")
	for i, token := range tokens {
		if token == "" || strings.ContainsAny(token, " \t\r\n") || token == ">" && i != len(tokens)-1 {
			return fail(CodeBadOption, nil, "subject %.200q is no NATS subject; want for example captures.dcf.*", f.Subject)
		}
	}
	return nil
}

// subjects are those of the letters that may fit, for the server to choose by.
func (f DeadFilter) subjects() []string {
	invalid := strings.TrimPrefix(messages.DeadInvalid, messages.DeadPrefix+".")
	switch {
	case f.Subject == "":
		return nil
	case matchesSubject(f.Subject, invalid):
		return []string{messages.DeadPrefix + "." + f.Subject}
	}
	// the letters of subjects that are no capture's lie together
	return []string{messages.DeadPrefix + "." + f.Subject, messages.DeadInvalid}
}

// matchesHeaders says whether d fits by what its headers say: all but the station.
func (f DeadFilter) matchesHeaders(d Dead) bool {
	return (f.Reason == "" || f.Reason == d.Letter.Reason) &&
		(f.Subject == "" || matchesSubject(f.Subject, d.Letter.Subject)) &&
		!d.Stored.Before(f.After) &&
		(f.Before.IsZero() || d.Stored.Before(f.Before))
}

// namesSource says whether the capture's subject names the station.
func (f DeadFilter) namesSource(d Dead) bool {
	_, source, err := messages.ParseSubject(d.Letter.Subject)
	return err == nil && source == f.Station
}

// hears says whether a receiver of the capture is the station's. Of a capture that cannot be read to its end, those are
// looked at that come before the fault.
func (f DeadFilter) hears(body []byte) bool {
	capture, _ := messages.Peek(body)
	return slices.ContainsFunc(capture.Receivers, func(r messages.Receiver) bool { return r.Station == f.Station })
}

// matchesSubject reports whether a NATS filter chooses a subject.
func matchesSubject(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return len(have) > i
		case i >= len(have), token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
