package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/well", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/ill", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not connected to NATS\x1b[2J"+strings.Repeat("x", 4096), http.StatusServiceUnavailable)
	})
	mux.Handle("/elsewhere", http.RedirectHandler("/well", http.StatusFound))
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, c := range []struct{ path, want string }{
		{"/well", ""},
		{"/ill", "not connected to NATS"},
		{"/elsewhere", "302 Found"},
		{"/slow", "deadline exceeded"},
		{":", "invalid port"},
	} {
		root := newRoot()
		root.SetArgs([]string{"health", "--timeout", "300ms", server.URL + c.path})
		if c.want == "" {
			root.SetArgs([]string{"health", server.URL + c.path}) // as health checks ask
		}
		err := root.ExecuteContext(context.Background())
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.path, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v; want %q", c.path, err, c.want)
		case err != nil && (strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 500):
			t.Errorf("%s: the server's words go to the terminal as they are: %q", c.path, err)
		}
	}
	server.Close()
	if err := askHealth(t.Context(), server.URL+"/well"); err == nil {
		t.Error("a process that is gone is well")
	}
}
