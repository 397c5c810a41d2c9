package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"foxhunt/messages"
)

// prediction is the answer to a sample: what most want of a fix under the names that they know, and the fix.
type prediction struct {
	Position      messages.Position `json:"position"`
	Uncertainty   uncertainty       `json:"uncertainty"`
	Confidence    float64           `json:"confidence"`
	ModelVersion  string            `json:"model_version"`
	InferenceTime float64           `json:"inference_time_ms"`
	Timestamp     messages.Instant  `json:"timestamp"`
	CacheHit      bool              `json:"_cache_hit"`
	Fix           *messages.Fix     `json:"fix"`
}

type uncertainty struct {
	SigmaX             float64 `json:"sigma_x"`
	SigmaY             float64 `json:"sigma_y"`
	Theta              float64 `json:"theta"`
	ConfidenceInterval float64 `json:"confidence_interval"`
}

func newPrediction(f *messages.Fix) *prediction {
	if f.Receivers == nil {
		f.Receivers = []messages.FixReceiver{} // an empty list, not null
	}
	u := f.Uncertainty
	return &prediction{
		Position:    f.Position,
		Uncertainty: uncertainty{SigmaX: u.SigmaX, SigmaY: u.SigmaY, Theta: u.Theta, ConfidenceInterval: u.ConfidenceInterval},
		Confidence:  f.Confidence, ModelVersion: modelVersion(&f.Model), InferenceTime: f.Inference,
		Timestamp: f.Timestamp, CacheHit: f.CacheHit, Fix: f,
	}
}

// modelVersion is the version that the model states, or else the beginning of its digest, which tells it from others, too.
func modelVersion(m *messages.Model) string {
	if m.Version != "" {
		return m.Version
	}
	return m.Digest[:min(len(m.Digest), 12)]
}

// predict answers a request for one fix.
func (g *Gateway) predict(w http.ResponseWriter, r *http.Request) {
	q, p := g.readOne(w, r)
	if p != nil {
		p.write(w)
		return
	}
	defer q.release()
	if p := g.admit(1); p != nil { // not before: who sends slowly keeps nobody else out
		p.write(w)
		return
	}
	defer g.captures.Release(1)
	ctx, cancel := context.WithTimeoutCause(r.Context(), g.options.Deadline, errDeadline)
	defer cancel()
	if p := g.ready(ctx); p != nil {
		p.write(w)
		return
	}
	fix, p := g.locate(ctx, q)
	if p != nil {
		p.write(w)
		return
	}
	writeJSON(w, typeJSON, http.StatusOK, newPrediction(fix))
}

// admit takes room for n captures in flight, to be released by who called.
func (g *Gateway) admit(n int64) *problem {
	if g.captures.TryAcquire(n) {
		return nil
	}
	return newProblem(http.StatusTooManyRequests, CodeTooManyRequests,
		"the gateway has as many captures in flight as it may; send fewer at once, or ask another gateway").again(1)
}

var errDeadline = errors.New("the gateway's deadline")

// form is how a capture was written, and so which names its sender has for its fields.
type form int

const (
	inMsgpack form = iota // rx[0].rate
	inJSON                // receivers[0].sample_rate
	alone                 // sample_rate: the request itself is the one receiver
)

// question is a capture ready to be published.
type question struct {
	subject, network, source string
	event                    string // that the capture states, in which it meets others'
	id                       string
	data                     []byte
	form                     form
	from                     time.Time
	duplicate                bool   // the stream had a capture of this id
	release                  func() // gives back the room that data took; again and again does no harm
}

// readOne reads the request of one fix, as JSON or as a capture in msgpack. The room that its body takes is the
// question's, to be released when its data are no longer needed.
func (g *Gateway) readOne(w http.ResponseWriter, r *http.Request) (*question, *problem) {
	data, kind, release, p := g.body(w, r, typeJSON, typeMsgpack)
	if p != nil {
		return nil, p
	}
	read := g.readJSON
	if kind == typeMsgpack {
		read = g.readCapture
	}
	q, p := read(r, data)
	if p != nil {
		release()
		return nil, p
	}
	q.release = sync.OnceFunc(release)
	return q, nil
}

// defaults are the gateway's, with the network that the query names.
func (g *Gateway) defaults(r *http.Request) (*Defaults, *problem) {
	query, p := parameters(r, "network")
	if p != nil {
		return nil, p
	}
	d := g.options.Defaults
	d.Network = cmp.Or(query["network"], d.Network)
	return &d, nil
}

func (g *Gateway) readJSON(r *http.Request, data []byte) (*question, *problem) {
	d, p := g.defaults(r)
	if p != nil {
		return nil, p
	}
	s := &scanner{text: data}
	sample, f := d.read(s, time.Now())
	if f == nil {
		f = s.end()
	}
	if f != nil {
		return nil, f.problem()
	}
	q, f := d.question(sample)
	if f != nil {
		return nil, f.problem()
	}
	return q, nil
}

// question encodes a sample as a capture.
func (d *Defaults) question(s *sample) (*question, *fault) {
	data, err := s.capture.Encode(nil)
	if refusal := refusalOf(err); refusal != nil {
		return nil, refused(refusal, s.form)
	}
	return d.address(&s.capture, s.network, data, s.form)
}

// address says on which subject a capture goes: a receiver alone speaks for itself, several are a bundle.
func (d *Defaults) address(c *messages.Capture, network string, data []byte, f form) (*question, *fault) {
	source := d.Bundle
	if len(c.Receivers) == 1 {
		source = c.Receivers[0].Station
	}
	subject, err := messages.CaptureSubject(network, source)
	if refusal := refusalOf(err); refusal != nil {
		return nil, refused(refusal, f)
	}
	return &question{subject: subject, network: network, source: source, event: c.Event, id: c.ID, data: data, form: f, from: time.Now(), release: func() {}}, nil
}

// readCapture takes a capture as stations publish it; only its network must be said beside it.
func (g *Gateway) readCapture(r *http.Request, data []byte) (*question, *problem) {
	d, p := g.defaults(r)
	if p != nil {
		return nil, p
	}
	var c messages.Capture
	if refusal := refusalOf(c.Decode(data)); refusal != nil {
		return nil, refused(refusal, inMsgpack).problem()
	}
	q, f := d.address(&c, d.Network, data, inMsgpack)
	if f != nil {
		return nil, f.problem()
	}
	return q, nil
}

// refusalOf is the refusal that err is; nil where there is none.
func refusalOf(err error) *messages.Refusal {
	if err == nil {
		return nil
	}
	var refusal *messages.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return &messages.Refusal{Code: CodeInternal, Reason: err.Error()}
}
