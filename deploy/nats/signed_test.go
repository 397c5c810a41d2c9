package nats_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestSignedStations tries README.md's template of a station's permissions: a key that may sign users of account EDGE makes
// stations of which the server's configuration knows nothing.
func TestSignedStations(t *testing.T) {
	t.Parallel()
	s := makeSite(t, "")
	signer, foxhunt := s.trustSignatures(t)
	s.start(t, "signed.conf")
	options := func(creds, inbox string) jetstream.Options {
		return jetstream.Options{
			URL: strings.Replace(s.url, "tls://", "nats://", 1), CredentialsFile: creds, InboxPrefix: inbox, Log: slog.New(slog.DiscardHandler),
		}
	}
	connect := func(creds, inbox string) *jetstream.Conn {
		t.Helper()
		c, err := jetstream.Connect(within(t), options(creds, inbox))
		if err != nil {
			t.Fatalf("%v\n%s", err, s.log)
		}
		t.Cleanup(c.Close)
		return c
	}
	operator := connect(s.sign(t, foxhunt, "operator", false), "")
	if _, err := operator.Ensure(within(t), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	station := connect(s.sign(t, signer, "HB9ODP", true, "net:dcf"), "_INBOX_dcf.HB9ODP")
	publish(t, station, "captures.dcf.HB9ODP")
	for _, subject := range []string{"captures.dcf.JO51xl", "captures.city.HB9ODP"} {
		if _, err := station.PublishCapture(within(t), subject, messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeRefused {
			t.Errorf("HB9ODP of dcf publishing on %s: %v", subject, err)
		}
	}
	s.testSignedAnswers(t, operator, station)
	lost := connect(s.sign(t, signer, "JO51xl", true), "_INBOX_dcf.JO51xl") // of no network
	for _, subject := range []string{"captures.dcf.JO51xl", "captures..JO51xl", "captures.JO51xl", "fixes.dcf.JO51xl"} {
		if err := lost.PublishPlain(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the refusal of "+subject, func() bool {
			return strings.Contains(s.log.String(), fmt.Sprintf("Publish Violation - Subject %q", subject))
		})
	}
	if _, err := lost.PublishCapture(within(t), "captures.dcf.JO51xl", messages.NewCaptureID(), []byte("x")); code(err) != jetstream.CodeRefused {
		t.Errorf("a station of no network: %v", err)
	}
}

// testSignedAnswers has the station hear what its network is asked for, and nobody else's.
func (s *site) testSignedAnswers(t *testing.T, operator, station *jetstream.Conn) {
	if _, err := station.HearQuestions(within(t), "requests.city", func([]byte) []byte { return nil }); code(err) != jetstream.CodeRefused {
		t.Errorf("HB9ODP of dcf hearing requests.city: %v", err)
	}
	q, err := station.HearQuestions(within(t), "requests.dcf", func(question []byte) []byte { return question })
	if err != nil {
		t.Fatal(err)
	}
	defer q.Stop()
	if got := ask(t, operator, "requests.dcf", 1); len(got) != 1 {
		t.Errorf("the answers are %q; want one", got)
	}
}

// account is one that signs for itself, for the test's brevity.
type account struct {
	id   string // its public key
	pair nkeys.KeyPair
}

// trustSignatures writes a configuration in which an operator's signature says which accounts there are, and returns what
// signs stations and what signs users of the streams' account.
func (s *site) trustSignatures(t *testing.T) (stations, foxhunt account) {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	sys, foxhunt, edge, signer := newAccount(t), newAccount(t), newAccount(t), newAccount(t)

	streams := jwt.NewAccountClaims(foxhunt.id)
	streams.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1}
	streams.Exports.Add(&jwt.Export{Subject: "captures.*.*", Type: jwt.Service})
	streams.Imports.Add(&jwt.Import{Account: edge.id, Subject: "requests.*", Type: jwt.Service})
	stationsOf := jwt.NewAccountClaims(edge.id)
	stationsOf.Exports.Add(&jwt.Export{Subject: "requests.*", Type: jwt.Service, ResponseType: jwt.ResponseTypeStream})
	stationsOf.Imports.Add(&jwt.Import{Account: foxhunt.id, Subject: "captures.*.*", Type: jwt.Service})
	scope := jwt.NewUserScope()
	scope.Key, scope.Role = signer.id, "station"
	scope.Template.Pub.Allow.Add("captures.{{tag(net)}}.{{name()}}")
	scope.Template.Sub.Allow.Add("_INBOX_{{tag(net)}}.{{name()}}.>", "requests.{{tag(net)}}")
	scope.Template.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: time.Minute}
	stationsOf.SigningKeys.AddScopedSigner(scope)

	encode := func(c jwt.Claims) string {
		t.Helper()
		text, err := c.Encode(operator)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	id, _ := operator.PublicKey() // does not fail for a pair just made
	trust := jwt.NewOperatorClaims(id)
	trust.SystemAccount = sys.id
	s.write(t, "operator.jwt", encode(trust))
	s.write(t, "signed.conf", fmt.Sprintf("operator: operator.jwt\nresolver: MEMORY\njetstream { store_dir: data }\nresolver_preload {\n%s: %s\n%s: %s\n%s: %s\n}\n",
		sys.id, encode(jwt.NewAccountClaims(sys.id)), foxhunt.id, encode(streams), edge.id, encode(stationsOf)))
	return account{edge.id, signer.pair}, foxhunt
}

func newAccount(t *testing.T) account {
	t.Helper()
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := pair.PublicKey() // does not fail for a pair just made
	return account{id, pair}
}

// sign makes a user's credentials file. A scoped user's permissions are those of the key that signs it.
func (s *site) sign(t *testing.T, by account, name string, scoped bool, tags ...string) (path string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := pair.PublicKey()
	seed, _ := pair.Seed()
	claims := jwt.NewUserClaims(id)
	claims.Name, claims.IssuerAccount = name, by.id
	claims.Tags.Add(tags...)
	if scoped {
		claims.SetScoped(true)
	}
	token, err := claims.Encode(by.pair)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	path = s.path(name + ".creds")
	if err := os.WriteFile(path, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
