package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// route serves one page: by its one method, to those who may, counted and timed.
func (g *Gateway) route(mux *http.ServeMux, method, path string, serve http.HandlerFunc) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		began := time.Now()
		g.limit(w, began)
		g.observeInFlight(1)
		defer func() {
			g.observeInFlight(-1)
			g.recovered(status, recover())
			if o := g.options.Observer; o != nil {
				o.Answered(path, status.status, time.Since(began))
			}
		}()
		switch {
		case r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet):
			w.Header().Set("Allow", method)
			newProblem(http.StatusMethodNotAllowed, CodeMethod, "the method is "+clip(r.Method)+"; want "+method).write(status)
		case strings.HasPrefix(path, "/api/") && !g.permitted(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="foxhunt"`)
			newProblem(http.StatusUnauthorized, CodeUnauthorized, "want the header Authorization: Bearer, with the gateway's token").write(status)
		default:
			serve(status, r)
		}
	})
}

// bodyTime is how long a request's body, and its answer, may be on their way.
const bodyTime = 30 * time.Second

// limit bounds the time of a request in place of the server's own limits, which know nothing of the deadline.
func (g *Gateway) limit(w http.ResponseWriter, began time.Time) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(began.Add(bodyTime)) // an error says that w is no connection: a test's
	_ = control.SetWriteDeadline(began.Add(2*bodyTime + max(g.options.Deadline, searchTime)))
}

func (g *Gateway) observeInFlight(delta int) {
	if g.options.Observer != nil {
		g.options.Observer.InFlight(delta)
	}
}

// recovered turns a panic into an answer and a line in the log.
func (g *Gateway) recovered(w *statusWriter, reason any) {
	if reason == nil {
		return
	}
	if p := g.panicked(reason); !w.wrote {
		p.write(w)
	}
}

func (g *Gateway) panicked(reason any) *problem {
	g.options.Log.Error("a request panicked", "reason", reason, "stack", string(debug.Stack()))
	return newProblem(http.StatusInternalServerError, CodeInternal, "the gateway failed; its log says why")
}

func (g *Gateway) permitted(r *http.Request) bool {
	return g.options.Token == "" || Permitted(r, g.options.Token)
}

// Permitted reports whether a request bears the token, which it compares in a time that tells nothing of either.
func Permitted(r *http.Request, want string) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	have, wanted := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(want))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(have[:], wanted[:]) == 1
}

// clip bounds what a client said for an answer.
func clip(s string) string { return s[:min(len(s), 40)] }

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *statusWriter) WriteHeader(status int) {
	w.status, w.wrote = status, true
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
