package jetstream

import (
	"context"
	"encoding/json"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// errWrongStream is what JetStream answers where a message wants to be stored in another stream than the one that would.
const errWrongStream = 10060

// Probe says whether what this user publishes on a subject would be stored, and whether its PubAcks would come: it publishes a
// message that asks for a stream of another name, which JetStream refuses. Nothing is stored.
func (c *Conn) Probe(ctx context.Context, subject string) error {
	if err := c.hearAnswers(ctx); err != nil {
		return c.explain(subject, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, nats.ErrTimeout)
	defer cancel()
	msg := nats.NewMsg(subject)
	msg.Header.Set(js.ExpectedStreamHeader, "none of foxhunt's")
	var answer *nats.Msg
	mine := func(forbidden string) bool { return forbidden == subject }
	err := c.refusals.heed(ctx, mine, func(ctx context.Context) (err error) {
		answer, err = c.nc.RequestMsgWithContext(ctx, msg)
		return err
	})
	if err != nil {
		return c.explain(subject, err)
	}
	var said struct {
		Error *js.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &said); err != nil || said.Error == nil {
		return fail(CodeServer, err, "%s: something else than a stream answers there", subject)
	}
	if said.Error.ErrorCode != errWrongStream {
		return c.explain(subject, said.Error)
	}
	return nil
}
