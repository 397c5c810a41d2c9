package nats_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/rollout"
)

// testWorkerEnsures has a worker be the first on a new server, which makes what is missing.
func (s *site) testWorkerEnsures(t *testing.T) {
	waiting := s.connect(t, "exporter.nk", "_INBOX_exporter")
	if _, err := waiting.Lag(within(t), jetstream.DefaultTopology(), 1); code(err) != jetstream.CodeNoStream {
		t.Errorf("an exporter without streams: %v; want no_stream, which it waits for", err)
	}
	early := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP")
	if _, err := early.PublishCapture(within(t), "captures.dcf.HB9ODP", messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeNoStream {
		t.Errorf("a station without streams: %v; want no_stream", err)
	}
	c := s.connect(t, "worker.nk", "_INBOX_worker")
	for range 2 {
		differences, err := c.Ensure(within(t), jetstream.DefaultTopology())
		if err != nil || len(differences) != 0 {
			t.Fatalf("%v, %v", differences, err)
		}
	}
	other := jetstream.DefaultTopology() // foxhunt worker --apply
	other.Captures.MaxMsgsPerSubject, other.Fixes.MaxAge, other.Dead.MaxAge, other.Advisories.MaxAge = 100, time.Hour, time.Hour, time.Hour
	other.Workers.AckWait, other.Reaper.AckWait = time.Minute, time.Minute
	other.Leases.TTL, other.Claims.TTL, other.Rollout.TTL = time.Minute, time.Minute, time.Hour
	other.Events.MaxAge, other.Models.MaxAge = time.Hour, time.Hour
	other.Meetings.MaxAge, other.Met.MaxAge, other.Heard.MaxAge = time.Hour, 10*time.Minute, 10*time.Minute
	for _, topology := range []jetstream.Topology{other, jetstream.DefaultTopology()} {
		if changed, err := c.Apply(within(t), topology); err != nil || len(changed) != 14 {
			t.Errorf("changed %v, %v", changed, err)
		}
	}
}

// testStation publishes a small capture and the largest.
func (s *site) testStation(t *testing.T) {
	c := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP")
	id := messages.NewCaptureID()
	for i, data := range [][]byte{[]byte("x"), make([]byte, 8<<20), []byte("x")} {
		if i < 2 {
			id = messages.NewCaptureID()
		}
		got, err := c.PublishCapture(within(t), "captures.dcf.HB9ODP", id, data)
		if err != nil || got.Stream != jetstream.StreamCaptures || got.Sequence == 0 {
			t.Errorf("capture %d: %+v, %v", i, got, err)
		}
		if got.Duplicate != (i == 2) {
			t.Errorf("capture %d is a duplicate: %v", i, got.Duplicate)
		}
	}
}

// testWorker takes the station's captures through every end that there is.
func (s *site) testWorker(t *testing.T) {
	c := s.connect(t, "worker.nk", "_INBOX_worker")
	source, err := c.NewSource(within(t), jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	first := next(t, source)
	if err := first.InProgress(); err != nil {
		t.Error(err)
	}
	if _, err := c.PublishFix(within(t), "fixes.dcf.HB9ODP", "fixes.dcf.HB9ODP/known", messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Error(err)
	}
	if err := first.Ack(within(t)); err != nil {
		t.Error(err)
	}
	second := next(t, source)
	if err := second.Nak(0); err != nil {
		t.Error(err)
	}
	second = next(t, source)
	second.Unfinished(within(t))
	second.Begin(within(t)) // notes it among the claims
	letter := &messages.DeadLetter{
		Body: second.Data, Subject: second.Subject, Headers: second.Header, Reason: "not_msgpack", Sentence: "it is zeros", Time: time.Now(),
	}
	if _, err := c.PublishDead(within(t), second.StreamSequence, letter); err != nil {
		t.Error(err)
	}
	if err := second.Term("not_msgpack"); err != nil {
		t.Error(err)
	}
	checkFound(t, c, "dcf.HB9ODP", "known", second.Header["Nats-Msg-Id"][0]) // as the reaper looks
	s.testOvertaking(t, source)
	s.testReaping(t, c, source)
	s.testWorkerModels(t, c)
	s.testMeetings(t, c)
}

// testWorkerModels has a worker follow the plan and its models, stop a challenger, and tell of it.
func (s *site) testWorkerModels(t *testing.T, worker *jetstream.Conn) {
	operator, topology := s.connect(t, "operator.nk", ""), jetstream.DefaultTopology()
	ctx, stop := context.WithCancel(within(t))
	plans, ended := make(chan rollout.Plan, 10), make(chan error, 1)
	store := rollout.NewStore(worker.RolloutEntry(topology))
	go func() { ended <- store.Watch(ctx, func(p rollout.Plan) { plans <- p }) }()
	pushed, err := operator.PushModel(within(t), topology, jetstream.Model{Name: "net"}, bytes.NewReader(make([]byte, 300_000)))
	if err != nil {
		t.Fatal(err)
	}
	mine := rollout.NewStore(operator.RolloutEntry(topology))
	for _, change := range []func(*rollout.Plan) error{
		func(p *rollout.Plan) error {
			return p.Promote(rollout.Arm{Model: "grid"}, rollout.NewChange(time.Now(), "operator", ""))
		},
		func(p *rollout.Plan) error {
			now := time.Now()
			return p.StartSplit(rollout.Arm{Model: pushed.Ref()}, rollout.SplitOptions{Share: 30, Since: now, For: time.Hour}, rollout.NewChange(now, "operator", ""))
		},
	} {
		if _, err := mine.Update(within(t), change); err != nil {
			t.Fatal(err)
		}
		select {
		case <-plans:
		case <-time.After(patience):
			t.Fatal("the worker does not hear of the plan")
		}
	}
	_, err = store.Update(within(t), func(p *rollout.Plan) error {
		return p.StopSplit("it fails", rollout.NewChange(time.Now(), "worker", ""))
	})
	if err != nil {
		t.Errorf("the worker cannot stop a challenger: %v", err)
	}
	if versions, err := worker.RolloutEntry(topology).(rollout.History).History(within(t)); err != nil || len(versions) != 3 {
		t.Errorf("the worker cannot read the plans before: %d, %v", len(versions), err)
	}
	m, err := worker.FindModel(within(t), topology, "net", "")
	if err == nil {
		err = worker.FetchModel(within(t), topology, m, io.Discard)
	}
	if err != nil {
		t.Errorf("the worker cannot fetch a model: %v", err)
	}
	if err := worker.PublishEvent(within(t), rollout.EventStopped, []byte("{}")); err != nil {
		t.Errorf("the worker cannot tell of it: %v", err)
	}
	for e, err := range operator.Events(within(t), topology, time.Time{}, false) {
		if err != nil || e.Kind != rollout.EventStopped {
			t.Errorf("the operator reads %+v, %v", e, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// testOvertaking has one station flood the workers and another be served out of turn.
func (s *site) testOvertaking(t *testing.T, source *jetstream.Source) {
	source.Observe(time.Second) // a slow worker, so that few captures are a backlog
	flooding, other := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), s.connect(t, "JO51xl.nk", "_INBOX_dcf.JO51xl")
	const flood = 30
	for range flood {
		publish(t, flooding, "captures.dcf.HB9ODP")
	}
	publish(t, other, "captures.dcf.JO51xl")
	for range flood + 1 {
		d := next(t, source)
		if source.Stats().Overtaken == 0 { // while nothing was taken aside the worker is slow
			waitFor(t, "a capture taken out of turn", func() bool { return source.Stats().Overtaken > 0 })
		}
		if err := d.Ack(within(t)); err != nil {
			t.Error(err)
		}
	}
}

// testReaping delivers a capture until the server gives it up.
func (s *site) testReaping(t *testing.T, c *jetstream.Conn, source *jetstream.Source) {
	publish(t, s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
	for range jetstream.DefaultTopology().Workers.MaxDeliver {
		if err := next(t, source).Nak(0); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan struct{})
	buried := make(chan string, 1)
	go func() {
		defer close(ended)
		c.Reap(ctx, jetstream.DefaultTopology(), "w", func(code string) { buried <- code }, nil)
	}()
	select {
	case <-buried:
		waitFor(t, "the capture's removal from the work queue", func() bool {
			lag, err := c.Lag(ctx, jetstream.DefaultTopology(), 1)
			return err == nil && lag.Total == 0
		})
	case <-ctx.Done():
		t.Error("a capture that was delivered too often was not moved to the dead letters")
	}
	cancel()
	<-ended
}

// testDashboard hears a fix that a worker publishes.
func (s *site) testDashboard(t *testing.T) {
	fixes, err := s.connect(t, "dashboard.nk", "").Fixes(within(t), jetstream.DefaultTopology(), "fixes.>")
	if err != nil {
		t.Fatal(err)
	}
	defer fixes.Stop()
	only, err := s.connect(t, "dashboard.nk", "").Fixes(within(t), jetstream.DefaultTopology(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer only.Stop()
	worker := s.connect(t, "worker.nk", "_INBOX_worker")
	for _, subject := range []string{"fixes.shadow.dcf.HB9ODP", "fixes.dcf.HB9ODP"} {
		if _, err := worker.PublishFix(within(t), subject, subject+"/another", messages.ContentTypeJSON, []byte(`{"v":1}`)); err != nil {
			t.Fatal(err)
		}
		m, err := fixes.Next(within(t))
		if err != nil || m.Subject != subject || m.ContentType != messages.ContentTypeJSON || string(m.Body) != `{"v":1}` {
			t.Errorf("the dashboard got %+v, %v", m, err)
		}
	}
	if m, err := only.Next(within(t)); err != nil || m.Subject != "fixes.dcf.HB9ODP" {
		t.Errorf("the first of all fixes but shadows' is %+v, %v", m, err)
	}
}

// testExporter leads, and reads the lag with the age of the oldest capture.
func (s *site) testExporter(t *testing.T) {
	publish(t, s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
	c := s.connect(t, "exporter.nk", "_INBOX_exporter")
	led := errors.New("led")
	err := c.Lead(within(t), jetstream.DefaultTopology(), "exporter", "x", func(ctx context.Context) error {
		lag, err := c.Lag(ctx, jetstream.DefaultTopology(), 3)
		if err != nil || lag.Total != 1 || len(lag.Subjects) != 1 || lag.Subjects[0].OldestAge == nil || lag.DeadLetters.Total != 2 {
			t.Errorf("the lag is %+v, %v", lag, err)
		}
		return led
	})
	if !errors.Is(err, led) {
		t.Error(err)
	}
}

// checkFound looks for a source's fix and its dead letter by their captures' ids.
func checkFound(t *testing.T, c *jetstream.Conn, source, fixed, dead string) {
	t.Helper()
	topology, since := jetstream.DefaultTopology(), time.Now().Add(-time.Hour)
	if fix, found, err := c.FindFix(within(t), topology, "fixes."+source, fixed, since); err != nil || !found || string(fix.Data) != "{}" {
		t.Errorf("the fix was not found: %v, %v", found, err)
	}
	if _, found, err := c.FindDead(within(t), topology, "dead.captures."+source, dead, since); err != nil || !found {
		t.Errorf("the dead letter was not found: %v, %v", found, err)
	}
}

// testGateway publishes for a client, hears what comes of it, and finds it later.
func (s *site) testGateway(t *testing.T) {
	c := s.connect(t, "gateway.nk", "_INBOX_gateway")
	heard := make(chan string, 2)
	listener, err := c.Listen(func(h jetstream.Heard) { heard <- h.Subject }, "fixes.*.*", "dead.captures.*.*")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Stop()
	id := messages.NewCaptureID()
	if _, err := c.PublishCapture(within(t), "captures.any.source", id, make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	worker := s.connect(t, "worker.nk", "_INBOX_worker")
	if _, err := worker.PublishFix(within(t), "fixes.any.source", "fixes.any.source/"+id, messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	letter := &messages.DeadLetter{Subject: "captures.any.source", Headers: map[string][]string{"Nats-Msg-Id": {id}}, Reason: "empty", Sentence: "x", Time: time.Now()}
	if _, err := worker.PublishDead(within(t), 1, letter); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fixes.any.source", "dead.captures.any.source"} {
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s was not heard", want)
		}
	}
	checkFound(t, c, "any.source", id, id)
	if _, inFlight, err := c.Pulls(within(t), jetstream.DefaultTopology()); err != nil || inFlight != 0 {
		t.Errorf("Pulls: %d, %v", inFlight, err)
	}
}

// testOperator puts a dead letter back, throws the others away, and changes a stream.
func (s *site) testOperator(t *testing.T) {
	c, topology := s.connect(t, "operator.nk", ""), jetstream.DefaultTopology()
	var dead []jetstream.Dead
	for d, err := range c.DeadLetters(within(t), topology, jetstream.DeadFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		dead = append(dead, d)
	}
	if len(dead) != 2 || dead[0].Letter.Reason != "not_msgpack" || dead[1].Letter.Reason != jetstream.ReasonMaxDeliveries {
		t.Fatalf("the dead letters are %+v", dead)
	}
	if _, err := c.Replay(within(t), topology, dead[0].Sequence, false); err != nil {
		t.Error(err)
	}
	if err := c.PurgeDead(within(t), topology, jetstream.DeadFilter{}, func(jetstream.Dead) {}); err != nil {
		t.Error(err)
	}
	topology.Fixes.MaxAge = time.Hour
	if changed, err := c.Apply(within(t), topology); err != nil || len(changed) != 1 || !strings.Contains(changed[0].String(), "max_age") {
		t.Errorf("changed %v, %v", changed, err)
	}
	if lag, err := c.Lag(within(t), topology, 1); err != nil || lag.Total != 2 || lag.DeadLetters.Total != 0 {
		t.Errorf("the lag is %+v, %v", lag, err)
	}
}

func next(t *testing.T, source *jetstream.Source) *jetstream.Delivery {
	t.Helper()
	d, err := source.Next(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func publish(t *testing.T, c *jetstream.Conn, subject string) {
	t.Helper()
	if _, err := c.PublishCapture(within(t), subject, messages.NewCaptureID(), []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// TestSmallDisk has a worker be the first on a server that has no room for streams as large as they should be.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	s := makeSite(t, "")
	s.write(t, "small.conf", "include \"nats-server.conf\"\njetstream { store_dir: data, max_file_store: 12GB }\n")
	s.start(t, "small.conf")
	c := s.connect(t, "worker.nk", "_INBOX_worker")
	if _, err := c.EnsureWhenReady(within(t), jetstream.DefaultTopology()); err != nil {
		t.Error(err)
	}
}
