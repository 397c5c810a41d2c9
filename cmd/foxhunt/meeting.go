package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// meetingOptions are the flags that say how captures of single stations meet.
type meetingOptions struct {
	rules    meeting.Rules
	file     string
	networks meeting.Networks // after settle
}

func (o *meetingOptions) register(flags *pflag.FlagSet) {
	o.rules = meeting.DefaultRules()
	flags.DurationVar(&o.rules.Slot, "slot", o.rules.Slot, "captures of single stations that state no event meet in slots of this width; all workers must have the same")
	flags.DurationVar(&o.rules.Guard, "guard", o.rules.Guard, "captures of one emission begin within this time of the first that came; at most a quarter of the slot")
	flags.DurationVar(&o.rules.Window, "window", o.rules.Window, "how long the first capture of an event waits for the others")
	flags.IntVar(&o.rules.MinReceivers, "min-receivers", o.rules.MinReceivers, "captures that an event must have for a fix")
	flags.StringVar(&o.file, "networks", "", "YAML file with slot, guard, window, min_receivers and stations of single networks")
}

// settle reads the file, and refuses what makes no sense.
func (o *meetingOptions) settle() (err error) {
	if o.file == "" {
		o.networks = meeting.Networks{Default: o.rules}
		return o.networks.Validate()
	}
	text, err := os.ReadFile(o.file)
	if err != nil {
		return fmt.Errorf("networks: %w", err)
	}
	o.networks, err = meeting.ParseNetworks(text, o.file, o.rules)
	return err
}

// openTable lets captures meet.
func (p *workerProcess) openTable(ctx context.Context) (err error) {
	if p.meetings, err = p.conn.Meetings(ctx, p.topology); err != nil {
		return err
	}
	p.options.Table = meeting.NewTable(p.meetings, p.options.meeting.networks)
	return nil
}

// hasMet says whether a capture that nobody delivers any more is one that the fix of an event rests on.
func (p *workerProcess) hasMet(ctx context.Context, subject string, capture []byte, place meeting.Place) (bool, error) {
	network, _, err := messages.ParseSubject(subject)
	if err != nil {
		return false, nil
	}
	c, err := messages.Peek(capture)
	if err != nil || len(c.Receivers) != 1 {
		return false, nil // it met nobody
	}
	return p.options.Table.HasFix(ctx, network, c.Event, c.Frequency, c.Receivers[0].StartTime, place)
}
