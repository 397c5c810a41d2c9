package nats_test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// others are users whom the example does not have: a second station, and a team that has nothing to do with foxhunt.
const others = `
STATIONS: [
  { nkey: "<public key of HB9ODP.nk>", permissions: {
      publish: "captures.dcf.HB9ODP", subscribe: ["_INBOX_dcf.HB9ODP.>", "requests.dcf"], allow_responses: { max: 1, expires: "1m" } } }
  { nkey: "<public key of JO51xl.nk>", permissions: {
      publish: "captures.dcf.JO51xl", subscribe: ["_INBOX_dcf.JO51xl.>", "requests.dcf"], allow_responses: { max: 1, expires: "1m" } } }
  { nkey: "<public key of forgotten.nk>" } # whose permissions somebody forgot
]
GATEWAYS: [ { nkey: "<public key of gateway.nk>" } ]
DISPATCHERS: [
  { nkey: "<public key of dispatcher.nk>" }
  { nkey: "<public key of local.nk>", permissions: { publish: "requests.dcf", subscribe: ["fixes.dcf.*", "_INBOX_dispatcher.>"] } }
]
WEATHER: { jetstream: enabled, users: [ { nkey: "<public key of weather.nk>" } ] }
`

// TestPermissions holds every role against the real server: first what it may do, as foxhunt does it, then what it may not.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := makeSite(t, others)
	s.start(t, "nats-server.conf")
	t.Run("worker makes the streams", s.testWorkerEnsures)
	t.Run("station", s.testStation)
	t.Run("worker", s.testWorker)
	t.Run("dashboard", s.testDashboard)
	t.Run("exporter", s.testExporter)
	t.Run("operator", s.testOperator)
	t.Run("operator asks workers", s.testQuestions)
	t.Run("gateway", s.testGateway)
	t.Run("dispatcher", s.testDispatcher)
	s.checkNothingRefused(t) // so far everybody did their work
	t.Run("station may not", s.testStationMayNot)
	t.Run("worker may not", s.testWorkerMayNot)
	t.Run("dashboard may not", s.testDashboardMayNot)
	t.Run("exporter may not", s.testExporterMayNot)
	t.Run("gateway may not", s.testGatewayMayNot)
	t.Run("dispatcher may not", s.testDispatcherMayNot)
	t.Run("nobody may without a key", s.testStrangers)
	t.Run("accounts see nothing of each other", s.testAccounts)
	t.Run("answers go where they are asked from", s.testAnswers)
	t.Run("a key that is taken away is cut off", s.testRevocation)
}

// checkNothingRefused looks in the server's log, which tells what foxhunt would not: a role that lacks a permission without
// which the work only goes worse.
func (s *site) checkNothingRefused(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(s.log.String()) {
		expected := slices.ContainsFunc(expectedRefusal, func(who string) bool { return strings.Contains(line, who) })
		if strings.Contains(line, "Violation") && !expected {
			t.Errorf("somebody was refused what they need: %s", line)
		}
	}
}

// expectedRefusal: foxhunt watch and foxhunt capture --wait, which dashboards and dispatchers run, ask for a consumer first, and
// then do without.
var expectedRefusal = []string{`go:dashboard.nk"`, `go:dispatcher.nk"`}

func (s *site) testStationMayNot(t *testing.T) {
	c := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP")
	for _, subject := range []string{"captures.dcf.JO51xl", "captures.city.HB9ODP"} {
		_, err := c.PublishCapture(within(t), subject, messages.NewCaptureID(), []byte("x"))
		if code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), subject) {
			t.Errorf("publishing on %s: %v", subject, err)
		}
	}
	deaf := s.connect(t, "HB9ODP.nk", "") // without --nats-inbox
	if _, err := deaf.PublishCapture(within(t), "captures.dcf.HB9ODP", messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeRefused {
		t.Errorf("with the wrong inbox: %v", err)
	}
	s.mayNot(t, "HB9ODP.nk", append(everything(), "captures.dcf.JO51xl", "captures.dcf.HB9ODP.x", "captures.dcf", "captures.*.*",
		"$JS.API.INFO", "$JS.API.STREAM.INFO.CAPTURES", "$JS.API.DIRECT.GET.CAPTURES", "_INBOX_dcf.HB9ODP.x", "_INBOX_dcf.JO51xl.x"),
		append(models(), ">", "*", "captures.>", "captures.dcf.HB9ODP", "captures.dcf.JO51xl", "fixes.>", "dead.>", "truth.>", "$JS.>", "$KV.>", "$SYS.>",
			"_INBOX.>", "_INBOX_dcf.JO51xl.>", "_INBOX_dcf.>", "_INBOX_worker.>", "_R_.>"))
	s.mayNot(t, "forgotten.nk", append(everything(), "captures.dcf.forgotten"), []string{">", "captures.>", "_INBOX.>"})
}

