package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
)

// topologyOptions are the flags about streams and consumers. A command that makes them takes all with register; one that
// looks at the workers' consumer takes registerNames, and one that only reads a stream registerPrefix.
type topologyOptions struct {
	profile  string
	prefix   string
	consumer string
	filter   string

	capturesPerSubject int64
	capturesBytes      int64
	fixesAge           time.Duration
	fixesBytes         int64
	deadAge            time.Duration
	deadBytes          int64

	ackWait       time.Duration
	maxDeliver    int
	maxAckPending int

	apply bool
}

// register adds all flags.
func (o *topologyOptions) register(flags *pflag.FlagSet) {
	o.registerNames(flags)
	o.registerLimits(flags)
	o.registerProfile(flags)
	flags.BoolVar(&o.apply, "apply", false, "change live streams and consumers that are not as these flags say")
}

// registerPrefix adds the flag that says which streams; all else is the default.
func (o *topologyOptions) registerPrefix(flags *pflag.FlagSet) {
	o.setDefaults(jetstream.DefaultTopology())
	flags.StringVar(&o.prefix, "stream-prefix", "", "put before the names of all streams and key-value buckets, where these are taken")
}

// registerNames adds the flags that say which streams and which consumer.
func (o *topologyOptions) registerNames(flags *pflag.FlagSet) {
	o.registerPrefix(flags)
	flags.StringVar(&o.consumer, "consumer", o.consumer, "durable consumer that a pool of workers shares")
	flags.StringVar(&o.filter, "filter", o.filter, "subjects of that pool; no two consumers may share a subject")
}

// registerProfile adds the flag that says how many copies there are of each stream.
func (o *topologyOptions) registerProfile(flags *pflag.FlagSet) {
	flags.StringVar(&o.profile, "profile", profileSingle, "single: one NATS server; cluster: three replicas of every stream")
}

// registerLimits adds the flags that bound streams and consumers.
func (o *topologyOptions) registerLimits(flags *pflag.FlagSet) {
	flags.Int64Var(&o.capturesPerSubject, "captures-per-subject", o.capturesPerSubject, "captures of one subject that may wait; more are refused")
	flags.Int64Var(&o.capturesBytes, "captures-bytes", o.capturesBytes, "bytes of captures that may wait in all; more are refused")
	flags.DurationVar(&o.fixesAge, "fixes-age", o.fixesAge, "how long fixes are kept")
	flags.Int64Var(&o.fixesBytes, "fixes-bytes", o.fixesBytes, "bytes of fixes kept; then the oldest go")
	flags.DurationVar(&o.deadAge, "dead-age", o.deadAge, "how long dead letters are kept")
	flags.Int64Var(&o.deadBytes, "dead-bytes", o.deadBytes, "bytes of dead letters kept; then the oldest go")
	flags.DurationVar(&o.ackWait, "ack-wait", o.ackWait, "time after which a capture whose worker is silent is given to another")
	flags.IntVar(&o.maxDeliver, "max-deliver", o.maxDeliver, "deliveries of a capture in all; then it is a dead letter")
	flags.IntVar(&o.maxAckPending, "max-ack-pending", o.maxAckPending, "captures with all workers of the pool at once")
}

func (o *topologyOptions) setDefaults(t jetstream.Topology) {
	*o = topologyOptions{
		profile:  profileSingle,
		consumer: t.Workers.Durable, filter: t.Workers.FilterSubject,
		capturesPerSubject: t.Captures.MaxMsgsPerSubject, capturesBytes: t.Captures.MaxBytes,
		fixesAge: t.Fixes.MaxAge, fixesBytes: t.Fixes.MaxBytes,
		deadAge: t.Dead.MaxAge, deadBytes: t.Dead.MaxBytes,
		ackWait: t.Workers.AckWait, maxDeliver: t.Workers.MaxDeliver, maxAckPending: t.Workers.MaxAckPending,
	}
}

const (
	profileSingle  = "single"
	profileCluster = "cluster"
)

// topology is what the flags ask for, or the first flag that makes no sense.
func (o *topologyOptions) topology() (jetstream.Topology, error) {
	if err := o.validate(); err != nil {
		return jetstream.Topology{}, err
	}
	t := jetstream.DefaultTopology()
	t.Captures.MaxMsgsPerSubject, t.Captures.MaxBytes = o.capturesPerSubject, o.capturesBytes
	t.Fixes.MaxAge, t.Fixes.MaxBytes = o.fixesAge, o.fixesBytes
	t.Dead.MaxAge, t.Dead.MaxBytes = o.deadAge, o.deadBytes
	t.Workers.Durable, t.Workers.FilterSubject = o.consumer, o.filter
	t.Workers.AckWait, t.Workers.MaxDeliver, t.Workers.MaxAckPending = o.ackWait, o.maxDeliver, o.maxAckPending
	if o.profile == profileCluster {
		t = t.WithReplicas(3)
	}
	if o.prefix != "" {
		t = t.WithPrefix(o.prefix)
	}
	return t, t.ValidateNames()
}

// ensure waits until the streams are there, makes those that are missing, and says in what the others are not as asked
// for, which it changes only with --apply.
func (o *topologyOptions) ensure(ctx context.Context, conn *jetstream.Conn, t jetstream.Topology, log *slog.Logger) error {
	if o.apply {
		changed, err := conn.ApplyWhenReady(ctx, t)
		for _, d := range changed {
			log.Info("changed", "kind", d.Kind, "name", d.Name, "field", d.Field, "was", d.Have, "is", d.Want)
		}
		return err
	}
	differences, err := conn.EnsureWhenReady(ctx, t)
	for _, d := range differences {
		log.Warn("not as asked for; --apply changes it", "kind", d.Kind, "name", d.Name, "field", d.Field, "is", d.Have, "want", d.Want)
	}
	return err
}

// leastBytes is the least bound of a stream: a few of the largest messages.
const leastBytes = 64 << 20

func (o *topologyOptions) validate() error {
	for _, size := range []struct {
		flag  string
		value int64
	}{{"captures-bytes", o.capturesBytes}, {"fixes-bytes", o.fixesBytes}, {"dead-bytes", o.deadBytes}} {
		if size.value < leastBytes {
			return fmt.Errorf("%s is %d; want at least %d, room for a few of the largest captures", size.flag, size.value, leastBytes)
		}
	}
	for _, age := range []struct {
		flag  string
		value time.Duration
	}{{"fixes-age", o.fixesAge}, {"dead-age", o.deadAge}} {
		if age.value < time.Minute {
			return fmt.Errorf("%s is %v; want at least 1m", age.flag, age.value)
		}
	}
	switch {
	case o.profile != profileSingle && o.profile != profileCluster:
		return fmt.Errorf("profile is %q; want %s or %s", o.profile, profileSingle, profileCluster)
	case o.capturesPerSubject < 1:
		return fmt.Errorf("captures-per-subject is %d; want at least 1", o.capturesPerSubject)
	case o.ackWait < time.Second || o.ackWait > time.Hour:
		return fmt.Errorf("ack-wait is %v; want 1s to 1h: a worker tells the server every third of it that it is still at work", o.ackWait)
	case o.maxDeliver < 2 || o.maxDeliver > 1000:
		return fmt.Errorf("max-deliver is %d; want 2 to 1000: a worker that dies uses up one, and without end a capture that kills workers would kill them all", o.maxDeliver)
	case o.maxAckPending < 1:
		return fmt.Errorf("max-ack-pending is %d; want at least 1, and better all workers' --lanes and what they fetch ahead", o.maxAckPending)
	}
	return nil
}
