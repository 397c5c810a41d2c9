package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// claims are what workers note about single captures in a key-value bucket for each other to see: that one is taken out of
// turn, and how often work on one that came before was begun. An entry goes when the work has ended; those that stay tell
// of workers that died. Nothing depends on the bucket but that: what cannot be noted is done all the same.
type claims struct {
	conn   *Conn
	bucket string
	stream string // of the captures
	worker string // this source, among all there are

	mu sync.Mutex
	kv js.KeyValue
}

// claim is one entry of the bucket; its key is the capture's stream and sequence.
type claim struct {
	Stored int64  `json:"stored"` // ns since 1970, when the capture was: a stream made anew uses its sequence again
	Begun  int    `json:"begun"`  // times that work on it was begun and is not known to have ended
	Worker string `json:"worker"` // that wrote this
}

// claimTime is how long one question to the bucket may take.
const claimTime = 2 * time.Second

func (c *claims) key(k captureKey) string { return fmt.Sprintf("%s.%d", c.stream, k.sequence) }

func (c *claims) entry(k captureKey, begun int) []byte {
	b, err := json.Marshal(claim{k.stored, begun, c.worker})
	if err != nil { // numbers and text: cannot happen
		panic(err)
	}
	return b
}

// open returns the bucket; the first time it asks the server for it.
func (c *claims) open(ctx context.Context) (js.KeyValue, error) {
	if !c.conn.Connected() {
		return nil, explain(c.bucket, errors.New("the connection is down"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kv != nil {
		return c.kv, nil
	}
	kv, err := c.conn.js.KeyValue(ctx, c.bucket)
	if err == nil {
		c.kv = kv
	}
	return kv, err
}

// ask asks the bucket something, for as long as claimTime. What the permissions forbid is refused at once.
func (c *claims) ask(ctx context.Context, question func(context.Context, js.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	return c.conn.heed(ctx, func(ctx context.Context) error {
		kv, err := c.open(ctx)
		if err != nil {
			return err
		}
		return question(ctx, kv)
	}, bucketStream+c.bucket)
}

// take makes a new entry, as begun once, and returns its revision. It fails if there is one.
func (c *claims) take(ctx context.Context, k captureKey) (revision uint64, err error) {
	err = c.ask(ctx, func(ctx context.Context, kv js.KeyValue) (err error) {
		revision, err = kv.Create(ctx, c.key(k), c.entry(k, 1))
		return err
	})
	return revision, err
}

// read returns how often work on a capture was begun by workers that never noted its end, and the revision that says so, 0
// if nothing does. What this worker began itself does not count: it lives.
func (c *claims) read(ctx context.Context, k captureKey) (unfinished int, revision uint64, err error) {
	var entry js.KeyValueEntry
	err = c.ask(ctx, func(ctx context.Context, kv js.KeyValue) (err error) {
		entry, err = kv.Get(ctx, c.key(k))
		return err
	})
	if errors.Is(err, js.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	var before claim
	if json.Unmarshal(entry.Value(), &before) == nil && before.Stored == k.stored {
		unfinished = max(before.Begun, 0)
		if before.Worker == c.worker && unfinished > 0 {
			unfinished--
		}
	}
	return unfinished, entry.Revision(), nil
}

// begin notes that work begins on a capture of which read returned this, and returns the new revision.
func (c *claims) begin(ctx context.Context, k captureKey, unfinished int, revision uint64) (next uint64, err error) {
	err = c.ask(ctx, func(ctx context.Context, kv js.KeyValue) (err error) {
		next, err = kv.Update(ctx, c.key(k), c.entry(k, unfinished+1), revision)
		return err
	})
	return next, err
}

// end removes the entry up to a revision. It does not wait for the answer: an entry that stays lapses.
func (c *claims) end(k captureKey, revision uint64) {
	body, err := json.Marshal(map[string]any{"filter": "$KV." + c.bucket + "." + c.key(k), "seq": revision + 1})
	if err != nil || !c.conn.Connected() {
		return
	}
	// not kv.Delete: its markers would fill the bucket
	_ = c.conn.nc.PublishRequest("$JS.API.STREAM.PURGE.KV_"+c.bucket, c.conn.nc.NewInbox(), body)
}

// decline makes an entry that says that nobody works on the capture, and that nobody is to take it out of turn again.
func (c *claims) decline(k captureKey) {
	if c.conn.Connected() {
		_ = c.conn.nc.Publish("$KV."+c.bucket+"."+c.key(k), c.entry(k, 0))
	}
}
