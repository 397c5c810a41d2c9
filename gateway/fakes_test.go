package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

// streams is what the gateway sees of NATS, with a worker's part left to the test. The real ones are in cmd/foxhunt's
// tests; these are for what real ones do seldom, or not on demand.
type streams struct {
	mu        sync.Mutex
	handle    func(Message)
	gaps      uint64
	stored    map[string]Message // fixes and dead letters by their capture's id
	published []string           // ids
	searched  int

	publish   func(ctx context.Context, subject, id string, data []byte) (bool, error) // nil: it is stored, and that is all
	pulls     func() (open, inFlight int, err error)                                   // nil: one is open
	searchErr error
	away      bool
}

func (s *streams) PublishCapture(ctx context.Context, subject, id string, data []byte, alone bool) (bool, error) {
	s.mu.Lock()
	s.published = append(s.published, id)
	s.mu.Unlock()
	if s.publish == nil {
		return false, nil
	}
	return s.publish(ctx, subject, id, data)
}

func (s *streams) Listen(handle func(Message)) (func(), error) {
	s.handle = handle
	return func() {}, nil
}

func (s *streams) Gaps() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaps
}

func (s *streams) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.away
}

func (s *streams) Pulls(context.Context) (int, int, error) {
	if s.pulls == nil {
		return 1, 0, nil
	}
	return s.pulls()
}

func (s *streams) FindFix(_ context.Context, network, source, id string, _ time.Time) (Message, bool, error) {
	return s.find(messages.FixPrefix, network, source, id)
}

func (s *streams) FindDead(_ context.Context, network, source, id string, _ time.Time) (Message, bool, error) {
	return s.find(messages.DeadPrefix, network, source, id)
}

func (s *streams) find(prefix, network, source, id string) (Message, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.searched++
	m, ok := s.stored[id]
	there := (network == "" || strings.Contains(m.Subject, "."+network+".")) && (source == "" || strings.HasSuffix(m.Subject, "."+source))
	return m, ok && there && strings.HasPrefix(m.Subject, prefix+"."), s.searchErr
}

// store puts a message where searches find it.
func (s *streams) store(id string, m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored == nil {
		s.stored = map[string]Message{}
	}
	s.stored[id] = m
}

// fixOf is the fix of a capture, as a worker publishes it.
func fixOf(t testing.TB, subject, id string) Message {
	t.Helper()
	fixSubject, err := messages.FixSubject(subject)
	if err != nil {
		t.Fatal(err)
	}
	fix := messages.Fix{Version: 1, CaptureID: id, Position: messages.Position{Latitude: 45, Longitude: 8},
		Uncertainty: messages.Uncertainty{ConfidenceInterval: 0.95}, Model: messages.Model{Digest: strings.Repeat("ab", 32)}}
	body, err := fix.Encode(messages.ContentTypeJSON)
	if err != nil {
		t.Fatal(err)
	}
	return Message{Subject: fixSubject, Data: body, Header: map[string][]string{msgIDHeader: {fixSubject + "/" + id}}}
}

// deadOf is a capture's dead letter.
func deadOf(subject, id, reason, sentence string) Message {
	letter := messages.DeadLetter{Subject: subject, Reason: reason, Sentence: sentence, Time: time.Now(),
		Headers: map[string][]string{msgIDHeader: {id}}}
	_, header := letter.Encode()
	return Message{Subject: messages.DeadSubject(subject), Header: header}
}

// answering makes the streams answer every capture with what answer gives, from another goroutine as NATS does.
func (s *streams) answering(t testing.TB, answer func(subject, id string) Message) *streams {
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		m := answer(subject, id)
		go s.handle(m)
		return false, nil
	}
	return s
}

// serve starts a gateway on the streams; change may alter its options.
func serve(t testing.TB, s *streams, change func(*Options)) (*Gateway, *httptest.Server) {
	t.Helper()
	o := Options{Defaults: Defaults{Network: "http", Bundle: "http"}, Deadline: 10 * time.Second, InFlight: MaxBatch,
		Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	g, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() {
		server.Close()
		g.Close()
	})
	return g, server
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	problem
}

func post(t testing.TB, url, contentType, body string) answer {
	t.Helper()
	response, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}

func read(t testing.TB, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if response.StatusCode >= 400 {
		if err := json.Unmarshal(text, &a.problem); err != nil || a.problem.Status != response.StatusCode || a.Type != "urn:foxhunt:problem:"+a.Code {
			t.Fatalf("%d %s: %v", response.StatusCode, text, err)
		}
	}
	return a
}

// good is a request that a gateway takes.
const good = `{"iq_data":[[0.5,-0.5],[1,0]],"sample_rate":12000,"center_frequency":77500,"latitude":45,"longitude":8}`

const (
	predictPage = "/api/v1/inference/predict"
	batchPage   = "/api/v1/inference/predict/batch"
)
