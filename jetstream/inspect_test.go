package jetstream_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func TestInspectMakesNothing(t *testing.T) {
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	in, err := c.Inspect(t.Context(), jetstream.DefaultTopology())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range append(in.Streams, in.Buckets...) {
		if !stream.Missing || stream.Err != nil || stream.Info != nil {
			t.Errorf("of an empty server: %+v", stream)
		}
	}
	for _, consumer := range in.Consumers {
		if !consumer.Missing {
			t.Errorf("of an empty server: %+v", consumer)
		}
	}
	if account, err := c.Account(t.Context()); err != nil || account.Streams != 0 {
		t.Errorf("after looking the account has %+v, %v", account, err)
	}
}

func TestInspectAgreesWithEnsure(t *testing.T) {
	s, c := start(t)
	topology := jetstream.DefaultTopology()
	in, err := c.Inspect(t.Context(), topology)
	if err != nil || len(in.Differences) != 0 {
		t.Fatalf("right after Ensure: %v, %v", in.Differences, err)
	}
	for _, stream := range append(in.Streams, in.Buckets...) {
		if stream.Info == nil || stream.Info.TimeStamp.Sub(stream.Asked).Abs() > time.Minute {
			t.Errorf("%+v", stream)
		}
	}
	other := topology
	other.Captures.MaxMsgsPerSubject = 5
	other.Workers.AckWait = time.Minute
	other.Claims.TTL = time.Hour
	other.Fixes.MaxBytes *= 2 // fewer bytes than wanted are forgiven
	ensured, err := c.Ensure(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = c.Inspect(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(ensured)
	if have, _ := json.Marshal(in.Differences); string(have) != string(want) || len(ensured) != 3 {
		t.Errorf("Inspect finds\n%s, Ensure\n%s", have, want)
	}
	s.Shutdown()
	waitFor(t, "noticing", func() bool { return !c.Connected() })
	if _, err := c.Inspect(t.Context(), topology); code(err) != jetstream.CodeNotConnected {
		t.Errorf("without a server: %v", err)
	}
}

// configured starts a server with a configuration file's text; its port is free and its store the test's.
func configured(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return startServer(t, o)
}

const accounts = `
accounts {
  SYS { users [{user: sys, password: p}], exports [{service: "$SYS.REQ.SERVER.PING.VARZ"}] }
  APP {
    jetstream: enabled
    imports [{service: {account: SYS, subject: "$SYS.REQ.SERVER.PING.VARZ"}}]
    users [
      {user: all, password: p}
      {user: blind, password: p, permissions: {publish: ["_INBOX.>"], subscribe: ["_INBOX.>"]}}
    ]
  }
}
system_account: SYS
jetstream {sync_interval: always}
server_name: one
`

func TestServersThroughTheSystemAccount(t *testing.T) {
	url := configured(t, accounts)
	for _, user := range []string{"sys", "all"} {
		c := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//"+user+":p@", 1)})
		answers, err := c.Servers(t.Context())
		if err != nil || len(answers) != 1 {
			t.Fatalf("%s: %d answers, %v", user, len(answers), err)
		}
		var varz server.Varz
		if err := json.Unmarshal(answers[0], &varz); err != nil || varz.Name != "one" || !varz.JetStream.Config.SyncAlways {
			t.Errorf("%s: %+v, %v", user, varz, err)
		}
	}
}

// Whoever may not look hears so at once, and not after a time-out for each thing.
func TestLookingWithoutPermission(t *testing.T) {
	url := configured(t, accounts)
	c := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//blind:p@", 1)})
	start := time.Now()
	in, err := c.Inspect(t.Context(), jetstream.DefaultTopology())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range append(in.Streams, in.Buckets...) {
		if code(stream.Err) != jetstream.CodeRefused || stream.Missing {
			t.Errorf("%s: %v", stream.Name, stream.Err)
		}
	}
	for _, consumer := range in.Consumers {
		if code(consumer.Err) != jetstream.CodeRefused || consumer.Missing {
			t.Errorf("%s: %v", consumer.Name, consumer.Err)
		}
	}
	_, err = c.Account(t.Context())
	_, err2 := c.Servers(t.Context())
	_, err3 := c.Recent(t.Context(), "FIXES", 3)
	_, err4 := c.Subjects(t.Context(), "FIXES")
	_, err5 := c.First(t.Context(), "CAPTURES", []string{"captures.a.b"})
	for i, err := range []error{err, err2, err3, err4, err5} {
		if code(err) != jetstream.CodeRefused {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestServerInfo(t *testing.T) {
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	info := c.ServerInfo()
	if info.Name != "foxhunt" || info.Version != server.VERSION || info.MaxPayload != jetstream.MaxPayload || info.AuthRequired || info.TLS || info.Cluster != "" {
		t.Errorf("%+v", info)
	}
	if trip, err := c.RoundTrip(t.Context()); err != nil || trip <= 0 {
		t.Errorf("round trip %v, %v", trip, err)
	}
	s.Shutdown()
	if _, err := c.RoundTrip(within(t, 200*time.Millisecond)); err == nil {
		t.Error("a server that is gone answered a ping")
	}
}

func TestRecentFirstAndLast(t *testing.T) {
	s, c := start(t)
	if got, err := c.Recent(t.Context(), "FIXES", 5); err != nil || len(got) != 0 {
		t.Errorf("of an empty stream: %v, %v", got, err)
	}
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	api, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		subject := "fixes.n." + string(rune('a'+i%3))
		if _, err := api.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Data: []byte{byte(i)}, Header: nats.Header{"Kept": {"yes"}}}); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := api.Stream(t.Context(), "FIXES")
	if err != nil {
		t.Fatal(err)
	}
	for _, sequence := range []uint64{17, 18} {
		if err := stream.DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Recent(t.Context(), "FIXES", 5)
	if err != nil || len(got) != 3 || got[0].Sequence != 16 || got[2].Sequence != 20 || got[2].Data[0] != 19 || got[2].Header.Get("Kept") != "yes" ||
		got[2].Subject != "fixes.n.b" || time.Since(got[2].Time).Abs() > time.Minute {
		t.Errorf("the last five without two: %+v, %v", got, err)
	}
	if got, err = c.Recent(t.Context(), "FIXES", 1000); err != nil || len(got) != 18 || got[0].Sequence != 1 {
		t.Errorf("of more than there are came %d, %v", len(got), err)
	}
	if got, err = c.First(t.Context(), "FIXES", []string{"fixes.n.b", "fixes.n.none"}); err != nil || len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("the first: %+v, %v", got, err)
	}
	if got, err = c.Last(t.Context(), "FIXES", []string{"fixes.n.none", "fixes.n.a"}); err != nil || len(got) != 1 || got[0].Sequence != 19 {
		t.Errorf("the last: %+v, %v", got, err)
	}
	if subjects, err := c.Subjects(t.Context(), "FIXES"); err != nil || len(subjects) != 3 || subjects["fixes.n.a"] != 7 {
		t.Errorf("subjects %v, %v", subjects, err)
	}
	if _, err := c.Recent(t.Context(), "NONE", 5); code(err) != jetstream.CodeNoStream {
		t.Errorf("of a stream that is not there: %v", err)
	}
}
