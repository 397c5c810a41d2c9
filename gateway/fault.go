package gateway

import (
	"fmt"
	"strconv"
	"strings"

	"foxhunt/messages"
)

// Codes of what is wrong with a request, beside those of a capture (messages, features).
const (
	CodeNotJSON         = "not_json"          // the body is no JSON text
	CodeUnknownField    = "unknown_field"     // an object has a field that it should not have
	CodeConflict        = "conflicting_field" // two fields say the same thing in different ways
	CodeBadIQ           = "bad_iq_data"       // iq_data is not a list of pairs of numbers
	CodeBadBase64       = "bad_base64"        // iq is not base64
	CodeBadNumber       = "bad_number"        // a number is too large for a float64
	CodeBadBatch        = "bad_batch_size"    // samples has no entries, or too many
	CodeBadParameter    = "bad_parameter"     // a query parameter is malformed
	CodeUnauthorized    = "unauthorized"      // no bearer token, or another
	CodeNotFound        = "not_found"         // no such page
	CodeFixNotFound     = "fix_not_found"     // the capture has no fix and no dead letter, yet or any more
	CodeMethod          = "method_not_allowed"
	CodeTooManyRequests = "too_many_requests" // the gateway has its fill of requests in flight
	CodeNoWorker        = "no_worker"         // nobody pulls captures
	CodeTimeout         = "timeout"           // the fix did not come in time
	CodeSlowBody        = "body_incomplete"   // the request's body did not come in whole
	CodeDuplicateID     = "duplicate_id"      // another subject has a capture of this id
	CodeInternal        = "internal"          // a fault of the program's own
)

// maxStep bounds a field's name in an answer: a client may have made it up.
const maxStep = 64

// fault is what is wrong with a request, and where: path has the steps from the outermost value inwards, innermost first
// while the fault is on its way out.
type fault struct {
	code, reason string
	path         []string
	told         bool // the reason names the place
}

func faulty(code, format string, args ...any) *fault {
	return &fault{code: code, reason: fmt.Sprintf(format, args...)}
}

// in says that the fault lies in a field of an object.
func (f *fault) in(field string) *fault {
	if f != nil {
		f.path = append(f.path, field[:min(len(field), maxStep)])
	}
	return f
}

// at says that the fault lies in an element of an array.
func (f *fault) at(index int) *fault {
	if f != nil {
		f.path = append(f.path, strconv.Itoa(index))
	}
	return f
}

// pointer is the place as a JSON Pointer (RFC 6901) in a URI fragment; empty where it is the whole body.
func (f *fault) pointer() string {
	var b strings.Builder
	for i := len(f.path) - 1; i >= 0; i-- {
		step := strings.ReplaceAll(strings.ReplaceAll(f.path[i], "~", "~0"), "/", "~1")
		if b.Len() == 0 {
			b.WriteByte('#')
		}
		b.WriteString("/" + step)
	}
	return b.String()
}

// name is the place as people write it: receivers[1].sample_rate.
func (f *fault) name() string {
	var b strings.Builder
	for i := len(f.path) - 1; i >= 0; i-- {
		step := f.path[i]
		switch _, err := strconv.Atoi(step); {
		case err == nil:
			b.WriteString("[" + step + "]")
		case b.Len() > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	if b.Len() == 0 {
		return "the body"
	}
	return b.String()
}

// refused is the fault that a refusal tells, in the words of the request.
func refused(r *messages.Refusal, words form) *fault {
	f := &fault{code: r.Code, reason: r.Reason, told: true}
	if words != inMsgpack {
		f.reason, f.path = translate(f.reason)
	}
	if words == alone {
		f.unwrap()
	}
	return f
}
