package jetstream

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// One question brings so many messages of a walk at most, or so many bytes.
const (
	walkTogether = 1000
	walkBytes    = 4 << 20
)

// eachStored calls handle for the messages of a stream on the subjects of filter, in its order, without a consumer, until all
// were read or most were; more says whether there are others. The data is handle's.
func (c *Conn) eachStored(ctx context.Context, stream, filter string, most int, handle func(StreamMessage)) (more bool, err error) {
	for next, left := uint64(1), most; left > 0; {
		last, read, pending, err := c.batch(ctx, stream, map[string]any{
			"seq": next, "next_by_subj": filter, "batch": min(left, walkTogether), "max_bytes": walkBytes,
		}, handle)
		if err != nil {
			return false, c.explain(stream, err)
		}
		if pending == 0 || read == 0 {
			return false, nil
		}
		next, left = last+1, left-read
	}
	return true, nil
}

// batch asks any server that has the stream for several messages at once. It returns the sequence of the last, how many came,
// and how many there are after them.
func (c *Conn) batch(ctx context.Context, stream string, request map[string]any, handle func(StreamMessage)) (last uint64, read int, pending uint64, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return 0, 0, 0, fail(CodeBadOption, err, "%s: %v", stream, err)
	}
	inbox, subject := c.nc.NewInbox(), "$JS.API.DIRECT.GET."+stream
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, 0, 0, err
	}
	defer sub.Unsubscribe()
	err = c.refusals.heed(ctx, func(s string) bool { return s == subject || s == inbox }, func(ctx context.Context) error {
		if err := c.nc.PublishRequest(subject, inbox, body); err != nil {
			return err
		}
		for {
			msg, err := nextAnswer(ctx, sub)
			if err != nil {
				return err
			}
			if end, err := isBatchEnd(stream, msg); end || err != nil {
				pending, _ = strconv.ParseUint(msg.Header.Get("Nats-Num-Pending"), 10, 63)
				return err
			}
			m, err := streamMessage(stream, msg)
			if err != nil {
				return err
			}
			last, read = m.Sequence, read+1
			handle(m)
		}
	})
	return last, read, pending, err
}

// nextAnswer waits for the next part of an answer for as long as one may take.
func nextAnswer(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, nats.ErrTimeout)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

// isBatchEnd reports whether an answer says that there is nothing more, or that there is nothing.
func isBatchEnd(stream string, msg *nats.Msg) (bool, error) {
	if len(msg.Header[js.SequenceHeader]) > 0 { // a message, in which its publisher may have written a status
		return false, nil
	}
	switch status := msg.Header.Get("Status"); status {
	case "204", "404":
		return true, nil
	case "503":
		return false, nats.ErrNoResponders
	default:
		return false, fail(CodeServer, nil, "%s: direct get: %s %s", stream, reasonText(status), reasonText(msg.Header.Get("Description")))
	}
}

// streamMessage takes what the server added out of an answer's headers.
func streamMessage(stream string, msg *nats.Msg) (m StreamMessage, err error) {
	m = StreamMessage{Subject: added(msg.Header, js.SubjectHeader), Header: msg.Header, Data: msg.Data}
	added(msg.Header, js.StreamHeader)
	if err := json.Unmarshal([]byte(added(msg.Header, js.SequenceHeader)), &m.Sequence); err != nil {
		return m, fail(CodeServer, err, "%s: direct get: no sequence in the answer", stream)
	}
	if m.Time, err = time.Parse(time.RFC3339Nano, added(msg.Header, js.TimeStampHeaer)); err != nil {
		return m, fail(CodeServer, err, "%s: direct get: no time in the answer", stream)
	}
	return m, nil
}
