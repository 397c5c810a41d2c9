package status

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
)

//go:embed page.html
var page string

// Register has a mux serve the page at / and its JSON at /status; look is called for each request, from any goroutine.
func Register(mux *http.ServeMux, look func() Snapshot) {
	t := template.Must(template.New("page").Funcs(template.FuncMap{
		"short": short, "size": size, "percent": percent, "hertz": hertz, "ppm": ppm, "decibels": decibels, "scale": scale,
		"clock": clock, "full": full, "nanoseconds": nanoseconds, "fraction": fraction,
		"length": func(bytes int) string { return size(int64(bytes)) },
	}).Parse(page))
	policy := contentPolicy(page)
	snapshot := func() Snapshot {
		s := look()
		s.Problems = problems(&s)
		return s
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var body bytes.Buffer
		if err := t.Execute(&body, snapshot()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		answer(w, "text/html; charset=utf-8", body.Bytes())
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(snapshot(), "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, "application/json", append(body, '\n'))
	})
}

func answer(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // an error is the client's
}

// contentPolicy lets the page run its own script, by its hash, and ask where it came from; nothing from elsewhere.
func contentPolicy(page string) string {
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(page)[1]
	hash := sha256.Sum256([]byte(script))
	return fmt.Sprintf("default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; "+
		"form-action 'none'; frame-ancestors 'none'", base64.StdEncoding.EncodeToString(hash[:]))
}
