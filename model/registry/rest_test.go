package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/model/modeltest"
)

// These tests have servers that misbehave in ways that a real one cannot be made to; mlflow_test.go asks a real one.

// misbehaving is an MLflow source before a server that answers by path.
func misbehaving(t testing.TB, routes map[string]http.HandlerFunc) *MLflow {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range routes {
		mux.HandleFunc(path, handler)
	}
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return sourceOf(t, MLflowOptions{TrackingURI: server.URL, Token: "secret-token"})
}

func sourceOf(t testing.TB, o MLflowOptions) *MLflow {
	t.Helper()
	m, err := NewMLflow(o)
	must(t, err)
	m.rest.backoff = time.Millisecond
	return m
}

// says answers with a text.
func says(format string, args ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, args...) }
}

var (
	pathOfVersion  = "/" + restAPI + "/model-versions/get"
	pathOfURI      = "/" + restAPI + "/model-versions/get-download-uri"
	pathOfFiles    = "/" + artifactsAPI
	goodVersion    = `{"model_version": {"name": "a", "version": "1", "status": "READY", "creation_timestamp": "1700000000000"}}`
	first          = Ref{Kind: KindMLflow, Name: "a", Version: "1"}
	firstArtifact  = Artifact{Ref: first, Name: "a", Version: "1"}
	goodURI        = says(`{"artifact_uri": "mlflow-artifacts:/0/a"}`)
	goodVersionSay = says("%s", goodVersion)
)

func TestAnswersThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		code    string
	}{
		"HTML":             {says("<html>"), BadAnswer},
		"nothing":          {says("{}"), BadAnswer},
		"another name":     {says(`{"model_version": {"name": "b\u001b[31m", "version": "1"}}`), BadAnswer},
		"another version":  {says(`{"model_version": {"name": "a", "version": "2"}}`), BadAnswer},
		"no version":       {says(`{"model_version": {"name": "a", "version": "1/../../2"}}`), BadAnswer},
		"being registered": {says(`{"model_version": {"name": "a", "version": "1", "status": "PENDING_REGISTRATION"}}`), Unsettled},
		"failed":           {says(`{"model_version": {"name": "a", "version": "1", "status": "FAILED_REGISTRATION"}}`), NoModel},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range maxAnswer/10 + 1 {
				fmt.Fprint(w, "          ")
			}
		}, BadAnswer},
		"404 of another server": {http.NotFound, BadAnswer},
		"not allowed":           {status(http.StatusForbidden, "{}"), Unauthorized},
		"refused":               {status(http.StatusBadRequest, `{"error_code": "INVALID_STATE", "message": "no\u001b[31m\nsecret-token"}`), Refused},
		"busy":                  {status(http.StatusTooManyRequests, "slow down"), Away},
		"broken":                {status(http.StatusBadGateway, "<html>"), Away},
		"cut off": {func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, Away},
		"in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, Away},
	} {
		m := misbehaving(t, map[string]http.HandlerFunc{pathOfVersion: c.handler})
		_, err := m.Resolve(t.Context(), first)
		refused(t, err, c.code)
		if text := err.Error(); strings.ContainsAny(text, "\x1b\n") || strings.Contains(text, "secret-token") || len(text) > 800 {
			t.Errorf("%s: the error is %q", name, text)
		}
	}
	m := misbehaving(t, nil)
	_, err := m.Resolve(t.Context(), Ref{Kind: KindFile, Name: "a"})
	refused(t, err, BadRef)
}

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	}
}

func TestPassingFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	m := misbehaving(t, map[string]http.HandlerFunc{pathOfVersion: func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			goodVersionSay(w, r)
		}
	}})
	a, err := m.Resolve(t.Context(), first)
	if err != nil || asked.Load() != 3 || a.Created.Unix() != 1700000000 {
		t.Errorf("asked %d times: %+v (%v)", asked.Load(), a, err)
	}

	asked.Store(0)
	m = misbehaving(t, map[string]http.HandlerFunc{pathOfVersion: func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}})
	_, err = m.Resolve(t.Context(), first)
	if refused(t, err, Away); asked.Load() != attempts {
		t.Errorf("asked %d times", asked.Load())
	}
	m.rest.backoff = time.Hour // the wait ends with the context
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = m.Resolve(ctx, first)
	refused(t, err, Away)

	for text, want := range map[string]time.Duration{"2": 2 * time.Second, "86400": maxBackoff, "-1": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "": 0} {
		if got := retryAfter(text).duration(); got != want {
			t.Errorf("Retry-After: %s waits %v; want %v", text, got, want)
		}
	}
}

func TestCredentialsStayWithTheServer(t *testing.T) {
	t.Parallel()
	var elsewhere, here atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Store(r.Header.Get("Authorization"))
		goodVersionSay(w, r)
	}))
	t.Cleanup(other.Close)
	m := misbehaving(t, map[string]http.HandlerFunc{
		pathOfVersion: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
		},
		"/moved": func(w http.ResponseWriter, r *http.Request) {
			here.Store(r.Header.Get("Authorization"))
			http.Redirect(w, r, other.URL, http.StatusFound)
		},
	})
	_, err := m.Resolve(t.Context(), first)
	if err != nil || here.Load() != "Bearer secret-token" || elsewhere.Load() != "" {
		t.Errorf("the server itself was shown %q, another %q (%v)", here.Load(), elsewhere.Load(), err)
	}
}

