package loadtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"foxhunt/messages"
)

// HTTP is a deployment reached through its gateway.
type HTTP struct {
	client *http.Client
	base   string // of the gateway: http://host:port
	query  string // names the network
	token  string

	mu     sync.Mutex
	since  time.Time         // no capture is older, by anybody's clock
	places map[string]string // where the gateway said that a capture's fix will be
}

// NewHTTP makes a target of the gateway at base, for captures of a network. token is sent as a bearer's, if there is one;
// open bounds the connections.
func NewHTTP(base, network, token string, security *tls.Config, open int) (*HTTP, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the gateway's address is %q; want for example http://127.0.0.1:8080", base)
	}
	transport := &http.Transport{MaxIdleConns: open, MaxIdleConnsPerHost: open, TLSClientConfig: security, ForceAttemptHTTP2: true}
	h := &HTTP{
		client: &http.Client{Transport: transport}, base: strings.TrimRight(base, "/"), token: token,
		query: "?network=" + url.QueryEscape(network),
	}
	h.Begin()
	return h, nil
}

// Close closes the connections.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }

// Locate implements Target.
func (h *HTTP) Locate(ctx context.Context, r Request) (Answer, error) {
	var answer struct {
		CacheHit bool `json:"_cache_hit"`
		Fix      struct {
			CaptureID string         `json:"capture_id"`
			Model     messages.Model `json:"model"`
		} `json:"fix"`
	}
	err := h.call(ctx, http.MethodPost, "/api/v1/inference/predict"+h.query, r.Capture, &answer)
	var p *problem
	switch {
	case errors.As(err, &p):
		h.note(r.ID, p.FixURL)
		return Answer{}, &Failure{p.Code, p.Detail}
	case err != nil:
		return Answer{}, err
	case answer.Fix.CaptureID != r.ID:
		return Answer{}, &Failure{codeWrongFix, "the gateway answered with the fix of another capture"}
	}
	return Answer{answer.CacheHit, answer.Fix.Model.Name + " " + answer.Fix.Model.Version}, nil
}

// Begin implements Target.
func (h *HTTP) Begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since, h.places = time.Now().Add(-time.Hour).UTC(), map[string]string{}
}

// fixes is the page of what became of captures.
const fixes = "/api/v1/fixes/"

// note keeps where a capture's fix will be.
func (h *HTTP) note(id, place string) {
	if !strings.HasPrefix(place, fixes) {
		return // none, or not on this gateway, which alone may see the token
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places[id] = place
}

// Late implements Target.
func (h *HTTP) Late(ctx context.Context, id string) bool {
	h.mu.Lock()
	place, told := h.places[id]
	if !told { // the gateway may have died before it could answer
		place = fixes + url.PathEscape(id) + h.query + "&since=" + h.since.Format(time.RFC3339)
	}
	h.mu.Unlock()
	err := h.call(ctx, http.MethodGet, place, nil, &struct{}{})
	var p *problem
	return err == nil || errors.As(err, &p) && p.isDeadLetter()
}

// Lag implements Target: a gateway does not tell.
func (h *HTTP) Lag(context.Context) (int, bool) { return 0, false }

// Doubled implements Target: nor does it tell this.
func (h *HTTP) Doubled() (int, bool) { return 0, false }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// call sends a request and decodes its answer, or the problem that it is.
func (h *HTTP) call(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, h.base+path, bytes.NewReader(body))
	if err != nil {
		return &Failure{"bad_request", err.Error()}
	}
	if body != nil {
		request.Header.Set("Content-Type", messages.ContentTypeMsgpack)
	}
	if h.token != "" {
		request.Header.Set("Authorization", "Bearer "+h.token)
	}
	response, err := h.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return &Failure{CodeTimeout, "no answer came in time"}
		}
		return broken(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case ctx.Err() != nil:
		return &Failure{CodeTimeout, "no answer came in time"}
	case err != nil:
		return &Failure{codeNoAnswer, err.Error()}
	case response.StatusCode != http.StatusOK:
		return readProblem(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return &Failure{codeBadAnswer, err.Error()}
	}
	return nil
}

// broken tells a connection that was never made, on which nothing was sent, from one that broke.
func broken(err error) *Failure {
	code := codeNoAnswer
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		code = codeUnreachable
	}
	return &Failure{code, errors.Unwrap(err).Error()} // without the URL, which Do puts before it
}

// problem is a problem detail (RFC 9457) of the gateway's.
type problem struct {
	status int
	Code   string
	Detail string
	FixURL string `json:"fix_url"`
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// isDeadLetter reports whether a problem that the page of fixes answers with is what a dead letter says; the others say that
// the gateway found nothing, or could not look.
func (p *problem) isDeadLetter() bool {
	switch p.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return p.Code != "bad_parameter" && p.Code != "search_too_long" && p.Code != "internal"
	}
	return false
}

func readProblem(status int, data []byte) error {
	p := &problem{status: status}
	if json.Unmarshal(data, p) != nil || p.Code == "" {
		return &Failure{fmt.Sprintf("%s%d", codeHTTP, status), "the answer is no problem of a gateway's"}
	}
	return p
}
