package jetstream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// Whoever follows a connection's messages may write into their headers, and hears what came of each.
func TestTrace(t *testing.T) {
	t.Parallel()
	var told []string
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL(), Trace: func(_ context.Context, subject string, header map[string][]string) func(error) {
		header["traceparent"] = []string{"of " + subject}
		return func(err error) { told = append(told, fmt.Sprint(subject, " ", err)) }
	}})
	topology := jetstream.DefaultTopology()
	if _, err := c.Ensure(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 15*time.Second)
	if _, err := c.PublishCapture(ctx, "captures.net.a", "x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PublishFix(ctx, "fixes.net.a", "y", messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PublishCapture(ctx, "captures.net.a", "z", make([]byte, c.MaxPayload())); err == nil {
		t.Fatal("a message larger than any was stored")
	}
	source, err := c.NewSource(ctx, topology, jetstream.SourceOptions{Concurrency: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	d, err := source.Next(ctx)
	if err != nil || !slices.Equal(d.Header["traceparent"], []string{"of captures.net.a"}) {
		t.Fatalf("headers %v, %v", d.Header, err)
	}
	if err := d.Ack(ctx); err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 || told[0] != "captures.net.a <nil>" || told[1] != "fixes.net.a <nil>" || !strings.Contains(told[2], "too_large") {
		t.Errorf("told were %q", told)
	}
}
