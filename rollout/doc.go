// Package rollout is the plan of which model serves: who is champion, who challenges it for which share of the captures and
// for how long, and whose answers are only looked at. One entry holds it for the whole fleet, and every worker watches that:
// in JetStream's key-value store, or in a file on a single machine.
//
// Who answers a capture follows from the plan and the capture alone, so that all workers agree, a session stays with its arm,
// and a capture that is delivered again goes to the arm that had it:
//
//	plan, found, err := store.Plan(ctx)
//	if plan.Challenged(session, capture, stored) { ... }
package rollout