// everything is what nobody but workers or operators may publish on, but for one subject that exporters may.
func everything() []string {
	return []string{"fixes.dcf.HB9ODP", "fixes.shadow.dcf.HB9ODP", "dead.captures.dcf.HB9ODP", "truth.dcf.x", "_INBOX_worker.x", "_INBOX_exporter.x",
		"$JS.API.CONSUMER.MSG.NEXT.CAPTURES.workers", "$JS.API.STREAM.MSG.GET.CAPTURES", "$JS.API.STREAM.MSG.DELETE.CAPTURES",
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE.CAPTURES", "$JS.API.STREAM.DELETE.CAPTURES", "$JS.API.STREAM.PURGE.CAPTURES",
		"$JS.API.CONSUMER.CREATE.CAPTURES.x", "$JS.API.CONSUMER.DELETE.CAPTURES.workers", "$JS.ACK.CAPTURES.workers.1.1.1.1.0",
		"$KV.foxhunt-claims.CAPTURES.1", "$SYS.REQ.SERVER.PING",
		"$KV.foxhunt-rollout.plan", "$JS.API.STREAM.MSG.GET.KV_foxhunt-rollout", "$JS.API.DIRECT.GET.KV_foxhunt-rollout",
		"$KV.foxhunt-meetings.dcf.e.1", "$KV.foxhunt-met.dcf.e.1", "$KV.foxhunt-heard.dcf.77500.HB9ODP", "$JS.API.STREAM.PURGE.KV_foxhunt-meetings",
		"$JS.API.STREAM.MSG.GET.KV_foxhunt-meetings", "$JS.API.STREAM.MSG.GET.KV_foxhunt-met", "$JS.API.DIRECT.GET.KV_foxhunt-heard",
		"$O.foxhunt-models.C.x", "$O.foxhunt-models.M.x", "$JS.API.DIRECT.GET.OBJ_foxhunt-models", "$JS.API.STREAM.MSG.GET.OBJ_foxhunt-models",
		"events.model.loaded", "foxhunt.model.reload", "$SRV.PING", "requests.dcf"}
}

// models are subjects that nobody but workers and operators may hear.
func models() []string {
	return []string{"events.>", "foxhunt.>", "$SRV.>", "$O.>", "$KV.foxhunt-rollout.plan", "requests.other", "requests.>"}
}

func (s *site) testWorkerMayNot(t *testing.T) {
	s.mayNot(t, "worker.nk", []string{"captures.dcf.HB9ODP", "truth.dcf.x", "dead.x", "fixes.dcf", "fixes.dcf.a.b", "_INBOX_operator.x",
		"$JS.API.STREAM.DELETE.CAPTURES", "$JS.API.STREAM.PURGE.CAPTURES", "$JS.API.STREAM.PURGE.FIXES",
		"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE.X", "$JS.API.STREAM.MSG.DELETE.FIXES", "$JS.API.STREAM.MSG.DELETE.DEAD", "$JS.API.STREAM.MSG.GET.DEAD",
		"$JS.API.CONSUMER.DELETE.CAPTURES.workers", "$JS.API.CONSUMER.CREATE.CAPTURES.x", "$JS.API.CONSUMER.CREATE.ADVISORIES.x",
		"$JS.API.CONSUMER.PAUSE.CAPTURES.workers", "$JS.API.STREAM.SNAPSHOT.CAPTURES", "$KV.foxhunt-leases.exporter", "$SYS.REQ.SERVER.PING",
		"$KV.foxhunt-rollout.other", "$JS.API.STREAM.PURGE.KV_foxhunt-rollout", "$JS.API.STREAM.DELETE.KV_foxhunt-rollout", "$JS.API.STREAM.PURGE.KV_foxhunt-meetings", "$JS.API.STREAM.PURGE.KV_foxhunt-met",
		"$O.foxhunt-models.C.x", "$O.foxhunt-models.M.x", "$JS.API.STREAM.PURGE.OBJ_foxhunt-models", "$JS.API.STREAM.MSG.DELETE.OBJ_foxhunt-models",
		"$JS.API.STREAM.DELETE.OBJ_foxhunt-models", "$JS.API.STREAM.PURGE.EVENTS", "$JS.API.DIRECT.GET.EVENTS", "$JS.API.CONSUMER.CREATE.EVENTS.x",
		"events.x", "events.model.a.b", "foxhunt.model.reload", "$SRV.PING", "requests.dcf"},
		[]string{">", "foxhunt.>", "$SRV.>", "captures.>", "events.>", "$O.>", "$KV.foxhunt-rollout.>", "$KV.foxhunt-meetings.>", "$KV.foxhunt-met.>", "fixes.>", "dead.>", "_INBOX.>", "_INBOX_exporter.>", "_INBOX_*.>", "$JS.EVENT.>", "$KV.>", "$SYS.>", "_R_.>"})
}

