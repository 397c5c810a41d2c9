package worker

import (
	"context"
	"fmt"

	"foxhunt/messages"
)

// CodeKillsWorkers is the code of a capture on which workers died again and again.
const CodeKillsWorkers = "kills_workers"

// fatalStarts is how often work on a capture may be begun without ever ending. A worker that dies for another reason while a
// suspect runs alone makes that one look guilty, so one or two more are not proof enough.
const fatalStarts = 5

// runGuarded passes the job through the stages, side by side with other lanes. A suspect, on which work was begun before
// and never ended, is run while all other lanes wait: if it was what killed its worker, it takes no other capture along, and
// if it was not, because a machine failed or somebody pulled a plug, it costs the others the time of one capture.
func (l *lane) runGuarded(ctx context.Context, j *job) error {
	unfinished := j.delivery.Unfinished(ctx)
	j.suspect = unfinished > 0
	switch {
	case unfinished >= fatalStarts:
		return &messages.Refusal{Code: CodeKillsWorkers, Reason: fmt.Sprintf(
			"work on it was begun %d times and never ended, at last with no other capture beside it: it seems to kill its worker", unfinished)}
	case unfinished > 0:
		l.options.Log.Warn("a capture whose work was begun before and never ended is run alone",
			"subject", j.message.Subject, "sequence", j.message.Sequence, "delivery", j.message.NumDelivered, "begun", unfinished)
		l.neighbours.joinAlone(ctx)
	default:
		l.neighbours.join()
	}
	defer l.neighbours.leave()
	j.delivery.Begin(ctx) // not before: who only waits while another kills the worker is no suspect for it
	return l.runStages(ctx, j)
}
