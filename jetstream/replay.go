package jetstream

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// CanReplay returns why d's original cannot be put back, else nil.
func (d Dead) CanReplay() error {
	switch _, _, err := messages.ParseSubject(d.Letter.Subject); {
	case d.Foreign:
		return fail(CodeNotReplayable, nil, "%d is no dead letter of foxhunt's (%s), so where it belongs is not known; look at it with show, delete it with purge",
			d.Sequence, reasonText(d.Letter.Sentence))
	case err != nil:
		return fail(CodeNotReplayable, err, "dead letter %d was published on %.200q, which is no capture's subject, so it would only die again; "+
			"save its bytes (show --out) and publish them on captures.<network>.<source>", d.Sequence, d.Letter.Subject)
	}
	return nil
}

// Replay puts the original of a dead letter back: the same bytes on the same subject, with the original's headers and
// those that keep its history ([messages.DeadLetter.ReplayHeaders]), under a fresh message id. Once the stream has
// confirmed it the dead letter is deleted, unless keep is set. A crash in between leaves both; replayed again, the capture
// is processed twice, and its fix, whose id is the same, is stored once.
//
// What the stream refuses, because the subject or the stream is full, stays a dead letter. If the capture was stored and
// the letter could not be deleted, both results are returned.
func (c *Conn) Replay(ctx context.Context, t Topology, sequence uint64, keep bool) (Stored, error) {
	d, err := c.DeadLetter(ctx, t, sequence)
	if err != nil {
		return Stored{}, err
	}
	if err := d.CanReplay(); err != nil {
		return Stored{}, err
	}
	msg := &nats.Msg{Subject: d.Letter.Subject, Data: d.Letter.Body, Header: nats.Header{}}
	maps.Copy(msg.Header, d.Letter.ReplayHeaders(sequence))
	msg.Header.Set(js.MsgIDHeader, "replay."+messages.NewCaptureID())
	stored, err := c.publish(ctx, msg, func(e *Error) bool { return e.Code == CodeTimeout || e.Code == CodeNotConnected })
	if err != nil {
		e := c.explain(d.Letter.Subject, err)
		return Stored{}, fail(e.Code, e, "dead letter %d stays: %s", sequence, e.Reason)
	}
	if keep {
		return stored, nil
	}
	if _, err := c.deleteMessage(ctx, t.Dead.Name, sequence); err != nil {
		e := c.explain(t.Dead.Name, err)
		return stored, fail(e.Code, e, "dead letter %d was replayed and could not be deleted, so it may be replayed again: %s", sequence, e.Reason)
	}
	return stored, nil
}

// DeleteDead deletes one dead letter. If there is none the error's code is CodeNoLetter.
func (c *Conn) DeleteDead(ctx context.Context, t Topology, sequence uint64) error {
	deleted, err := c.deleteMessage(ctx, t.Dead.Name, sequence)
	switch {
	case err != nil:
		return c.explain(t.Dead.Name, err)
	case !deleted:
		return fail(CodeNoLetter, nil, "there is no dead letter %d in %s", sequence, t.Dead.Name)
	}
	return nil
}

// PurgeDead deletes the dead letters that f chooses, one by one, and calls deleted for each. The zero filter deletes all.
func (c *Conn) PurgeDead(ctx context.Context, t Topology, f DeadFilter, deleted func(Dead)) error {
	for d, err := range c.DeadLetters(ctx, t, f) {
		if err != nil {
			return err
		}
		err = c.DeleteDead(ctx, t, d.Sequence)
		var e *Error
		switch {
		case err == nil:
			deleted(d)
		case !errors.As(err, &e) || e.Code != CodeNoLetter: // somebody else was faster
			return err
		}
	}
	return nil
}

// codeDeleteFailed is the server's API error for a message that it cannot delete, such as one that is not there.
const codeDeleteFailed = 10057

// deleteMessage removes a message from its stream, and reports false where it was gone.
func (c *Conn) deleteMessage(ctx context.Context, stream string, sequence uint64) (bool, error) {
	var answer struct{}
	err := c.orderAPI(ctx, "$JS.API.STREAM.MSG.DELETE."+stream, map[string]any{"seq": sequence, "no_erase": true}, &answer)
	var api *js.APIError
	if !errors.As(err, &api) || api.ErrorCode != codeSequenceNotFound && api.ErrorCode != codeDeleteFailed {
		return err == nil, err
	}
	if _, gone := c.stored(ctx, stream, map[string]any{"seq": sequence}); errors.Is(gone, ErrNoMessage) {
		return false, nil
	}
	return false, err
}

// stored asks a stream's leader for one message, as direct asks any of its servers: one of the others may not know yet that
// the message was removed. Headers that cannot be decoded are none, as they are to who gets the message delivered.
func (c *Conn) stored(ctx context.Context, stream string, request map[string]any) (StreamMessage, error) {
	var answer struct {
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	err := c.askAPI(ctx, "$JS.API.STREAM.MSG.GET."+stream, request, &answer)
	var api *js.APIError
	if errors.As(err, &api) && api.ErrorCode == js.JSErrCodeMessageNotFound {
		return StreamMessage{}, ErrNoMessage
	}
	if err != nil {
		return StreamMessage{}, err
	}
	m := StreamMessage{Subject: answer.Message.Subject, Sequence: answer.Message.Sequence, Data: answer.Message.Data, Time: answer.Message.Time}
	if header, err := nats.DecodeHeadersMsg(answer.Message.Header); err == nil {
		m.Header = header
	}
	return m, nil
}
