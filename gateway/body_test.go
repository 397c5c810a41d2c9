package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// begin sends the head of a request for a prediction, and of its body just what is given.
func begin(t *testing.T, server *httptest.Server, length int, body string) *bufio.Reader {
	t.Helper()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: gateway\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", predictPage, typeJSON, length, body)
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(connection)
}

// TestBodiesThatDoNotCome keep nobody else out, however many there are, and whatever size they claim. After a while they
// are refused; a request whose body is there may take longer.
func TestBodiesThatDoNotCome(t *testing.T) {
	t.Parallel()
	s := &streams{}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		time.AfterFunc(pieceTime+time.Second, func() { s.handle(fixOf(t, subject, id)) })
		return false, nil
	}
	g, server := serve(t, s, nil)
	var idle []*bufio.Reader
	for range MaxBatch { // as many as there may be captures in flight
		idle = append(idle, begin(t, server, MaxBodyBytes, "{"))
	}
	for deadline := time.Now().Add(4 * time.Second); ; time.Sleep(time.Millisecond) { // until all are being read
		if !g.bodies.TryAcquire(bodyBudget - (MaxBatch-1)*leastRoom) {
			break
		}
		g.bodies.Release(bodyBudget - (MaxBatch-1)*leastRoom)
		if time.Now().After(deadline) {
			t.Fatal("the bodies are not read")
		}
	}
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != http.StatusOK {
		t.Errorf("beside idle clients: %d %s", a.status, a.text)
	}
	for _, r := range idle {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, response); a.status != http.StatusBadRequest || a.Code != CodeSlowBody {
			t.Fatalf("an idle client: %d %s", a.status, a.text)
		}
	}
}

// TestBodiesTakeWhatTheyAre counts a body of untold length by what came of it.
func TestBodiesTakeWhatTheyAre(t *testing.T) {
	s := &streams{}
	g, server := serve(t, s, nil)
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		if !g.bodies.TryAcquire(bodyBudget - leastRoom) {
			t.Error("a small body takes more than the least room")
		} else {
			g.bodies.Release(bodyBudget - leastRoom)
		}
		go s.handle(fixOf(t, subject, id))
		return false, nil
	}
	request, err := http.NewRequest(http.MethodPost, server.URL+predictPage, struct{ *strings.Reader }{strings.NewReader(good)})
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = -1
	request.Header.Set("Content-Type", typeJSON)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if a := read(t, response); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestMemoryOfSamples takes what docs/gateway.md says that a body becomes while its captures are made.
func TestMemoryOfSamples(t *testing.T) {
	for _, pair := range []string{"[0,0]", "[0.123456, -0.654321]"} {
		text := strings.Replace(good, "[0.5,-0.5]", strings.Repeat(pair+",", 500_000)+pair, 1)
		defaults := Defaults{Network: "http", Bundle: "http"}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sample, f := defaults.read(&scanner{text: []byte(text)}, time.Now())
		if f != nil {
			t.Fatal(f)
		}
		if _, f = defaults.question(sample); f != nil {
			t.Fatal(f)
		}
		runtime.ReadMemStats(&after)
		if times := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(text)); times > 5.5 { // 5.0 under the race detector
			t.Errorf("%s: %.1f times the body was allocated", pair, times)
		} else {
			t.Logf("%s: %.1f times", pair, times)
		}
	}
}
