package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"foxhunt/messages"
)

// Content types of a request's body.
const (
	typeJSON    = messages.ContentTypeJSON
	typeMsgpack = messages.ContentTypeMsgpack
)

// A body is read by the piece. Each must come within pieceTime, or who sends it has stopped, and all within bodyTime. The
// memory for it begins with leastRoom.
const (
	piece     = 64 << 10
	pieceTime = 5 * time.Second
	leastRoom = 4 << 10
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
	in := &intake{room: g.bodies, size: r.ContentLength}
	if in.size < 0 {
		in.size = limit + 1
	}
	if p := in.read(w, http.MaxBytesReader(w, r.Body, limit)); p != nil {
		in.release()
		return nil, "", nil, p
	}
	return in.data, kind, in.release, nil
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

// intake is a body in memory, which takes room as it grows: what is announced, and never comes, takes none.
type intake struct {
	room *semaphore.Weighted
	held int64
	size int64 // that the body will have, or the most that it may
	data []byte
}

func (in *intake) release() { in.room.Release(in.held) }

// grow makes room for more, and says whether there is any.
func (in *intake) grow() bool {
	held := max(min(max(2*in.held, leastRoom), in.size), in.held+1)
	if !in.room.TryAcquire(held - in.held) {
		return false
	}
	in.held = held
	in.data = append(make([]byte, 0, held), in.data...)
	return true
}

func (in *intake) read(w http.ResponseWriter, body io.Reader) *problem {
	control, end, next := http.NewResponseController(w), time.Now().Add(bodyTime), 0
	for {
		if len(in.data) == cap(in.data) && !in.grow() {
			return newProblem(http.StatusTooManyRequests, CodeTooManyRequests,
				"the bodies of other requests fill the memory that there is for them; try again").again(1)
		}
		if len(in.data) >= next {
			next = len(in.data) + piece
			_ = control.SetReadDeadline(earlier(end, time.Now().Add(pieceTime))) // an error says that w is no connection: a test's
		}
		n, err := body.Read(in.data[len(in.data):cap(in.data)])
		in.data = in.data[:len(in.data)+n]
		switch over := (*http.MaxBytesError)(nil); {
		case errors.As(err, &over):
			return tooLarge(over.Limit)
		case err == io.EOF && len(in.data) == 0:
			return faulty(messages.CodeEmpty, "is empty").problem()
		case err == io.EOF:
			_ = control.SetReadDeadline(time.Time{}) // would end the request, and not only its body
			return nil
		case err != nil:
			return newProblem(http.StatusBadRequest, CodeSlowBody, "the body did not come in whole, or not in time")
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
