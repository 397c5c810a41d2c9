package worker

import (
	"context"
	"time"
)

// Tracer follows captures for those who want to see where their time goes.
type Tracer interface {
	// Receive begins to follow a capture; the context goes along with all that is done for it.
	Receive(ctx context.Context, m Message) (context.Context, Trace)
}

// Trace is one capture that is followed.
type Trace interface {
	Stage(name string, began time.Time, took time.Duration) // a stage that is over
	Tell(key, value string)                                 // what is known now
	End(code, sentence string)                              // both "" for a capture that has its fix
}

// begun begins the job's trace, if anybody follows captures.
func (l *lane) begun(ctx context.Context, j *job) context.Context {
	if l.options.Tracer != nil {
		ctx, j.trace = l.options.Tracer.Receive(ctx, j.message)
	}
	return ctx
}

// tell adds what is known to the job's trace, if there is one.
func (j *job) tell(key, value string) {
	if j.trace != nil {
		j.trace.Tell(key, value)
	}
}

// endTrace ends the job's trace with what became of it.
func (j *job) endTrace(v verdict) {
	if j.trace == nil {
		return
	}
	if v.action == wait || v.action == done {
		j.trace.End("", "")
		return
	}
	if v.action != acknowledge {
		j.trace.End(v.code, v.reason)
		return
	}
	j.trace.Tell("foxhunt.capture_id", j.fix.CaptureID)
	j.trace.Tell("foxhunt.arm", j.fix.Arm)
	j.trace.Tell("foxhunt.model", j.fix.Model.Name+" "+j.fix.Model.Version)
	j.trace.End("", "")
}
