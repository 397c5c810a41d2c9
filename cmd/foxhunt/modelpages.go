package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"foxhunt/gateway"
)

// servePages answers the same questions over HTTP, as JSON. What only reads is open, as /metrics is.
func (a *workerAnswers) servePages(h *httpServer) {
	for page, answer := range map[string]func() any{
		"info":        func() any { return a.info() },
		"versions":    func() any { return a.versions() },
		"performance": func() any { return a.performance() },
		"health":      func() any { return a.health() },
	} {
		h.mux.HandleFunc("GET /api/v1/models/"+page, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, answer()) })
	}
	h.mux.Handle("POST /api/v1/models/reload", http.NewCrossOriginProtection().Handler(http.HandlerFunc(a.reloadPage)))
}

// pageTime is how long a reload over HTTP may take; what was begun goes on.
const pageTime = 5 * time.Minute

// reloadPage is for this machine, or for who has the token of the API.
func (a *workerAnswers) reloadPage(w http.ResponseWriter, r *http.Request) {
	switch token := a.options.reloadToken; {
	case token != "" && !gateway.Permitted(r, token):
		w.Header().Set("WWW-Authenticate", `Bearer realm="foxhunt"`)
		http.Error(w, "want the header Authorization: Bearer, with the token of --gateway-token-file", http.StatusUnauthorized)
		return
	case token == "" && !(isLoopback(a.http.listener.Addr()) && isLocalHost(r.Host)):
		http.Error(w, "only this machine may ask for a reload over HTTP; foxhunt model reload asks over NATS", http.StatusForbidden)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTime + time.Second)) // an error says that w is a test's
	ctx, cancel := context.WithTimeout(r.Context(), pageTime)
	defer cancel()
	answer, err := a.reload(ctx)
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("it takes longer than %v, or the worker stops", pageTime), http.StatusServiceUnavailable)
	case answer.Failed():
		answerJSON(w, http.StatusConflict, answer)
	default:
		answerJSON(w, http.StatusOK, answer)
	}
}

// isLocalHost reports whether a request names this machine: a page from elsewhere, whose own name was made to mean this
// machine, names itself.
func isLocalHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // an error says that nobody reads it any more
}
