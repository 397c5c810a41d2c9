package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// ask sends a request that changes nothing, and returns the answer. What the permissions forbid is refused at once: NATS
// reports it apart from the request, for which nobody would answer. If the connection is lost before the answer comes it asks
// again when it is back; the pause before spreads what many ask then.
func (c *Conn) ask(ctx context.Context, subject string, request any) (*nats.Msg, error) {
	body, err := encodeRequest(subject, request)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*answerTime, nats.ErrTimeout)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		msg, err := c.askOnce(ctx, subject, body)
		if err == nil {
			return msg, nil
		}
		if !errors.Is(err, errLost) || !sleep(ctx, jitter(pause)) {
			return nil, c.explain(subject, err)
		}
	}
}

func encodeRequest(subject string, request any) ([]byte, error) {
	if request == nil {
		return nil, nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fail(CodeBadOption, err, "%s: %v", subject, err)
	}
	return body, nil
}

func (c *Conn) askOnce(ctx context.Context, subject string, body []byte) (msg *nats.Msg, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, nats.ErrTimeout)
	defer cancel()
	mine := func(forbidden string) bool { return forbidden == subject }
	err = c.refusals.exchange(ctx, mine, func(ctx context.Context) (err error) {
		msg, err = c.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: body})
		return err
	})
	return msg, err
}

// askAPI asks JetStream's API and decodes its answer into into. An error the server answers with is a *js.APIError.
func (c *Conn) askAPI(ctx context.Context, subject string, request, into any) error {
	msg, err := c.ask(ctx, subject, request)
	if err != nil {
		return err
	}
	return decodeAPI(subject, msg, into)
}

// orderAPI is askAPI for what changes something: it is not asked again where the connection was lost, as it may have been done.
func (c *Conn) orderAPI(ctx context.Context, subject string, request, into any) error {
	body, err := encodeRequest(subject, request)
	if err != nil {
		return err
	}
	msg, err := c.askOnce(ctx, subject, body)
	if err != nil {
		return c.explain(subject, err)
	}
	return decodeAPI(subject, msg, into)
}

func decodeAPI(subject string, msg *nats.Msg, into any) error {
	var problem struct {
		Error *js.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &problem); err != nil {
		return fail(CodeServer, err, "%s: the answer is no JSON: %v", subject, err)
	}
	if problem.Error != nil {
		return problem.Error
	}
	if err := json.Unmarshal(msg.Data, into); err != nil {
		return fail(CodeServer, err, "%s: the answer cannot be read: %v", subject, err)
	}
	return nil
}

// StreamMessage is a message as a stream stores it.
type StreamMessage struct {
	Subject  string
	Header   nats.Header
	Data     []byte
	Sequence uint64
	Time     time.Time // when the stream stored it, by the server's clock
}

// size is the message's bytes, much as NATS counts them.
func (m *StreamMessage) size() int {
	n := len(m.Subject) + len(m.Data)
	for name, values := range m.Header {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// ErrNoMessage is returned where a stream has no such message.
var ErrNoMessage = errors.New("no such message")

// direct asks a stream for one message without a consumer: {"seq": n, "next_by_subj": filter} for the first at or after a
// sequence, {"last_by_subj": subject} for a subject's last.
func (c *Conn) direct(ctx context.Context, stream string, request map[string]any) (StreamMessage, error) {
	msg, err := c.ask(ctx, "$JS.API.DIRECT.GET."+stream, request)
	if err != nil {
		return StreamMessage{}, err
	}
	if len(msg.Header) == 0 {
		return c.undecoded(ctx, stream, request)
	}
	status := msg.Header.Get("Status")
	if len(msg.Header[js.SequenceHeader]) > 0 {
		status = "" // a message, in which its publisher wrote that
	}
	switch status {
	case "":
	case "404":
		return StreamMessage{}, ErrNoMessage
	default:
		return StreamMessage{}, fail(CodeServer, nil, "%s: direct get: %s %s", stream, reasonText(status), reasonText(msg.Header.Get("Description")))
	}
	return streamMessage(stream, msg)
}

// undecoded asks for what came in an answer to direct whose headers nats.go cannot decode, and therefore drops with the
// server's own: whoever publishes a message may have written something there that is no header, and the stream stores it.
func (c *Conn) undecoded(ctx context.Context, stream string, request map[string]any) (StreamMessage, error) {
	request = maps.Clone(request)
	delete(request, "batch") // direct gets know that only
	m, err := c.stored(ctx, stream, request)
	if err != nil && !errors.Is(err, ErrNoMessage) {
		return m, c.explain(stream, err)
	}
	return m, err
}

// added takes a header that the server added to a message out of it. It is the last of its name: the message may have come
// with one that its publisher made up.
func added(h nats.Header, name string) string {
	values := h[name]
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	if h[name] = values[:len(values)-1]; len(h[name]) == 0 {
		delete(h, name)
	}
	return last
}
