package jetstream

import (
	"context"
	"errors"
	"slices"

	js "github.com/nats-io/nats.go/jetstream"
)

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
	var changed []Difference // by earlier attempts
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		differences, err := c.reconcile(ctx, t, change)
		if change {
			changed = append(changed, differences...)
			differences = changed
		}
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

// Apply creates what is missing of t, changes what differs, and returns what it changed. A consumer that has another filter
// is made anew. The server refuses some changes, such as another storage; Apply
// itself refuses those that would delete captures (CodeBadSetup), and logs those that delete fixes or dead letters.
func (c *Conn) Apply(ctx context.Context, t Topology) ([]Difference, error) {
	return c.reconcile(ctx, t, true)
}

// ApplyWhenReady is Apply, tried again until ctx ends while what is wrong may pass. It says once that it waits.
func (c *Conn) ApplyWhenReady(ctx context.Context, t Topology) ([]Difference, error) {
	return c.whenReady(ctx, t, true)
}

func (c *Conn) reconcile(ctx context.Context, t Topology, change bool) ([]Difference, error) {
	t = t.fit(c.MaxPayload())
	all, low, err := c.ensureStreams(ctx, t, change)
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
	for _, bucket := range t.buckets() {
		diffs, err := c.ensureBucket(ctx, *bucket, change)
		if err != nil {
			return all, explainSetup("key-value bucket "+bucket.Bucket, err)
		}
		all = append(all, diffs...)
	}
	err = c.raise(ctx, low, change)
	for _, l := range low {
		all = append(all, l.raised()...)
	}
	return all, err
}

// ensureStreams makes what is missing and returns, beside the differences, the streams that have fewer bytes than they should.
func (c *Conn) ensureStreams(ctx context.Context, t Topology, change bool) (all []Difference, low []*lowStream, err error) {
	for _, want := range t.streams() {
		diffs, short, err := c.ensureStream(ctx, *want, change)
		all = append(all, diffs...)
		if short != nil {
			low = append(low, short)
		}
		if err != nil {
			return all, low, explainSetup("stream "+want.Name, err)
		}
	}
	return all, low, nil
}

// ensureStream makes a stream that is missing, with few bytes, and changes one that is there as far as change says. Either may
// then have fewer bytes than it should.
func (c *Conn) ensureStream(ctx context.Context, want js.StreamConfig, change bool) ([]Difference, *lowStream, error) {
	stream, err := manage(ctx, c, want.Name, func(ctx context.Context) (js.Stream, error) {
		return c.js.Stream(ctx, want.Name)
	})
	if errors.Is(err, js.ErrStreamNotFound) {
		if stream, err = c.makeStream(ctx, want); err == nil {
			c.log.Info("made a stream", "name", want.Name)
			return nil, lowOf(want.MaxBytes, stream.CachedInfo().Config, 0), nil
		}
		if errors.Is(err, js.ErrStreamNameAlreadyInUse) { // another process was faster, with other wishes
			stream, err = c.js.Stream(ctx, want.Name)
		}
		err = missing(err)
	}
	if err != nil {
		return nil, nil, err
	}
	leave := c.leaveStream
	if change {
		leave = c.changeStream
	}
	diffs, live, err := leave(ctx, stream, want)
	return diffs, lowOf(want.MaxBytes, live, stream.CachedInfo().State.Bytes), err
}

// makeStream makes a stream with few bytes.
func (c *Conn) makeStream(ctx context.Context, want js.StreamConfig) (js.Stream, error) {
	part := want
	part.MaxBytes = firstBytes(want.MaxBytes)
	return withLess(&part.MaxBytes, func() (js.Stream, error) {
		if part.MaxBytes < want.MaxBytes {
			part.Metadata = map[string]string{moreToCome: "true"}
		}
		return manage(ctx, c, want.Name, func(ctx context.Context) (js.Stream, error) { return c.js.CreateStream(ctx, part) })
	})
}

// changeStream makes a live stream as wanted, but for more bytes, unless that would delete captures, and returns what it changed
// and how the stream is then.
func (c *Conn) changeStream(ctx context.Context, stream js.Stream, want js.StreamConfig) ([]Difference, js.StreamConfig, error) {
	live := stream.CachedInfo().Config
	want = roomFor(want, live)
	diffs := compare("stream", want.Name, want, live)
	if len(diffs) == 0 {
		return nil, live, nil
	}
	if err := c.shrink(ctx, stream, want); err != nil {
		return nil, live, err
	}
	want.Metadata = live.Metadata
	if err := c.updateStream(ctx, want); err != nil {
		return nil, live, err
	}
	return diffs, want, nil
}

// leaveStream raises the MaxMsgSize of a live stream where the server takes larger messages now, and returns in what else it
// differs from the one wanted, and how it is then.
func (c *Conn) leaveStream(ctx context.Context, stream js.Stream, want js.StreamConfig) ([]Difference, js.StreamConfig, error) {
	live := stream.CachedInfo().Config
	if live.MaxMsgSize > 0 && live.MaxMsgSize < want.MaxMsgSize {
		raised := live
		raised.MaxMsgSize = want.MaxMsgSize
		if err := c.updateStream(ctx, raised); err == nil { // else it is reported as a difference
			c.log.Info("the server takes larger messages now, and so does the stream", "stream", want.Name, "bytes", want.MaxMsgSize)
			live = raised
		}
	}
	return compare("stream", want.Name, roomFor(want, live), live), live, nil
}

func (c *Conn) updateStream(ctx context.Context, config js.StreamConfig) error {
	_, err := manage(ctx, c, config.Name, func(ctx context.Context) (js.Stream, error) { return c.js.UpdateStream(ctx, config) })
	return err
}

