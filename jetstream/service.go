package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/micro"
)

// ServiceName is the name of the NATS micro service of which each worker is an instance: `nats micro ls` and
// [Conn.AskWorkers] find workers by it. Its questions are asked on subjects that begin with it.
const ServiceName = "foxhunt"

// serviceVersion is the version of the questions and their answers, not of the program.
const serviceVersion = "1.0.0"

// mostQuestion bounds the bytes of a question.
const mostQuestion = 64 << 10

// instanceHeader says in an answer which instance of the service gave it.
const instanceHeader = "Foxhunt-Instance"

// Endpoint is one question that workers answer, on the subject foxhunt.<Name>.
type Endpoint struct {
	Name  string                                                             // such as model.info
	Serve func(ctx context.Context, question []byte) (answer any, err error) // the answer goes out as JSON
}

// Question is what every question to workers holds, as JSON; a question without a body is one to all.
type Question struct {
	Worker string `json:"worker,omitempty"` // the only one that is to answer; "": all of them
}

// Service answers questions to a worker until Stop.
type Service struct {
	micro  micro.Service
	worker string
	ctx    context.Context
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

// StartService makes this process an instance of the micro service, by the worker's name. Every instance hears every
// question: there are no queue groups, as one worker's answer says nothing of the others'. A question that names another
// worker is left to that one. metadata is shown by ping and info beside the worker's name.
func (c *Conn) StartService(worker string, metadata map[string]string, endpoints ...Endpoint) (*Service, error) {
	s := &Service{worker: worker}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	all := map[string]string{"worker": worker}
	for key, value := range metadata {
		all[key] = value
	}
	var err error
	s.micro, err = micro.AddService(c.nc, micro.Config{
		Name: ServiceName, Version: serviceVersion, Description: "locates radio transmitters from captures",
		Metadata: all, QueueGroupDisabled: true,
	})
	if err != nil {
		s.cancel()
		return nil, c.explain("the micro service "+ServiceName, err)
	}
	for _, e := range endpoints {
		// An endpoint's name may have no dots; its subject may.
		if err := s.micro.AddEndpoint(dashed(e.Name), s.handler(e), micro.WithEndpointSubject(ServiceName+"."+e.Name)); err != nil {
			s.Stop()
			return nil, c.explain(ServiceName+"."+e.Name, err)
		}
	}
	_ = c.nc.FlushTimeout(answerTime) // who asks from now on finds it; an error says that the connection is away, and comes back with all of it
	return s, nil
}

func dashed(name string) string {
	b := []byte(name)
	for i := range b {
		if b[i] == '.' {
			b[i] = '-'
		}
	}
	return string(b)
}

// handler answers each question in a goroutine of its own, so that a reload holds up no other question; the questions under
// way are bounded by mostAtOnce.
func (s *Service) handler(e Endpoint) micro.HandlerFunc {
	turn := make(chan struct{}, mostAtOnce)
	return func(r micro.Request) {
		var q Question
		if len(r.Data()) > mostQuestion {
			s.refuse(r, "400", fmt.Sprintf("the question has %d bytes; want at most %d", len(r.Data()), mostQuestion))
			return
		}
		if len(r.Data()) > 0 && json.Unmarshal(r.Data(), &q) != nil {
			s.refuse(r, "400", `the question is no JSON object; want none, or {"worker": "NAME"}`)
			return
		}
		if q.Worker != "" && q.Worker != s.worker {
			return
		}
		select {
		case turn <- struct{}{}:
		default:
			s.refuse(r, "429", fmt.Sprintf("%d such questions are being answered already; ask again", mostAtOnce))
			return
		}
		s.busy.Go(func() {
			defer func() { <-turn }()
			s.answer(r, e)
		})
	}
}

// mostAtOnce bounds the questions of one kind that are answered at once.
const mostAtOnce = 16

func (s *Service) answer(r micro.Request, e Endpoint) {
	answer, err := e.Serve(s.ctx, r.Data())
	if err == nil {
		if err = r.RespondJSON(answer, s.identity()); err == nil {
			return
		}
	}
	code := "500"
	var own *Error
	if errors.As(err, &own) {
		code = own.Code
	}
	s.refuse(r, code, err.Error())
}

func (s *Service) refuse(r micro.Request, code, sentence string) {
	_ = r.Error(code, sentence, nil, s.identity()) // an error says that nobody waits any more, or that the connection is gone
}

func (s *Service) identity() micro.RespondOpt {
	return micro.WithHeaders(micro.Headers{instanceHeader: {s.micro.Info().ID}})
}

// Stop answers no more questions, and waits for the answers under way.
func (s *Service) Stop() {
	_ = s.micro.Stop() // an error says that the connection has ended
	s.cancel()
	s.busy.Wait()
}