func (s *site) testDashboardMayNot(t *testing.T) {
	s.mayNot(t, "dashboard.nk", append(everything(), "captures.dcf.HB9ODP", "fixes.dcf.x", "$JS.API.STREAM.INFO.FIXES", "$JS.API.DIRECT.GET.FIXES"),
		append(models(), ">", "captures.>", "dead.>", "$JS.>", "$KV.>", "$SYS.>", "_INBOX.>", "_R_.>"))
}

func (s *site) testExporterMayNot(t *testing.T) {
	c := s.connect(t, "exporter.nk", "_INBOX_exporter")
	if _, err := c.PublishCapture(within(t), "captures.dcf.HB9ODP", messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeRefused {
		t.Errorf("publishing a capture: %v", err)
	}
	others := slices.DeleteFunc(everything(), func(subject string) bool { return subject == "$JS.API.STREAM.MSG.GET.CAPTURES" }) // it reads them, too
	s.mayNot(t, "exporter.nk", append(others, "captures.dcf.HB9ODP", "$JS.API.INFO", "$JS.API.DIRECT.GET.FIXES", "$JS.API.DIRECT.GET.DEAD",
		"$JS.API.STREAM.CREATE.KV_foxhunt-leases", "$JS.API.STREAM.PURGE.KV_foxhunt-leases", "$KV.foxhunt-claims.CAPTURES.1"),
		append(models(), ">", "captures.>", "fixes.>", "dead.>", "$KV.>", "_INBOX.>", "_INBOX_worker.>", "$SYS.>"))
}

func (s *site) testGatewayMayNot(t *testing.T) {
	s.mayNot(t, "gateway.nk", append(everything(), "$JS.API.INFO", "$JS.API.STREAM.INFO.CAPTURES", "$JS.API.DIRECT.GET.CAPTURES",
		"$JS.API.CONSUMER.CREATE.CAPTURES.x", "$JS.API.CONSUMER.DELETE.CAPTURES.workers", "$JS.API.STREAM.PURGE.FIXES", "$KV.foxhunt-leases.exporter"),
		append(models(), ">", "captures.>", "$KV.>", "_INBOX.>", "_INBOX_worker.>", "$SYS.>"))
}

// testStrangers has those whom the server does not know.
func (s *site) testStrangers(t *testing.T) {
	makeKey(t, s.path("stranger.nk"))
	o := s.options("stranger.nk", "")
	if _, err := jetstream.Connect(within(t), o); code(err) != jetstream.CodeNotAuthorized {
		t.Errorf("with an unknown key: %v", err)
	}
	o.NKeyFile = ""
	if _, err := jetstream.Connect(within(t), o); code(err) != jetstream.CodeNotAuthorized {
		t.Errorf("without a key: %v", err)
	}
	o = s.options("HB9ODP.nk", "")
	o.CAFile = ""
	if _, err := jetstream.Connect(within(t), o); code(err) != jetstream.CodeNotAuthorized || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a certificate of an authority that the client does not know: %v", err)
	}
	o = s.options("HB9ODP.nk", "")
	o.URL = strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	if _, err := jetstream.Connect(within(t), o); code(err) != jetstream.CodeNotAuthorized {
		t.Errorf("with a certificate of another name: %v", err)
	}
}

