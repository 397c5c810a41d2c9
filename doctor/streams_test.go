package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

func TestGoodStreams(t *testing.T) {
	t.Parallel()
	all := examine(t, deploy(t, good).options())
	all.want(t, "stream_missing", OK, "14 streams")
	for _, code := range []string{"stream_config", "captures_retention", "duplicate_window", "replicas", "stream_room", "max_deliver", "ack_pending", "consumer_paused"} {
		all.want(t, code, OK)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	s := startNATS(t, good)
	examine(t, s.options()).want(t, "stream_missing", Error, "stream CAPTURES", "stream DEAD", "consumer workers", "consumer reaper", "bucket foxhunt-leases")

	d := deploy(t, good)
	if err := d.api.DeleteConsumer(soon(t), "CAPTURES", "workers"); err != nil {
		t.Fatal(err)
	}
	if err := d.api.DeleteKeyValue(soon(t), jetstream.BucketClaims); err != nil {
		t.Fatal(err)
	}
	all := examine(t, d.options())
	all.want(t, "stream_missing", Error, "missing: consumer workers, bucket foxhunt-claims")
	all.want(t, "workers", Unknown, "cannot be seen")
	all.want(t, "captures_retention", OK) // what is there is judged
}

// What this user may not see is unknown, and quickly so.
func TestNotPermitted(t *testing.T) {
	s := startNATS(t, `
		listen: "127.0.0.1:-1"
		jetstream {}
		authorization { users [{user: blind, password: p, permissions: {publish: "nothing", subscribe: "_INBOX.>"}}] }
	`)
	start := time.Now()
	all := examine(t, lookAt(strings.Replace(s.url, "//", "//blind:p@", 1)))
	for _, code := range []string{"stream_missing", "nats_jetstream"} {
		all.want(t, code, Unknown, "permissions do not allow")
	}
	for _, code := range []string{"workers", "dead_letters", "fixes"} {
		all.want(t, code, Unknown, "cannot be seen")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	for _, c := range []struct {
		word   string
		change func(*js.StreamConfig)
	}{
		{"retention is limits", func(c *js.StreamConfig) { c.Retention = js.LimitsPolicy }},
		{"retention is interest", func(c *js.StreamConfig) { c.Retention = js.InterestPolicy }},
		{"discard is old", func(c *js.StreamConfig) { c.Discard, c.DiscardNewPerSubject = js.DiscardOld, false }},
		{"a subject's oldest goes at 10000", func(c *js.StreamConfig) { c.DiscardNewPerSubject = false }},
		{"max_age is 1h0m0s", func(c *js.StreamConfig) { c.MaxAge = time.Hour }},
		{"storage is memory", func(c *js.StreamConfig) { c.Storage = js.MemoryStorage }},
	} {
		d.replace(t, c.change)
		examine(t, d.options()).want(t, "captures_retention", Error, c.word)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.alter(t, "FIXES", func(c *js.StreamConfig) { c.MaxAge = time.Hour; c.Description = "\x1b[2J" })
	d.alter(t, "DEAD", func(c *js.StreamConfig) { c.Description = "mine" })
	d.alter(t, "CAPTURES", func(c *js.StreamConfig) { c.Duplicates = time.Second })
	all := examine(t, d.options())
	all.want(t, "stream_config", Warning, "stream FIXES: ", "max_age is")
	wantOf(t, all["stream_config"][1:], "stream_config", Info, "stream DEAD: description is", "mine")
	all.want(t, "duplicate_window", Warning, "CAPTURES remembers ids for 1s, not 15m0s")
	if strings.Contains(all["stream_config"][0].Seen, "\x1b") || len(all["stream_config"]) != 2 {
		t.Errorf("%q", all["stream_config"])
	}
	o := d.options() // an operator who means other limits says so
	o.Topology.Fixes.MaxAge = time.Hour
	for _, f := range examine(t, o)["stream_config"] {
		if f.Severity != Info {
			t.Errorf("%+v", f)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.alter(t, "CAPTURES", func(c *js.StreamConfig) { c.MaxMsgsPerSubject = 10 })
	d.alter(t, "FIXES", func(c *js.StreamConfig) { c.MaxBytes = 64 << 10 })
	for range 8 {
		d.publish(t, "captures.net.near", make([]byte, 100))
	}
	for range 80 {
		d.publish(t, "fixes.net.a", make([]byte, 1<<10))
	}
	all := examine(t, d.options())
	all.want(t, "stream_room", Warning, "1 subjects are near", "captures.net.near")
	all.want(t, "stream_room", Warning, "FIXES", "it drops what is older than", "not 24h0m0s")
	for range 2 {
		d.publish(t, "captures.net.near", make([]byte, 100))
	}
	d.alter(t, "KV_foxhunt-meetings", func(c *js.StreamConfig) { c.MaxBytes = 64 << 10 })
	for i := range 31 {
		d.publish(t, fmt.Sprint("$KV.foxhunt-meetings.net.e.", i), make([]byte, 1<<10))
	}
	all = examine(t, d.options())
	all.want(t, "stream_room", Error, "captures.net.near")
	all.want(t, "stream_room", Error, "KV_foxhunt-meetings holds 31 messages", "from 50 % on no event begins")
	d.alter(t, "KV_foxhunt-meetings", func(c *js.StreamConfig) { c.MaxBytes = 1 << 20 })
	stream, err := d.api.Stream(soon(t), "CAPTURES")
	if err != nil {
		t.Fatal(err)
	}
	bytes := int64(stream.CachedInfo().State.Bytes)
	for share, want := range map[int64]Severity{85: Warning, 99: Error} {
		d.alter(t, "CAPTURES", func(c *js.StreamConfig) { c.MaxMsgsPerSubject, c.MaxBytes = 1000, bytes*100/share })
		examine(t, d.options()).want(t, "stream_room", want, fmt.Sprintf("CAPTURES holds 10 messages, %d %%", share))
	}
}