func TestDownloadsThatGoWrong(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"path": "x", "is_dir": false, "file_size": 1},`, maxFiles)
	for name, c := range map[string]struct {
		listing, file http.HandlerFunc
		code          string
	}{
		"leads out":        {says(`{"files": [{"path": "..", "file_size": 1}]}`), nil, BadAnswer},
		"no name":          {says(`{"files": [{"path": "", "file_size": 1}]}`), nil, BadAnswer},
		"backslashes":      {says(`{"files": [{"path": "..\\..\\x", "file_size": 1}]}`), nil, BadAnswer},
		"too many":         {says(`{"files": [%s{"path": "y"}]}`, many), nil, TooLarge},
		"too deep":         {says(`{"files": [{"path": "below", "is_dir": true}]}`), nil, TooLarge},
		"listed too large": {says(`{"files": [{"path": "a.onnx", "file_size": 1000000000000}]}`), nil, TooLarge},
		"another size":     {says(`{"files": [{"path": "a.onnx", "file_size": 7}]}`), says("three"), Unsettled},
		"the same twice":   {says(`{"files": [{"path": "d", "is_dir": true}, {"path": "d", "is_dir": true}]}`), nil, TooLarge},
		"not there":        {says(`{}`), status(http.StatusNotFound, `{"error_code": "RESOURCE_DOES_NOT_EXIST"}`), NoModel},
		"breaks off": {says(`{"files": [{"path": "a.onnx"}]}`), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "begin")
			panic(http.ErrAbortHandler)
		}, Away},
	} {
		routes := map[string]http.HandlerFunc{pathOfVersion: goodVersionSay, pathOfURI: goodURI, pathOfFiles: c.listing}
		if c.file != nil {
			routes[pathOfFiles+"/"] = c.file
		}
		m := misbehaving(t, routes)
		err := m.Fetch(t.Context(), firstArtifact, t.TempDir())
		if failed, _ := err.(*Error); failed == nil || failed.Code != c.code {
			t.Errorf("%s: the error is %v; want %s", name, err, c.code)
		}
	}

	m := misbehaving(t, map[string]http.HandlerFunc{pathOfFiles + "/": says("more than ten bytes")})
	d := download{rest: m.rest, left: 10}
	err := d.file(t.Context(), "a", filepath.Join(t.TempDir(), "a"), -1)
	refused(t, err, TooLarge)
	d.left = 100
	err = d.file(t.Context(), "a", filepath.Join(t.TempDir(), "absent", "a"), -1)
	refused(t, err, StoreFailed)
}

func TestABrokenDownloadBeginsAnew(t *testing.T) {
	t.Parallel()
	plain := modeltest.Plain(t)
	var asked atomic.Int64
	m := misbehaving(t, map[string]http.HandlerFunc{
		pathOfVersion: goodVersionSay, pathOfURI: goodURI,
		pathOfFiles: says(`{"files": [{"path": "0/a/net.onnx", "file_size": %d}]}`, len(plain)),
		pathOfFiles + "/0/a/net.onnx": func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				_, _ = w.Write(plain[:len(plain)/2])
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write(plain)
		},
	})
	s, err := NewStore(t.TempDir(), Sources{KindMLflow: m})
	must(t, err)
	stored, err := s.Get(t.Context(), firstArtifact)
	must(t, err)
	holds(t, stored, plain)
}

func TestAServerThatStalls(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	m := misbehaving(t, map[string]http.HandlerFunc{
		pathOfFiles: says(`{"files": [{"path": "a.onnx", "file_size": 1000}]}`),
		pathOfFiles + "/": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "begin")
			_ = http.NewResponseController(w).Flush()
			<-release
		},
	})
	t.Cleanup(func() { close(release) }) // before the server's end, which waits for its answers
	m.rest.stall = 20 * time.Millisecond
	d := download{rest: m.rest, left: 1000}
	err := d.all(t.Context(), "0/a", t.TempDir())
	refused(t, err, Away)
	if !strings.Contains(err.Error(), "no byte has come for 20ms") {
		t.Errorf("the error is %v", err)
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	m := misbehaving(t, map[string]http.HandlerFunc{
		"/" + restAPI + "/logged-models/m-1": says(`{"model": {"info": {"artifact_uri": "mlflow-artifacts:/0/models/m-1/artifacts"}}}`),
		"/" + restAPI + "/logged-models/m-2": says(`{"model": {"info": {"artifact_uri": "models:/m-2"}}}`),
		"/" + restAPI + "/runs/get":          says(`{"run": {"info": {"artifact_uri": "mlflow-artifacts:/0/r/artifacts/"}}}`),
	})
	host := m.rest.base.Host
	for uri, want := range map[string]place{
		"mlflow-artifacts:/0/a":               {remote: "0/a"},
		"mlflow-artifacts:///0/a/":            {remote: "0/a"},
		"mlflow-artifacts://" + host + "/0/a": {remote: "0/a"},
		"models:/m-1":                         {remote: "0/models/m-1/artifacts"},
		"runs:/r/below/x":                     {remote: "0/r/artifacts/below/x"},
		"file://" + here:                      {local: here},
		"file://localhost" + here:             {local: here},
		"file:" + here:                        {local: here},
		here + "/":                            {local: here},
	} {
		if got, err := m.locate(t.Context(), uri, 0); err != nil || got != want {
			t.Errorf("%s is %+v (%v); want %+v", uri, got, err, want)
		}
	}
	for uri, code := range map[string]string{
		"": BadLocation, "relative/path": BadLocation, "s3://bucket/a": BadLocation, "http://elsewhere/a": BadLocation, "models:/a/1": BadLocation,
		"models:/m-2": BadLocation, "models:/m-../../x": BadAnswer, "mlflow-artifacts:/": BadAnswer, "mlflow-artifacts:/../x": BadAnswer,
		"mlflow-artifacts:/0/../../x": BadAnswer, "mlflow-artifacts:/0/a/../b": BadAnswer, "mlflow-artifacts://elsewhere/0/a": BadLocation,
		"runs:/r/../../x": BadAnswer, "file://elsewhere/a": BadAnswer, "file:relative": BadAnswer, "file:///%zz": BadAnswer, "file:///absent": BadLocation,
		"/absent": BadLocation, "mlflow-artifacts:/" + strings.Repeat("a", 3000): BadLocation,
	} {
		if got, err := m.locate(t.Context(), uri, 0); err == nil || err.(*Error).Code != code {
			t.Errorf("%.80s is %+v (%v); want %s", uri, got, err, code)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	variables := map[string]string{
		"MLFLOW_TRACKING_URI": "https://fox:hunt@mlflow:5000/x?token=secret", "MLFLOW_TRACKING_TOKEN": "token", "MLFLOW_TRACKING_USERNAME": "user",
		"MLFLOW_TRACKING_PASSWORD": "password", "MLFLOW_TRACKING_SERVER_CERT_PATH": "/ca.pem", "MLFLOW_TRACKING_CLIENT_CERT_PATH": "/client.pem",
	}
	lookup := func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	}
	got := MLflowFromEnvironment(lookup)
	want := MLflowOptions{"https://fox:hunt@mlflow:5000/x?token=secret", "token", "user", "password", "/ca.pem", "/client.pem", ""}
	if got != want || got.String() != "https://mlflow:5000/x" || fmt.Sprintf("%v %+v", got, got) != "https://mlflow:5000/x https://mlflow:5000/x" {
		t.Errorf("%#v, which is %q", got, got.String())
	}
	variables["MLFLOW_REGISTRY_URI"] = "http://registry"
	if got := MLflowFromEnvironment(lookup).TrackingURI; got != "http://registry" {
		t.Errorf("the registry is %q", got)
	}
	variables["MLFLOW_REGISTRY_URI"] = "sqlite:///mlflow.db"
	if got := MLflowFromEnvironment(lookup).TrackingURI; got != "" {
		t.Errorf("the registry is %q", got)
	}
	if text := (MLflowOptions{TrackingURI: "http://fox:hunt@[::1"}).String(); text != "MLflow" {
		t.Errorf("it is %q", text)
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	nothing := filepath.Join(t.TempDir(), "nothing.pem")
	write(t, nothing, []byte("nothing"))
	for _, o := range []MLflowOptions{
		{}, {TrackingURI: "sqlite:///secret.db"}, {TrackingURI: "file:///mlruns"}, {TrackingURI: "databricks"}, {TrackingURI: "http://fox:secret@[::1"},
		{TrackingURI: "http://a", Token: "secret\r\nX: y"},
		{TrackingURI: "https://a", CAFile: "/absent.pem"}, {TrackingURI: "https://a", CAFile: nothing},
		{TrackingURI: "https://a", CertFile: nothing}, {TrackingURI: "https://a", CertFile: "/absent.pem", KeyFile: nothing},
	} {
		_, err := NewMLflow(o)
		refused(t, err, BadOptions)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(goodVersionSay)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	folder := t.TempDir()
	certificate, key, both := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), filepath.Join(folder, "both.pem")
	private, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	must(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	write(t, certificate, public)
	write(t, key, secret)
	write(t, both, append(public, secret...))
	for _, o := range []MLflowOptions{
		{TrackingURI: server.URL, CAFile: certificate, CertFile: certificate, KeyFile: key},
		{TrackingURI: server.URL, CAFile: certificate, CertFile: both},
	} {
		_, err := sourceOf(t, o).Resolve(t.Context(), first)
		must(t, err)
	}
	_, err = sourceOf(t, MLflowOptions{TrackingURI: server.URL, CertFile: both}).Resolve(t.Context(), first)
	refused(t, err, BadOptions) // the server's certificate is nobody's
	_, err = sourceOf(t, MLflowOptions{TrackingURI: server.URL, CAFile: certificate}).Resolve(t.Context(), first)
	refused(t, err, Away) // the server hangs up on whoever shows none
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := (&url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("fox", "h%unt")}).String()
	must(t, l.Close())
	_, err = sourceOf(t, MLflowOptions{TrackingURI: address}).Resolve(t.Context(), first)
	refused(t, err, Away)
	if strings.Contains(err.Error(), "unt@") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the error is %v", err)
	}
}
