package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"foxhunt/jetstream"
)

const (
	readings  = 6  // of the lag, in the looking time
	agesAsked = 10 // subjects whose oldest capture is asked for
)

// gatherFlow reads the lag and the inventory again and again for the looking time; the last inventory counts.
func gatherFlow(ctx context.Context, conn *jetstream.Conn, o Options, f *Facts) {
	ticker := time.NewTicker(max(o.Look/(readings-1), time.Millisecond))
	defer ticker.Stop()
	for {
		in, err := conn.Inspect(ctx, o.Topology)
		if err == nil {
			f.Looks = append(f.Looks, in)
		}
		if f.Inventory.Value == nil || err == nil {
			f.Inventory = fact(in, err)
		}
		reading, err := read(ctx, conn, o.Topology, in)
		if err != nil {
			f.Readings.Err = err
			return
		}
		f.Readings.Value = append(f.Readings.Value, reading)
		if len(f.Readings.Value) == readings {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			f.Readings.Err = fmt.Errorf("the time was up before captures had been watched for %v", o.Look)
			return
		}
	}
}

func read(ctx context.Context, conn *jetstream.Conn, t jetstream.Topology, in *jetstream.Inventory) (r Reading, err error) {
	if in == nil || in.Streams[0].Info == nil || in.Consumers[0].Info == nil {
		return r, errors.New("the stream of captures or its consumer cannot be seen")
	}
	if r.Lag, err = conn.Lag(ctx, t, agesAsked); err != nil {
		return r, err
	}
	r.Delivered = in.Consumers[0].Info.Delivered.Consumer
	for _, s := range in.Streams {
		if s.Name == t.Advisories.Name && s.Info != nil {
			r.Advisories = s.Info.State.Msgs
		}
	}
	if reaper := in.Consumers[1].Info; reaper != nil {
		r.AdvisoriesSettled = reaper.AckFloor.Consumer
	}
	return r, nil
}
