package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// WorkerAnswer is what one worker answered. All of it is the worker's word: quote it before it reaches a terminal.
type WorkerAnswer struct {
	Worker string          // its name
	Body   json.RawMessage // the answer; nil if there is none
	Code   string          // why there is none; "" if there is
	Reason string
}

// The codes of a [WorkerAnswer] that no worker gives.
const CodeSilent = "silent" // the worker was there when it was asked, and has not answered in time

// Bounds of a call to AskWorkers.
const (
	pingTime   = 2 * time.Second        // how long workers have to say that they are there
	pingQuiet  = 500 * time.Millisecond // after which nobody else is expected to
	mostAsked  = 10_000                 // workers
	mostUnread = 64 << 20               // bytes of answers that wait to be read
)

// AskWorkers puts the question to the worker of that name, or to all of them if worker is "", and gathers their answers
// until all have answered or ctx ends; those that have not are told with [CodeSilent]. The answers are sorted by name. None
// means that no worker is there.
func (c *Conn) AskWorkers(ctx context.Context, endpoint, worker string) ([]WorkerAnswer, error) {
	asked, err := c.workers(ctx, worker)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	question, err := json.Marshal(Question{Worker: worker})
	if err != nil {
		return nil, fail(CodeBadOption, err, "%s: %v", endpoint, err)
	}
	answers := make([]WorkerAnswer, 0, len(asked))
	err = c.gather(ctx, ServiceName+"."+endpoint, question, func(m *nats.Msg) (enough bool) {
		id := m.Header.Get(instanceHeader)
		name, known := asked[id]
		if !known {
			return false
		}
		delete(asked, id)
		answers = append(answers, readAnswer(name, m))
		return len(asked) == 0
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, c.explain(ServiceName+"."+endpoint, err)
	}
	for _, name := range asked {
		answers = append(answers, WorkerAnswer{Worker: name, Code: CodeSilent, Reason: "it was there, and has not answered in time"})
	}
	slices.SortFunc(answers, func(a, b WorkerAnswer) int { return cmp.Compare(a.Worker, b.Worker) })
	return answers, nil
}

func readAnswer(worker string, m *nats.Msg) WorkerAnswer {
	a := WorkerAnswer{Worker: worker, Code: m.Header.Get(micro.ErrorCodeHeader), Reason: m.Header.Get(micro.ErrorHeader)}
	if a.Code == "" && json.Valid(m.Data) {
		a.Body = m.Data
	} else if a.Code == "" {
		a.Code, a.Reason = CodeServer, "the answer is no JSON"
	}
	return a
}

// workers pings the service, and gives the workers' names by the ids of their instances: those of one name, if it is given.
func (c *Conn) workers(asker context.Context, worker string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(asker, pingTime)
	defer cancel()
	quiet := time.AfterFunc(pingTime, cancel)
	defer quiet.Stop()
	found := map[string]string{}
	subject := "$SRV.PING." + ServiceName
	err := c.gather(ctx, subject, nil, func(m *nats.Msg) (enough bool) {
		quiet.Reset(pingQuiet)
		var ping micro.Ping
		if json.Unmarshal(m.Data, &ping) != nil || ping.ID == "" {
			return false
		}
		if name := ping.Metadata["worker"]; worker == "" || name == worker {
			found[ping.ID] = name
		}
		return len(found) == mostAsked
	})
	if err != nil && (ctx.Err() == nil || asker.Err() != nil) {
		return nil, c.explain(subject, err)
	}
	return found, nil
}

// gather publishes a question and hands each answer to take until that has enough or ctx ends, which is an error; that
// nobody listens is none.
func (c *Conn) gather(ctx context.Context, subject string, question []byte, take func(*nats.Msg) (enough bool)) error {
	inbox := c.nc.NewInbox()
	answers := make(chan *nats.Msg, 64)
	sub, err := c.nc.Subscribe(inbox, func(m *nats.Msg) {
		select {
		case answers <- m:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return err
	}
	defer sub.Unsubscribe() // an error says that the connection is gone
	if err := errors.Join(sub.SetPendingLimits(-1, mostUnread), c.subscribed(ctx, inbox)); err != nil {
		return err
	}
	mine := func(forbidden string) bool { return forbidden == subject }
	return c.refusals.heed(ctx, mine, func(ctx context.Context) error {
		if err := c.nc.PublishRequest(subject, inbox, question); err != nil {
			return err
		}
		for {
			select {
			case m := <-answers:
				if m.Header.Get("Status") == "503" && len(m.Data) == 0 {
					return nil // nobody listens
				}
				if take(m) {
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}