func (c *Conn) ensureConsumer(ctx context.Context, stream string, want js.ConsumerConfig, change bool) ([]Difference, error) {
	do := func(call func(context.Context, string, js.ConsumerConfig) (js.Consumer, error)) (js.Consumer, error) {
		return manage(ctx, c, stream, func(ctx context.Context) (js.Consumer, error) { return call(ctx, stream, want) })
	}
	find := func(ctx context.Context, stream string, want js.ConsumerConfig) (js.Consumer, error) {
		return c.js.Consumer(ctx, stream, want.Durable)
	}
	live, err := do(find)
	if errors.Is(err, js.ErrConsumerNotFound) {
		live, err = do(c.js.CreateConsumer)
		if err == nil {
			c.log.Info("made a consumer", "name", want.Durable, "stream", stream)
		}
		if errors.Is(err, js.ErrConsumerExists) {
			live, err = do(find)
		}
		err = missing(err)
	}
	if err != nil {
		return nil, err
	}
	diffs := compare("consumer", want.Durable, want, live.CachedInfo().Config)
	switch {
	case change && slices.ContainsFunc(diffs, Difference.isFilter):
		err = c.replaceConsumer(ctx, stream, want, live.CachedInfo().Config)
	case change && len(diffs) > 0:
		_, err = do(c.js.UpdateConsumer)
	}
	return diffs, err
}

// replaceConsumer deletes a consumer and makes it anew, with another filter. It cannot be changed: nats-server 2.15 does not
// go back for messages that another filter left out, so that those would lie below the floor and seem given up (see sweep).
// Made anew it delivers everything that the work queue holds, what is with workers at this moment a second time.
func (c *Conn) replaceConsumer(ctx context.Context, stream string, want, live js.ConsumerConfig) error {
	_, err := manage(ctx, c, stream, func(ctx context.Context) (any, error) { return nil, c.js.DeleteConsumer(ctx, stream, want.Durable) })
	if isRefused(err) {
		return fail(CodeRefused, err, "with another filter it must be made anew, and this user may not delete it; let an operator apply "+
			"the filter (foxhunt up or worker, with --apply), or delete it")
	}
	if err != nil && !errors.Is(err, js.ErrConsumerNotFound) {
		return err
	}
	create := func(config js.ConsumerConfig) error { // also where ctx ends just now: without a consumer nothing is delivered
		_, err := manage(context.WithoutCancel(ctx), c, stream, func(ctx context.Context) (js.Consumer, error) { return c.js.CreateConsumer(ctx, stream, config) })
		return err
	}
	if err = create(want); err == nil {
		c.log.Warn("made a consumer anew, with another filter; what was with workers is delivered again", "name", want.Durable, "stream", stream,
			"filters", filtersOf(want), "before", filtersOf(live))
		return nil
	}
	if errors.Is(err, js.ErrConsumerExists) {
		return fail(CodeServer, err, "a worker that runs with another filter made it again meanwhile; stop the workers with the old filter first")
	}
	return errors.Join(err, create(live)) // such as a filter that overlaps with another consumer's
}

// roomInBucket is roomFor for a bucket.
func roomInBucket(want, live js.KeyValueConfig) js.KeyValueConfig {
	if live.MaxBytes > 0 && live.MaxBytes < want.MaxBytes {
		want.MaxBytes = live.MaxBytes
	}
	return want
}

func (c *Conn) ensureBucket(ctx context.Context, want js.KeyValueConfig, change bool) ([]Difference, error) {
	do := func(call func(context.Context) (js.KeyValue, error)) (js.KeyValue, error) {
		return manage(ctx, c, bucketStream+want.Bucket, call)
	}
	find := func(ctx context.Context) (js.KeyValue, error) { return c.js.KeyValue(ctx, want.Bucket) }
	live, err := do(find)
	if errors.Is(err, js.ErrBucketNotFound) {
		part := want
		live, err = withLess(&part.MaxBytes, func() (js.KeyValue, error) {
			return do(func(ctx context.Context) (js.KeyValue, error) { return c.js.CreateKeyValue(ctx, part) })
		})
		if err == nil {
			c.log.Info("made a key-value bucket", "name", want.Bucket)
		}
		if errors.Is(err, js.ErrBucketExists) { // another process was faster, with other wishes
			live, err = do(find)
		}
		err = missing(err)
	}
	if err != nil {
		return nil, err
	}
	status, err := manage(ctx, c, bucketStream+want.Bucket, live.Status)
	if err != nil {
		return nil, err
	}
	want = roomInBucket(want, status.Config())
	diffs := compare("bucket", want.Bucket, want, status.Config())
	if change && len(diffs) > 0 {
		_, err = do(func(ctx context.Context) (js.KeyValue, error) { return c.js.UpdateKeyValue(ctx, want) })
	}
	return diffs, err
}

// manage makes one call about a stream, and gives up on its answer in time: a cluster without a leader gives none. What the
// server forbids it says at once.
func manage[T any](ctx context.Context, c *Conn, stream string, call func(context.Context) (T, error)) (result T, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err = c.heed(ctx, func(ctx context.Context) error {
		result, err = call(ctx)
		return err
	}, stream)
	return result, err
}

// missing explains what was not there and may not be made. It may pass: somebody else may make it.
func missing(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == CodeRefused {
		return fail(CodeNoStream, err, "it is missing, and this user may not make it (%s); let foxhunt up or worker make it as a user who may", e.Reason)
	}
	return err
}