// testAccounts publishes the same subjects in two accounts of one server.
func (s *site) testAccounts(t *testing.T) {
	c := s.connect(t, "weather.nk", "")
	if _, err := c.Lag(within(t), jetstream.DefaultTopology(), 1); code(err) != jetstream.CodeNoStream {
		t.Errorf("foxhunt's streams as another account sees them: %v", err)
	}
	if _, err := c.PublishCapture(within(t), "captures.dcf.HB9ODP", messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeNoStream {
		t.Errorf("publishing a capture from another account: %v", err)
	}
	ours, foxhunt := s.listen(t, "operator.nk")
	theirs, weather := s.listen(t, "weather.nk")
	for _, subject := range []string{"fixes.dcf.HB9ODP", "captures.dcf.HB9ODP", "$KV.foxhunt-leases.exporter", "end"} {
		for who, r := range map[string]*raw{"theirs": theirs, "ours": ours} {
			if err := r.Publish(subject, []byte(who)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for who, sub := range map[string]*nats.Subscription{"theirs": weather, "ours": foxhunt} {
		for {
			msg, err := sub.NextMsgWithContext(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if string(msg.Data) != who && (string(msg.Data) == "ours" || string(msg.Data) == "theirs") {
				t.Errorf("%s was heard in the other account", msg.Subject)
			}
			if strings.HasPrefix(msg.Subject, "$SYS.") {
				t.Errorf("%s of the system account was heard", msg.Subject)
			}
			if msg.Subject == "end" && string(msg.Data) == who {
				break
			}
		}
	}
}

// testAnswers asks JetStream questions whose answers are to go where the asker may not publish. Within the streams' account
// they arrive there, with words that the asker has put into its key of a bucket; that is why few users are in it.
func (s *site) testAnswers(t *testing.T) {
	operator, station := s.raw(t, "operator.nk"), s.raw(t, "HB9ODP.nk")
	exporter, gateway := s.raw(t, "exporter.nk"), s.raw(t, "gateway.nk")
	looking := s.connect(t, "operator.nk", "")
	publish(t, s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
	ask := func(r *raw, subject, answer, body string) {
		t.Helper()
		if err := r.PublishRequest(subject, answer, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	const key = "$KV.foxhunt-leases.words"
	ask(exporter, key, "_INBOX_exporter.x", "{}")
	before := stored(t, looking, jetstream.StreamCaptures, "captures.dcf.HB9ODP")
	for i, answer := range []string{"captures.dcf.JO51xl", "captures.dcf.HB9ODP", "fixes.dcf.JO51xl", "$JS.API.STREAM.PURGE.CAPTURES", "$JS.API.STREAM.DELETE.FIXES"} {
		ask(station, "captures.dcf.HB9ODP", answer, "{}")
		ask(exporter, "$JS.API.STREAM.INFO.CAPTURES", answer, "{}")
		ask(gateway, "$JS.API.STREAM.INFO.FIXES", answer, "{}")
		ask(exporter, "$JS.API.DIRECT.GET.KV_foxhunt-leases."+key, answer, "")
		want := before + uint64(i) + 1
		waitFor(t, "the station's capture", func() bool { return stored(t, looking, jetstream.StreamCaptures, "captures.dcf.HB9ODP") >= want })
	}
	ask(operator, "$JS.API.DIRECT.GET.KV_foxhunt-leases."+key, "captures.dcf.control", "")
	waitFor(t, "an answer within the account", func() bool { return stored(t, looking, jetstream.StreamCaptures, "captures.dcf.control") == 1 })
	for stream, subject := range map[string]string{jetstream.StreamCaptures: "captures.dcf.JO51xl", jetstream.StreamFixes: "fixes.dcf.JO51xl"} {
		if n := stored(t, looking, stream, subject); n != 0 {
			t.Errorf("%d answers were stored on %s", n, subject)
		}
	}
	if n := stored(t, looking, jetstream.StreamCaptures, "captures.dcf.HB9ODP"); n != before+5 {
		t.Errorf("%d captures of the station are stored; want %d", n, before+5)
	}
}

// testRevocation puts another key in the place of a station's while the server runs.
func (s *site) testRevocation(t *testing.T) {
	station, other := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), s.connect(t, "JO51xl.nk", "_INBOX_dcf.JO51xl")
	was, now := s.raw(t, "HB9ODP.nk").Opts.Nkey, makeKey(t, s.path("new.nk"))
	users, err := os.ReadFile(s.path("users.conf"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "users.conf", strings.ReplaceAll(string(users), was, now))
	if err := s.process.Signal(syscall.SIGHUP); err != nil { // as nats-server --signal reload does
		t.Fatal(err)
	}
	waitFor(t, "the end of the old key's connection", func() bool { return !station.Connected() })
	if _, err := jetstream.Connect(within(t), s.options("HB9ODP.nk", "")); code(err) != jetstream.CodeNotAuthorized {
		t.Errorf("with the old key: %v", err)
	}
	publish(t, s.connect(t, "new.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
	publish(t, other, "captures.dcf.JO51xl")
	if other.Reconnects() != 0 {
		t.Error("another station was cut off, too")
	}
}
