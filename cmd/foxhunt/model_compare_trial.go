package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"foxhunt/compare"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/rollout"
)

// trial is what is known of the experiment that is compared, or of the shadow; of fixes that no plan knows, next to nothing.
type trial struct {
	id      string
	share   float64   // percent of the sessions; 0: not known, or not to be counted
	from    time.Time // fixes stored since
	until   time.Time // the experiment's end; zero: none is known
	stopped *rollout.Stop

	champion, challenger rollout.Arm // or whatever else the arms a and b are
}

func (t *trial) running(now time.Time) bool {
	return t.id != "" && t.stopped == nil && (t.until.IsZero() || now.Before(t.until))
}

// trial finds what is to be compared: the plan's latest experiment or its shadow, unless other flags say what.
func (c *comparison) trial(ctx context.Context) (t trial, err error) {
	plan, _, err := c.store.Plan(ctx)
	if err != nil {
		return t, err
	}
	t = c.planned(&plan)
	switch {
	case c.last != 0:
		now, err := c.now(ctx)
		if err != nil {
			return t, err
		}
		t.from = later(t.from, now.Add(-c.last))
	case c.since != "":
		since, err := time.Parse(time.RFC3339, c.since)
		if err != nil {
			return t, fmt.Errorf("since is %.40q; want a time such as 2026-03-01T12:00:00Z", c.since)
		}
		t.from = later(t.from, since)
	case t.from.IsZero():
		return t, fmt.Errorf("the plan knows of no %s; say with --since or --last which fixes to compare", c.armB)
	}
	if t.id == "" && (c.wait || c.promoteWhen != "") {
		return t, fmt.Errorf("there is no %s in the plan to wait for or to promote", c.armB)
	}
	return t, nil
}

// planned is what the plan says of the arms.
func (c *comparison) planned(plan *rollout.Plan) trial {
	switch s, shadow := plan.Challenger, plan.Shadow; {
	case c.armB == messages.ArmShadow && shadow != nil:
		t := trial{id: shadow.ID, from: later(shadow.Since, plan.Champion.Since), until: shadow.Until, champion: plan.Champion, challenger: shadow.Arm}
		if c.armA == messages.ArmChallenger && plan.Challenger != nil {
			t.champion = plan.Challenger.Arm
		}
		return t
	case c.armB == messages.ArmShadow:
	case s != nil && (c.experiment == "" || c.experiment == s.ID):
		t := trial{id: s.ID, share: s.Share, from: s.Since, until: s.Until, stopped: s.Stopped, champion: plan.Champion, challenger: s.Arm}
		if n := len(s.Earlier); n > 0 { // since when nobody changes arms any more
			t.from = later(t.from, s.Earlier[n-1].Until)
		}
		if t.stopped != nil {
			t.until = t.stopped.At
		}
		return t
	}
	return trial{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// awaitEnd waits for the experiment's end, and for its last captures to be located. An experiment that is stopped, or that
// gives way to another, is an error: what was to be waited for never comes.
func (c *comparison) awaitEnd(ctx context.Context, t trial) (trial, error) {
	if t.until.IsZero() {
		return t, fmt.Errorf("the %s has no end to wait for", c.armB)
	}
	c.log.Info("waiting for the experiment's end", "experiment", t.id, "until", utc(t.until.Add(c.settle)))
	for {
		left, now, err := c.left(ctx)
		switch {
		case err != nil && !isPassing(err):
			return t, err
		case err != nil:
			left = pollTime
		case now.id != t.id || now.stopped != nil:
			return t, errors.New("the experiment was ended before its time")
		case left <= 0:
			return now, nil
		}
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-time.After(min(left, pollTime)):
		}
	}
}

// pollTime is how often the plan is looked at while an experiment's end is waited for.
const pollTime = 5 * time.Second

// left is how long the experiment that the plan now has goes on, with the time to settle.
func (c *comparison) left(ctx context.Context) (time.Duration, trial, error) {
	plan, _, err := c.store.Plan(ctx)
	if err != nil {
		return 0, trial{}, err
	}
	now, err := c.now(ctx)
	t := c.planned(&plan)
	return t.until.Add(c.settle).Sub(now), t, err
}

// read compares the fixes that the stream has.
func (c *comparison) read(ctx context.Context, t trial) (*compare.Report, error) {
	network := cmp.Or(c.network, "*")
	subjects := []string{messages.FixPrefix + "." + network + ".*"}
	if c.armB == messages.ArmShadow {
		subjects = append(subjects, messages.FixPrefix+"."+messages.ShadowNetwork+"."+network+".*")
	}
	count, fixes, err := c.conn.StoredFixes(ctx, c.topology, t.from, subjects...)
	if err != nil {
		return nil, err
	}
	collector := compare.New(compare.Options{A: c.armA, B: c.armB, Experiment: cmp.Or(c.experiment, t.id), Share: t.share,
		DigestA: t.champion.Digest, DigestB: t.challenger.Digest})
	progress := time.NewTicker(3 * time.Second)
	defer progress.Stop()
	read := 0
	for message, err := range fixes {
		if err != nil {
			return nil, err
		}
		c.add(collector, t, message)
		read++
		select {
		case <-progress.C:
			c.log.Info("reading fixes", "read", read, "of", count)
		default:
		}
	}
	if err := c.readDead(ctx, collector, t); err != nil {
		c.log.Warn("the dead letters cannot be read, and are not counted", "error", err)
	}
	return collector.Report()
}

// add takes a fix from the stream. What was stored before an experiment, or after it, is of none, and nothing to wonder at.
func (c *comparison) add(to *compare.Collector, t trial, message jetstream.FixMessage) {
	fix, err := messages.DecodeFix(message.ContentType, message.Body)
	if err != nil {
		c.log.Debug("something that is no fix was published among the fixes", "subject", message.Subject, "error", err)
		return
	}
	early := c.armB == messages.ArmChallenger && message.Timestamp.Before(t.from.Add(c.settle))
	late := !t.until.IsZero() && message.Timestamp.After(t.until)
	if fix.Experiment == "" && (early || late) {
		return
	}
	to.Add(fix, messages.IsShadow(message.Subject))
}

func (c *comparison) readDead(ctx context.Context, to *compare.Collector, t trial) error {
	filter := jetstream.DeadFilter{After: t.from}
	if c.network != "" {
		filter.Subject = messages.CapturePrefix + "." + c.network + ".*"
	}
	for d, err := range c.conn.DeadLetters(ctx, c.topology, filter) {
		if err != nil {
			return err
		}
		to.Dead(d.Letter.Reason)
	}
	return nil
}
