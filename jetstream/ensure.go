package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	js "github.com/nats-io/nats.go/jetstream"
)

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

// Ensure creates what is missing of t and returns in what the rest differs from it, which it leaves alone, but for two
// fields: max_msg_size is raised where the server takes larger messages than when the stream was made, and a max_bytes
// below t's is no difference, because the server may have no room for more. Any number of processes may call it at once.
func (c *Conn) Ensure(ctx context.Context, t Topology) ([]Difference, error) {
	return c.reconcile(ctx, t, false)
}

// EnsureWhenReady is Ensure, tried again until ctx ends while what is wrong may pass. It says once that it waits.
func (c *Conn) EnsureWhenReady(ctx context.Context, t Topology) ([]Difference, error) {
	return c.whenReady(ctx, t, false)
}

func (c *Conn) whenReady(ctx context.Context, t Topology, change bool) ([]Difference, error) {
	said := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		differences, err := c.reconcile(ctx, t, change)
		var e *Error
		if !errors.As(err, &e) || !e.Passing() || c.nc.IsClosed() {
			return differences, err
		}
		if !said && ctx.Err() == nil {
			c.log.Warn("the streams cannot be made yet, trying again", "error", e)
			said = true
		}
		if !sleep(ctx, pause) {
			return differences, err
		}
	}
}

// Apply creates what is missing of t, changes what differs, and returns what it changed. The server refuses some changes,
// such as another storage.
func (c *Conn) Apply(ctx context.Context, t Topology) ([]Difference, error) {
	return c.reconcile(ctx, t, true)
}

// ApplyWhenReady is Apply, tried again until ctx ends while what is wrong may pass. It says once that it waits.
func (c *Conn) ApplyWhenReady(ctx context.Context, t Topology) ([]Difference, error) {
	return c.whenReady(ctx, t, true)
}

func (c *Conn) reconcile(ctx context.Context, t Topology, change bool) ([]Difference, error) {
	t = t.fit(c.MaxPayload())
	all, err := c.ensureStreams(ctx, t, change)
	if err != nil {
		return all, err
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
	for _, bucket := range []js.KeyValueConfig{t.Leases, t.Claims} {
		if err := c.ensureBucket(ctx, bucket); err != nil {
			return all, explainSetup("key-value bucket "+bucket.Bucket, err)
		}
	}
	return all, nil
}

// ensureBucket makes a bucket that is missing.
func (c *Conn) ensureBucket(ctx context.Context, want js.KeyValueConfig) error {
	_, err := c.js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, js.ErrBucketNotFound) {
		_, err = c.js.CreateKeyValue(ctx, want)
		if errors.Is(err, js.ErrBucketExists) { // another process was faster
			err = nil
		}
	}
	return err
}

// smallestShare is the least of a topology's MaxBytes that streams are made with: 1/256, 64 MiB of 16 GiB.
const smallestShare = 256

// ensureStreams looks for the largest share of t's MaxBytes that the server has room for. Nothing tells how much that is
// but an attempt.
func (c *Conn) ensureStreams(ctx context.Context, t Topology, change bool) ([]Difference, error) {
	made := map[string]bool{} // here, so that they may be changed here
	for share := int64(1); ; share *= 2 {
		all := map[string][]Difference{}
		var err error
		for _, want := range []js.StreamConfig{t.Captures, t.Fixes, t.Dead, t.Advisories} {
			if all[want.Name], err = c.ensureStream(ctx, want, share, made, change); err != nil {
				err = explainSetup("stream "+want.Name, err)
				break
			}
		}
		if isNoRoom(err) && share < smallestShare {
			continue
		}
		if err == nil && share > 1 {
			c.log.Warn("the server has no room for streams as large as they should be", "share", fmt.Sprintf("1/%d", share), "made", slices.Sorted(maps.Keys(made)))
		}
		return slices.Concat(all[t.Captures.Name], all[t.Fixes.Name], all[t.Dead.Name], all[t.Advisories.Name]), err
	}
}

// ensureStream makes a stream that is missing with a share of its MaxBytes, and notes it in made. One that is there is
// changed as far as change says, or if it was made in this call and must be smaller.
func (c *Conn) ensureStream(ctx context.Context, want js.StreamConfig, share int64, made map[string]bool, change bool) ([]Difference, error) {
	part := want
	if want.MaxBytes > 0 {
		part.MaxBytes = want.MaxBytes / share
	}
	stream, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, js.ErrStreamNotFound) {
		stream, err = c.js.CreateStream(ctx, part)
		if err == nil {
			made[want.Name] = true
		} else if errors.Is(err, js.ErrStreamNameAlreadyInUse) { // another process was faster, with other wishes
			stream, err = c.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	live := stream.CachedInfo().Config
	switch {
	case made[want.Name]:
		if live.MaxBytes > part.MaxBytes {
			_, err = c.js.UpdateStream(ctx, part)
		}
		return nil, err
	case change:
		if share > 1 && live.MaxBytes > part.MaxBytes && live.MaxBytes <= want.MaxBytes {
			part.MaxBytes = live.MaxBytes // what it has it may keep
		}
		diffs := compare("stream", want.Name, part, live)
		if len(diffs) > 0 {
			_, err = c.js.UpdateStream(ctx, part)
		}
		return diffs, err
	}
	return c.leaveStream(ctx, want, live), nil
}

// leaveStream returns in what a live stream differs from the one wanted, after raising its MaxMsgSize.
func (c *Conn) leaveStream(ctx context.Context, want, live js.StreamConfig) []Difference {
	if live.MaxMsgSize > 0 && live.MaxMsgSize < want.MaxMsgSize {
		raised := live
		raised.MaxMsgSize = want.MaxMsgSize
		if _, err := c.js.UpdateStream(ctx, raised); err == nil { // else it is reported as a difference
			c.log.Info("the server takes larger messages now, and so does the stream", "stream", want.Name, "bytes", want.MaxMsgSize)
			live = raised
		}
	}
	if live.MaxBytes > 0 && live.MaxBytes < want.MaxBytes {
		want.MaxBytes = live.MaxBytes
	}
	return compare("stream", want.Name, want, live)
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
