package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// Inventory is what a server has of a topology. Nothing is made or changed to learn it.
type Inventory struct {
	Streams     []StreamState   // Captures, Fixes, Dead, Advisories, Events, Models, Meetings, Met and Heard, in this order
	Consumers   []ConsumerState // Workers and Reaper
	Buckets     []StreamState   // Leases, Claims and Rollout, by the names of their streams
	Differences []Difference    // from what Ensure would make, as Ensure would report them
}

// StreamState is one stream: Info, or why there is none.
type StreamState struct {
	Name    string
	Want    js.StreamConfig
	Info    *js.StreamInfo
	Missing bool  // the server has no such stream
	Err     error // it could not be seen

	Asked time.Time     // by this machine's clock, in the middle of asking; Info.TimeStamp is the server's
	Took  time.Duration // asking
}

// ConsumerState is one consumer: Info, or why there is none.
type ConsumerState struct {
	Stream, Name string
	Want         js.ConsumerConfig
	Info         *js.ConsumerInfo
	Missing      bool
	Err          error
}

// Inspect looks for all of t. What cannot be seen says so itself; the error is for a connection on which nothing can.
func (c *Conn) Inspect(ctx context.Context, t Topology) (*Inventory, error) {
	if !c.Connected() {
		return nil, explain("JetStream", nats.ErrDisconnected)
	}
	t = t.fit(c.MaxPayload())
	streams, buckets := t.streams(), t.buckets()
	consumers := []js.ConsumerConfig{t.Workers, t.Reaper}
	readers := []string{t.Captures.Name, t.Advisories.Name}
	in := &Inventory{Streams: make([]StreamState, len(streams)), Consumers: make([]ConsumerState, len(consumers)), Buckets: make([]StreamState, len(buckets))}
	differences := make([][]Difference, len(streams)+len(consumers)+len(buckets))
	var asking sync.WaitGroup // all at once: where nobody answers each takes its time
	for i, want := range streams {
		asking.Go(func() { in.Streams[i], differences[i] = c.inspectStream(ctx, *want) })
	}
	for i, want := range consumers {
		asking.Go(func() {
			state := c.inspectConsumer(ctx, readers[i], want.Durable)
			if state.Want = want; state.Info != nil {
				differences[len(streams)+i] = compare("consumer", state.Name, want, state.Info.Config)
			}
			in.Consumers[i] = state
		})
	}
	for i, want := range buckets {
		asking.Go(func() { in.Buckets[i], differences[len(streams)+len(consumers)+i] = c.inspectBucket(ctx, *want) })
	}
	asking.Wait()
	in.Differences = slices.Concat(differences...)
	return in, nil
}

func (c *Conn) inspectStream(ctx context.Context, want js.StreamConfig) (StreamState, []Difference) {
	state := c.stateOf(ctx, want.Name)
	if state.Want = want; state.Info == nil {
		return state, nil
	}
	return state, compare("stream", want.Name, roomFor(want, state.Info.Config), state.Info.Config)
}

func (c *Conn) inspectBucket(ctx context.Context, want js.KeyValueConfig) (StreamState, []Difference) {
	state := c.stateOf(ctx, bucketStream+want.Bucket)
	if state.Info == nil {
		return state, nil
	}
	return state, c.compareBucket(ctx, want)
}

// compareBucket compares a bucket that is there. One that cannot be read as a bucket differs in everything.
func (c *Conn) compareBucket(ctx context.Context, want js.KeyValueConfig) []Difference {
	live := js.KeyValueConfig{}
	err := c.heed(ctx, func(ctx context.Context) error {
		bucket, err := c.js.KeyValue(ctx, want.Bucket)
		if err != nil {
			return err
		}
		status, err := bucket.Status(ctx)
		if err == nil {
			live = status.Config()
		}
		return err
	}, bucketStream+want.Bucket)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	return compare("bucket", want.Bucket, roomInBucket(want, live), live)
}

// roomFor forgives a live stream fewer bytes than wanted, as Ensure does.
func roomFor(want, live js.StreamConfig) js.StreamConfig {
	if live.MaxBytes > 0 && live.MaxBytes < want.MaxBytes {
		want.MaxBytes = live.MaxBytes
	}
	return want
}

