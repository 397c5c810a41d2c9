package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"foxhunt/messages"
)

// problem is an answer that is no fix: a problem detail of RFC 9457, with our stable code.
type problem struct {
	Type    string `json:"type"` // urn:foxhunt:problem:<code>
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer,omitempty"` // JSON Pointer to what is wrong with the body

	CaptureID string `json:"capture_id,omitempty"` // where the capture was published
	FixURL    string `json:"fix_url,omitempty"`    // where its fix will be, when there is one

	retryAfter int // s; 0: no header
}

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "urn:foxhunt:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// again says after how many seconds the same request may do better.
func (p *problem) again(seconds int) *problem {
	p.retryAfter = seconds
	return p
}

// problem is the answer to a faulty request.
func (f *fault) problem() *problem {
	status := http.StatusBadRequest
	if f.code == messages.CodeTooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	detail := f.reason
	if !f.told {
		detail = f.name() + " " + f.reason
	}
	p := newProblem(status, f.code, detail)
	p.Pointer = f.pointer()
	return p
}

// Failure is why the streams did not do what they were asked for. Code is one of the jetstream room's.
type Failure struct{ Code, Reason string }

func (e *Failure) Error() string { return e.Code + ": " + e.Reason }

// Codes of a Failure that an answer depends on.
const (
	failureTimeout     = "timeout"
	failureOverLimit   = "station_over_limit"
	failureFull        = "stream_full"
	failureTooLarge    = "too_large"
	failureSearchLong  = "search_too_long"
	secondsUntilBetter = 5
)

// problemOf is the problem of a failure: what waiting can mend has a Retry-After.
func problemOf(err error) *problem {
	var failure *Failure
	if !errors.As(err, &failure) {
		return newProblem(http.StatusInternalServerError, CodeInternal, "the gateway failed; its log says why")
	}
	switch failure.Code {
	case failureTooLarge:
		return newProblem(http.StatusRequestEntityTooLarge, failure.Code, failure.Reason)
	case failureOverLimit:
		return newProblem(http.StatusTooManyRequests, failure.Code, failure.Reason).again(secondsUntilBetter)
	case failureTimeout:
		return newProblem(http.StatusGatewayTimeout, failure.Code, failure.Reason).again(secondsUntilBetter)
	case failureSearchLong:
		return newProblem(http.StatusBadRequest, failure.Code, failure.Reason)
	}
	return newProblem(http.StatusServiceUnavailable, failure.Code, failure.Reason).again(secondsUntilBetter)
}

// deadProblem is the problem of a capture that became a dead letter: 400 where the capture is at fault, 422 where it was
// understood and has no place on Earth for an answer, 409 where its id is an earlier capture's or its event has its fix, 500 where the workers failed.
func deadProblem(d *messages.DeadLetter, words form) *problem {
	p := refused(&messages.Refusal{Code: d.Reason, Reason: d.Sentence}, words).problem()
	switch d.Reason {
	case "gave_up", "max_deliveries", "panic", "kills_workers":
		p.Status, p.Pointer = http.StatusInternalServerError, ""
	case CodeDuplicateID, "late", "repeated_station": // the workers' words are the same
		p.Status, p.Pointer = http.StatusConflict, ""
	case "bad_output", "beyond_horizon", "bad_covariance", "degenerate_covariance", "ellipse_too_large", "bad_fix":
		p.Status, p.Pointer = http.StatusUnprocessableEntity, ""
	case "too_few_receivers":
		p.Pointer = "#/receivers"
		p.Detail = "receivers: " + p.Detail + ". Time differences locate nothing with less: send each receiver in receivers, " +
			"with its station, latitude, longitude, start_time, clock_sigma, sample_rate and iq_data"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// inSample makes the pointer one into the body of the batch that the sample came in.
func (p *problem) inSample(i int) *problem {
	if rest, ok := strings.CutPrefix(p.Pointer, "#"); ok {
		p.Pointer = "#/samples/" + strconv.Itoa(i) + rest
	}
	return p
}

// write sends the problem.
func (p *problem) write(w http.ResponseWriter) {
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	writeJSON(w, "application/problem+json", p.Status, p)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // our own structs: only a fix with RawJSON could fail, and it was decoded from JSON
		status, body = http.StatusInternalServerError, []byte(`{"status":500,"code":"internal"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who asked may be gone
}

// Away answers a request that comes before there is a gateway to serve it, or when there is none any more.
func Away(w http.ResponseWriter) {
	newProblem(http.StatusServiceUnavailable, "not_connected", "the process is starting, and waits for NATS, or it is stopping").again(secondsUntilBetter).write(w)
}
