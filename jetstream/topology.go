package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// Names of foxhunt's streams and consumers.
const (
	StreamCaptures   = "CAPTURES"
	StreamFixes      = "FIXES"
	StreamDead       = "DEAD"
	StreamAdvisories = "ADVISORIES"

	ConsumerWorkers = "workers" // shared by all workers
	ConsumerReaper  = "reaper"  // reads the advisories about captures that were delivered too often
)

// maxCaptureMessage bounds a capture with its headers; headerRoom is what a dead letter may add to it.
const (
	maxCaptureMessage = 8<<20 + 16<<10
	headerRoom        = 48 << 10
)

// Topology is the streams and consumers foxhunt needs. Change fields of DefaultTopology's result to choose other limits.
type Topology struct {
	Captures   js.StreamConfig
	Fixes      js.StreamConfig
	Dead       js.StreamConfig
	Advisories js.StreamConfig
	Workers    js.ConsumerConfig
	Reaper     js.ConsumerConfig
}

// DefaultTopology returns defaults that are safe on a single machine:
//
//   - CAPTURES: a work queue on disk, at most 10,000 captures waiting per subject. A station beyond that is refused (and
//     told so); the captures of other stations, and those already waiting, stay. Nothing expires.
//   - FIXES: kept for 24 hours. DEAD: kept for 14 days.
//   - ADVISORIES: the server's word on captures that were delivered MaxDeliver times, kept until dealt with.
//   - workers: a capture not acknowledged within 30 s is delivered again, 5 times in all; at most 8,192 captures are with
//     workers at once.
func DefaultTopology() Topology {
	stream := func(name, description string, subjects ...string) js.StreamConfig {
		return js.StreamConfig{
			Name: name, Description: description, Subjects: subjects,
			Storage: js.FileStorage, Replicas: 1, AllowDirect: true,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1,
			Duplicates: 2 * time.Minute,
		}
	}
	t := Topology{
		Captures: stream(StreamCaptures, "captures waiting for a worker", "captures.>"),
		Fixes:    stream(StreamFixes, "positions with their uncertainty", "fixes.>"),
		Dead:     stream(StreamDead, "captures that could not be located, with the reason", "dead.>"),
		Advisories: stream(StreamAdvisories, "captures that were delivered too often",
			"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+StreamCaptures+".*"),
	}
	t.Captures.Retention = js.WorkQueuePolicy
	t.Captures.Discard = js.DiscardNew
	t.Captures.DiscardNewPerSubject = true
	t.Captures.MaxMsgsPerSubject = 10_000
	t.Captures.MaxMsgSize = maxCaptureMessage
	t.Fixes.MaxAge = 24 * time.Hour
	t.Dead.MaxAge = 14 * 24 * time.Hour
	t.Advisories.Retention = js.WorkQueuePolicy

	t.Workers = js.ConsumerConfig{
		Durable: ConsumerWorkers, Description: "all workers share this",
		AckPolicy: js.AckExplicitPolicy, DeliverPolicy: js.DeliverAllPolicy,
		FilterSubject: "captures.>",
		AckWait:       30 * time.Second, MaxDeliver: 5, MaxAckPending: 8192,
	}
	t.Reaper = js.ConsumerConfig{
		Durable: ConsumerReaper, Description: "moves captures delivered too often to " + StreamDead,
		AckPolicy: js.AckExplicitPolicy, DeliverPolicy: js.DeliverAllPolicy,
		AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 64,
	}
	return t
}

// Difference is one field in which a live stream or consumer is not as it should be.
type Difference struct {
	Kind  string `json:"kind"` // "stream" or "consumer"
	Name  string `json:"name"`
	Field string `json:"field"` // NATS's JSON name of it
	Want  string `json:"want"`
	Have  string `json:"have"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s is %s, want %s", d.Kind, d.Name, d.Field, d.Have, d.Want)
}

// Ensure creates what is missing of t and returns in what the rest differs from it, which it leaves alone. Any number of
// processes may call it at once.
func (c *Conn) Ensure(ctx context.Context, t Topology) ([]Difference, error) {
	return c.reconcile(ctx, t, false)
}

// Apply creates what is missing of t, changes what differs, and returns what it changed. The server refuses some changes,
// such as another storage.
func (c *Conn) Apply(ctx context.Context, t Topology) ([]Difference, error) {
	return c.reconcile(ctx, t, true)
}

func (c *Conn) reconcile(ctx context.Context, t Topology, change bool) ([]Difference, error) {
	t = t.fit(c.MaxPayload())
	var all []Difference
	for _, cfg := range []js.StreamConfig{t.Captures, t.Fixes, t.Dead, t.Advisories} {
		diffs, err := c.ensureStream(ctx, cfg, change)
		if err != nil {
			return all, explainSetup("stream "+cfg.Name, err)
		}
		all = append(all, diffs...)
	}
	for _, p := range []struct {
		stream string
		cfg    js.ConsumerConfig
	}{{t.Captures.Name, t.Workers}, {t.Advisories.Name, t.Reaper}} {
		diffs, err := c.ensureConsumer(ctx, p.stream, p.cfg, change)
		if err != nil {
			return all, explainSetup("consumer "+p.cfg.Durable+" of "+p.stream, err)
		}
		all = append(all, diffs...)
	}
	return all, nil
}

// fit lowers the size of a capture where the server takes less than our own does, so that a dead letter, which is the
// capture and more headers, always fits.
func (t Topology) fit(maxPayload int64) Topology {
	if most := maxPayload - headerRoom; int64(t.Captures.MaxMsgSize) > most && most > 0 {
		t.Captures.MaxMsgSize = int32(most)
	}
	return t
}

func (c *Conn) ensureStream(ctx context.Context, want js.StreamConfig, change bool) ([]Difference, error) {
	live, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, js.ErrStreamNotFound) {
		live, err = c.js.CreateStream(ctx, want)
		if errors.Is(err, js.ErrStreamNameAlreadyInUse) { // another process was faster, with other wishes
			live, err = c.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	diffs := compare("stream", want.Name, want, live.CachedInfo().Config)
	if change && len(diffs) > 0 {
		_, err = c.js.UpdateStream(ctx, want)
	}
	return diffs, err
}

func (c *Conn) ensureConsumer(ctx context.Context, stream string, want js.ConsumerConfig, change bool) ([]Difference, error) {
	live, err := c.js.Consumer(ctx, stream, want.Durable)
	if errors.Is(err, js.ErrConsumerNotFound) {
		live, err = c.js.CreateConsumer(ctx, stream, want)
		if errors.Is(err, js.ErrConsumerExists) {
			live, err = c.js.Consumer(ctx, stream, want.Durable)
		}
	}
	if err != nil {
		return nil, err
	}
	diffs := compare("consumer", want.Durable, want, live.CachedInfo().Config)
	if change && len(diffs) > 0 {
		_, err = c.js.UpdateConsumer(ctx, stream, want)
	}
	return diffs, err
}

// compare lists the fields of want, as NATS writes them in JSON, that live has otherwise. Fields that want leaves to the
// server are not in its JSON.
func compare(kind, name string, want, live any) []Difference {
	w, l := fields(want), fields(live)
	var diffs []Difference
	for field, value := range w {
		if !reflect.DeepEqual(value, l[field]) {
			diffs = append(diffs, Difference{kind, name, field, text(value), text(l[field])})
		}
	}
	slices.SortFunc(diffs, func(a, b Difference) int {
		if a.Field < b.Field {
			return -1
		}
		return 1
	})
	return diffs
}

func fields(config any) map[string]any {
	b, err := json.Marshal(config)
	if err != nil { // a struct of numbers and strings: cannot happen
		panic(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	return m
}

func text(value any) string {
	b, _ := json.Marshal(value)
	return string(b)
}