func (c *Conn) stateOf(ctx context.Context, name string) StreamState {
	start := time.Now()
	info, err := c.streamInfo(ctx, name, "")
	took := time.Since(start)
	state := StreamState{Name: name, Asked: start.Add(took / 2), Took: took}
	var api *js.APIError
	switch {
	case err == nil:
		state.Info = info
	case errors.As(err, &api) && api.ErrorCode == js.JSErrCodeStreamNotFound:
		state.Missing = true
	default:
		state.Err = explainSetup("stream "+name, err)
	}
	return state
}

// streamInfo reads a stream's configuration and state, with the messages of each subject that matches filter unless it is "".
func (c *Conn) streamInfo(ctx context.Context, name, filter string) (*js.StreamInfo, error) {
	var request any
	if filter != "" {
		request = map[string]any{"subjects_filter": filter}
	}
	info := &js.StreamInfo{}
	return info, c.askAPI(ctx, "$JS.API.STREAM.INFO."+name, request, info)
}

func (c *Conn) inspectConsumer(ctx context.Context, stream, name string) ConsumerState {
	state := ConsumerState{Stream: stream, Name: name}
	info := &js.ConsumerInfo{}
	err := c.askAPI(ctx, "$JS.API.CONSUMER.INFO."+stream+"."+name, nil, info)
	var api *js.APIError
	switch {
	case err == nil:
		state.Info = info
	case errors.As(err, &api) && (api.ErrorCode == js.JSErrCodeConsumerNotFound || api.ErrorCode == js.JSErrCodeStreamNotFound):
		state.Missing = true
	default:
		state.Err = explainSetup("consumer "+name, err)
	}
	return state
}

// Subjects counts a stream's messages by subject, of the first 100,000 subjects.
func (c *Conn) Subjects(ctx context.Context, stream string) (map[string]uint64, error) {
	info, err := c.streamInfo(ctx, stream, ">")
	if err != nil {
		return nil, explain(stream, err)
	}
	return info.State.Subjects, nil
}

// Account says what this connection's account may store and does.
func (c *Conn) Account(ctx context.Context) (*js.AccountInfo, error) {
	info := &js.AccountInfo{}
	if err := c.askAPI(ctx, "$JS.API.INFO", nil, info); err != nil {
		return nil, explainSetup("JetStream", err)
	}
	return info, nil
}

// RoundTrip is how long the server takes to answer a ping.
func (c *Conn) RoundTrip(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	start := time.Now()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return 0, c.explain("a ping", err)
	}
	return time.Since(start), nil
}

// Servers asks every server of the cluster for its variables, as the monitoring port's /varz shows them, through the system
// account. Few users may; those who may not get an error.
func (c *Conn) Servers(ctx context.Context) ([]json.RawMessage, error) {
	const subject = "$SYS.REQ.SERVER.PING.VARZ"
	first, err := c.ask(ctx, subject, nil) // says whether it is allowed, and whether anybody answers
	if err != nil {
		return nil, err
	}
	inbox := c.nc.NewRespInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, c.explain(subject, err)
	}
	defer sub.Unsubscribe()
	if err := c.nc.PublishRequest(subject, inbox, nil); err != nil {
		return nil, c.explain(subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	answers := map[string]json.RawMessage{}
	for msg, err := first, error(nil); err == nil && len(answers) < maxServers; msg, err = sub.NextMsgWithContext(ctx) {
		var varz struct {
			Server struct {
				ID string `json:"id"`
			} `json:"server"`
			Data json.RawMessage `json:"data"`
		}
		if json.Unmarshal(msg.Data, &varz) == nil && len(varz.Data) > 0 {
			answers[varz.Server.ID] = varz.Data
		}
	}
	var all []json.RawMessage
	for _, varz := range answers {
		all = append(all, varz)
	}
	return all, nil
}

// Answers of several servers are gathered for gatherTime, of maxServers at most.
const (
	gatherTime = 500 * time.Millisecond
	maxServers = 64
)

// ServerInfo is what the server said of itself when this connection was made.
type ServerInfo struct {
	Name, Version, Cluster string
	MaxPayload             int64 // bytes
	AuthRequired, TLS      bool
}

// ServerInfo is about the server connected to at this moment.
func (c *Conn) ServerInfo() ServerInfo {
	return ServerInfo{Name: c.nc.ConnectedServerName(), Version: c.nc.ConnectedServerVersion(), Cluster: c.nc.ConnectedClusterName(),
		MaxPayload: c.nc.MaxPayload(), AuthRequired: c.nc.AuthRequired(), TLS: c.nc.TLSRequired()}
}
