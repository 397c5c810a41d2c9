package loadtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"foxhunt/messages"
)

// HTTP is a deployment reached through its gateway.
type HTTP struct {
	client *http.Client
	base   string // of the gateway: http://host:port
	query  string
	token  string
}

// NewHTTP makes a target of the gateway at base, for captures of a network. token is sent as a bearer's, if there is one;
// open bounds the connections.
func NewHTTP(base, network, token string, security *tls.Config, open int) (*HTTP, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the gateway's address is %q; want for example http://127.0.0.1:8080", base)
	}
	transport := &http.Transport{MaxIdleConns: open, MaxIdleConnsPerHost: open, TLSClientConfig: security, ForceAttemptHTTP2: true}
	return &HTTP{
		client: &http.Client{Transport: transport}, base: strings.TrimRight(base, "/"), token: token,
		query: "?network=" + url.QueryEscape(network),
	}, nil
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
	if err := h.call(ctx, http.MethodPost, "/api/v1/inference/predict"+h.query, r.Capture, &answer); err != nil {
		return Answer{}, err
	}
	if answer.Fix.CaptureID != r.ID {
		return Answer{}, &Failure{"wrong_fix", "the gateway answered with the fix of another capture"}
	}
	return Answer{answer.CacheHit, answer.Fix.Model.Name + " " + answer.Fix.Model.Version}, nil
}

// Late implements Target.
func (h *HTTP) Late(ctx context.Context, id string) (bool, error) {
	err := h.call(ctx, http.MethodGet, "/api/v1/fixes/"+url.PathEscape(id), nil, &struct{}{})
	var failure *Failure
	if errors.As(err, &failure) && failure.Code == "fix_not_found" {
		return false, nil
	}
	return err == nil, err
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
		return &Failure{"no_answer", errors.Unwrap(err).Error()} // without the URL, which Do puts before it
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case ctx.Err() != nil:
		return &Failure{CodeTimeout, "no answer came in time"}
	case err != nil:
		return &Failure{"no_answer", err.Error()}
	case response.StatusCode != http.StatusOK:
		return problem(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return &Failure{"bad_answer", err.Error()}
	}
	return nil
}

// problem reads a problem detail (RFC 9457).
func problem(status int, data []byte) *Failure {
	var p struct{ Code, Detail string }
	if json.Unmarshal(data, &p) != nil || p.Code == "" {
		return &Failure{fmt.Sprintf("http_%d", status), "the answer is no problem of a gateway's"}
	}
	return &Failure{p.Code, p.Detail}
}
