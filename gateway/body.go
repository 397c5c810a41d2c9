package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"

	"foxhunt/messages"
)

// Content types of a request's body.
const (
	typeJSON    = messages.ContentTypeJSON
	typeMsgpack = messages.ContentTypeMsgpack
)

// body reads a request's body while there is room for it among those of other requests; release gives the room back. kinds
// are the content types that will do.
func (g *Gateway) body(w http.ResponseWriter, r *http.Request, kinds ...string) (data []byte, kind string, release func(), p *problem) {
	kind, p = contentType(r, kinds)
	if p != nil {
		return nil, "", nil, p
	}
	limit := int64(MaxBodyBytes)
	if kind == typeMsgpack {
		limit = messages.MaxCaptureBytes
	}
	if r.ContentLength > limit {
		return nil, "", nil, tooLarge(limit)
	}
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	if !g.bodies.TryAcquire(size) {
		return nil, "", nil, newProblem(http.StatusTooManyRequests, CodeTooManyRequests,
			"the bodies of other requests fill the memory that there is for them; try again").again(1)
	}
	release = func() { g.bodies.Release(size) }
	data, p = readBody(w, r, limit)
	if p != nil {
		release()
		return nil, "", nil, p
	}
	return data, kind, release, nil
}

func contentType(r *http.Request, kinds []string) (string, *problem) {
	got := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(got)
	if kind == "application/vnd.msgpack" { // its name at IANA
		kind = typeMsgpack
	}
	for _, k := range kinds {
		if err == nil && kind == k && r.Header.Get("Content-Encoding") == "" {
			return kind, nil
		}
	}
	want := kinds[0]
	if len(kinds) > 1 {
		want += " or " + kinds[1]
	}
	p := newProblem(http.StatusUnsupportedMediaType, messages.CodeBadContentType, "the body's Content-Type is "+quote(got)+"; want "+want+", without a Content-Encoding")
	return "", p
}

func quote(s string) string {
	if s == "" {
		return "missing"
	}
	return `"` + clip(s) + `"`
}

func tooLarge(limit int64) *problem {
	return faulty(messages.CodeTooLarge, "is larger than %d bytes", limit).problem()
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *problem) {
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := io.Copy(&buffer, http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, CodeSlowBody, "the body did not come in whole, or not in time")
	case buffer.Len() == 0:
		return nil, faulty(messages.CodeEmpty, "is empty").problem()
	}
	return buffer.Bytes(), nil
}
