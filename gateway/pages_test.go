package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestPages goes through the pages, their methods and who may see them.
func TestPages(t *testing.T) {
	const token = "0123456789abcdef"
	s := &streams{}
	id := messages.NewCaptureID()
	s.store(id, fixOf(t, "captures.a.b", id))
	dead := newID(time.Now())
	s.store(dead, deadOf("captures.a.b", dead, "bad_rate", "rx[1].rate is 0"))
	_, server := serve(t, s, func(o *Options) { o.Token = token })
	for _, c := range []struct {
		method, page, authorization string
		status                      int
		words                       string
	}{
		{"GET", "/api/v1/fixes/" + id, "Bearer " + token, 200, `"model_version":"abababababab"`},
		{"GET", "/api/v1/fixes/" + id, "bearer  " + token, 200, id},
		{"GET", "/api/v1/fixes/" + id + "?since=2026-01-01T00:00:00Z&network=a", "Bearer " + token, 200, id},
		{"GET", "/api/v1/fixes/" + dead, "Bearer " + token, 400, `"pointer":"#/receivers/1/sample_rate"`},
		{"GET", "/api/v1/fixes/" + messages.NewCaptureID(), "Bearer " + token, 404, CodeFixNotFound},
		{"GET", "/api/v1/fixes/short", "Bearer " + token, 400, messages.CodeBadID},
		{"GET", "/api/v1/fixes/" + id + "?since=now", "Bearer " + token, 400, CodeBadParameter},
		{"GET", "/api/v1/fixes/" + id + "?source=a.b", "Bearer " + token, 400, CodeBadParameter},
		{"GET", "/api/v1/fixes/" + id + "?x=1", "Bearer " + token, 400, CodeBadParameter},
		{"GET", "/api/v1/fixes/" + id, "", 401, CodeUnauthorized},
		{"GET", "/api/v1/fixes/" + id, "Basic " + token, 401, CodeUnauthorized},
		{"GET", "/api/v1/fixes/" + id, "Bearer " + token + "0", 401, CodeUnauthorized},
		{"POST", "/api/v1/fixes/" + id, "Bearer " + token, 405, CodeMethod},
		{"GET", predictPage, "", 405, CodeMethod},
		{"GET", "/openapi.json", "", 200, `"openapi"`},
		{"GET", "/", "", 404, CodeNotFound},
		{"GET", "/api/v1/fixes/", "", 404, CodeNotFound},
		{"GET", "/api/v2", "Bearer " + token, 404, CodeNotFound},
	} {
		request, err := http.NewRequest(c.method, server.URL+c.page, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.authorization != "" {
			request.Header.Set("Authorization", c.authorization)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, response)
		if a.status != c.status || !strings.Contains(a.text, c.words) {
			t.Errorf("%s %s with %q: %d %.300s", c.method, c.page, c.authorization, a.status, a.text)
		}
		if (a.header.Get("WWW-Authenticate") != "") != (c.status == 401) || (a.header.Get("Allow") != "") != (c.status == 405) {
			t.Errorf("%s %s: the header is %v", c.method, c.page, a.header)
		}
	}
}

// TestStarting says that the gateway is not there yet.
func TestAway(t *testing.T) {
	w := httptest.NewRecorder()
	Away(w)
	if a := read(t, w.Result()); a.status != 503 || a.Code != "not_connected" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.text)
	}
}
