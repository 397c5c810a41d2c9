package registry

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"foxhunt/model/modeltest"
	"foxhunt/model/registry/mlflowtest"
)

// mlflowStore is a store over an MLflow server.
func mlflowStore(t testing.TB, o MLflowOptions) *Store {
	t.Helper()
	source, err := NewMLflow(o)
	must(t, err)
	source.rest.backoff = time.Millisecond
	s, err := NewStore(t.TempDir(), Sources{KindMLflow: source})
	must(t, err)
	return s
}

// onDisk writes a variant of the plain model to a file.
func onDisk(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "locator.onnx")
	write(t, path, variant(t, n))
	return path
}

// TestMLflow asks a real server.
func TestMLflow(t *testing.T) {
	t.Parallel()
	server := mlflowtest.Start(t)
	options := MLflowOptions{TrackingURI: server.URL}
	t.Run("while it runs", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *mlflowtest.Server, *Store){
			"aliases move":           testAliases,
			"stages":                 testStages,
			"logged as ONNX":         testLogged,
			"a file store":           testFileStore,
			"runs and folders":       testRuns,
			"what cannot be fetched": testElsewhere,
			"stated digests":         testDigests,
			"what is not there":      testNotThere,
			"basic auth":             testBasicAuth,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, server, mlflowStore(t, options))
			})
		}
	})
	t.Run("killed and back", func(t *testing.T) { testKilled(t, server, mlflowStore(t, options)) })
}

func testAliases(t *testing.T, server *mlflowtest.Server, s *Store) {
	first := server.LogFiles(t, mlflowtest.Version{Model: "aliased", Path: onDisk(t, 1), Note: "the first\nof two"})
	second := server.LogFiles(t, mlflowtest.Version{Model: "aliased", Path: onDisk(t, 2)})
	server.Alias(t, "aliased", "champion", first)
	before := get(t, s, "models:/aliased@champion")
	holds(t, before, variant(t, 1))
	if before.Name != "aliased" || before.Version != first || before.Alias != "champion" || before.Note != "the first of two" ||
		before.Stage != "" || time.Since(before.Created).Abs() > time.Hour {
		t.Errorf("the artifact is %+v", before.Artifact)
	}
	if again := resolve(t, s, "models:/aliased@champion"); again != before.Artifact {
		t.Errorf("unchanged it is %+v", again)
	}
	server.Alias(t, "aliased", "champion", second)
	after := get(t, s, "models:/aliased@champion")
	holds(t, after, variant(t, 2))
	if after.Tag == before.Tag || after.Version != second {
		t.Errorf("the moved alias gives %+v; before %+v", after.Artifact, before.Artifact)
	}
	fixed := resolve(t, s, "models:/aliased/"+first)
	if fixed.Tag != before.Tag {
		t.Errorf("by its version it is %+v; by the alias it was %+v", fixed, before.Artifact)
	}
	holds(t, get(t, s, "models:/aliased/"+first), variant(t, 1))
	if newest := resolve(t, s, "models:/aliased/latest"); newest.Version != second || newest.Tag != after.Tag {
		t.Errorf("the latest is %+v", newest)
	}
	server.RemoveAlias(t, "aliased", "champion")
	_, err := s.Resolve(t.Context(), after.Ref)
	refused(t, err, NoModel)
}

func testStages(t *testing.T, server *mlflowtest.Server, s *Store) {
	first := server.LogFiles(t, mlflowtest.Version{Model: "staged", Path: onDisk(t, 1)})
	second := server.LogFiles(t, mlflowtest.Version{Model: "staged", Path: onDisk(t, 2)})
	_, err := s.Resolve(t.Context(), Ref{Kind: KindMLflow, Name: "staged", Stage: "Production"})
	refused(t, err, NoModel)
	server.Stage(t, "staged", first, "Production")
	stored := get(t, s, "models:/staged/production")
	holds(t, stored, variant(t, 1))
	if stored.Stage != "Production" {
		t.Errorf("the artifact is %+v", stored.Artifact)
	}
	server.Stage(t, "staged", second, "Production")
	holds(t, get(t, s, "models:/staged/Production"), variant(t, 2))
}

// testLogged has weights in a file of their own, as mlflow.onnx.log_model writes them.
func testLogged(t *testing.T, server *mlflowtest.Server, s *Store) {
	version := server.LogONNX(t, "logged", onDisk(t, 1))
	stored := get(t, s, "models:/logged/"+version)
	data, err := os.ReadFile(stored.Path)
	must(t, err)
	modeltest.CheckONNX(t, data)
	if got, want := predict(t, data), predict(t, variant(t, 1)); got.X != want.X || got.Y != want.Y || got.Covariance != want.Covariance {
		t.Errorf("the model says %+v; before it was logged %+v", got, want)
	}
	source := s.sources[KindMLflow].(*MLflow)
	v, err := source.find(t.Context(), stored.Ref)
	must(t, err)
	if !strings.HasPrefix(v.Source, "models:/m-") {
		t.Fatalf("the source is %q; want a logged model", v.Source)
	}
	direct, err := source.locate(t.Context(), v.Source, 0)
	if err != nil || !strings.HasSuffix(direct.remote, "/artifacts") {
		t.Errorf("%s is at %+v (%v)", v.Source, direct, err)
	}
}

// testFileStore has artifacts in a folder that server and workers share.
func testFileStore(t *testing.T, server *mlflowtest.Server, s *Store) {
	shared := filepath.Join(t.TempDir(), "shared store")
	store := (&url.URL{Scheme: "file", Path: shared}).String()
	folder := t.TempDir()
	split(t, variant(t, 1), filepath.Join(folder, modelFile), "model.onnx.data")
	write(t, filepath.Join(folder, sidecarFile), []byte("{}"))
	version := server.LogFiles(t, mlflowtest.Version{Model: "shared", Path: folder, Store: store})
	stored := get(t, s, "models:/shared/"+version)
	if info, err := os.Stat(stored.Path); err != nil || int(info.Size()) != len(variant(t, 1)) || string(stored.Sidecar) != "{}" {
		t.Errorf("stored is %+v (%v)", stored, err)
	}
	must(t, os.RemoveAll(shared))
	other := mlflowStore(t, MLflowOptions{TrackingURI: server.URL})
	_, err := other.Get(t.Context(), stored.Artifact)
	refused(t, err, BadLocation)
	if !strings.Contains(err.Error(), "--serve-artifacts") {
		t.Errorf("the error is %v", err)
	}
}

func testRuns(t *testing.T, server *mlflowtest.Server, s *Store) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "MLmodel"), []byte("flavors: {onnx: {data: \"below/ä net+&;=.onnx\"}}"))
	path := filepath.Join(folder, "below", "ä net+&;=.onnx")
	split(t, variant(t, 1), path, "w.bin")
	write(t, path+sidecarAfter, []byte("{}"))
	for _, source := range []string{"runs", "artifacts"} {
		version := server.LogFiles(t, mlflowtest.Version{Model: "of runs", Path: folder, Source: source})
		stored := get(t, s, "models:/of runs/"+version)
		if info, err := os.Stat(stored.Path); err != nil || int(info.Size()) != len(variant(t, 1)) || string(stored.Sidecar) != "{}" {
			t.Errorf("by %s stored is %+v (%v)", source, stored, err)
		}
	}
	version := server.LogFiles(t, mlflowtest.Version{Model: "of runs", Path: onDisk(t, 2), Source: "runs"})
	holds(t, get(t, s, "models:/of runs/"+version), variant(t, 2))
}

func testElsewhere(t *testing.T, server *mlflowtest.Server, s *Store) {
	for _, source := range []string{"s3://bucket/model", "gs://bucket/model"} {
		version := server.LogFiles(t, mlflowtest.Version{Model: "elsewhere", Path: onDisk(t, 1), Source: source})
		_, err := s.Get(t.Context(), resolve(t, s, "models:/elsewhere/"+version))
		refused(t, err, BadLocation)
	}
	version := server.LogFiles(t, mlflowtest.Version{Model: "elsewhere", Path: onDisk(t, 1), Source: "runs:/RUN/nothing"})
	_, err := s.Get(t.Context(), resolve(t, s, "models:/elsewhere/"+version))
	refused(t, err, NoModel)
	notes := filepath.Join(t.TempDir(), "notes.txt")
	write(t, notes, []byte("no model"))
	version = server.LogFiles(t, mlflowtest.Version{Model: "elsewhere", Path: notes})
	_, err = s.Get(t.Context(), resolve(t, s, "models:/elsewhere/"+version))
	refused(t, err, BadModel)
}

func testDigests(t *testing.T, server *mlflowtest.Server, s *Store) {
	for text, code := range map[string]string{sum(variant(t, 1)): "", strings.ToUpper(sum(variant(t, 1))): "", sum(variant(t, 2)): DigestMismatch, "none": DigestMismatch} {
		version := server.LogFiles(t, mlflowtest.Version{Model: "stated", Path: onDisk(t, 1), Tags: map[string]string{DigestTag: text, "other": "x"}})
		a, err := s.Resolve(t.Context(), Ref{Kind: KindMLflow, Name: "stated", Version: version})
		if err == nil {
			_, err = s.Get(t.Context(), a)
		}
		if code == "" {
			must(t, err)
		} else {
			refused(t, err, code)
		}
	}
	version := server.LogFiles(t, mlflowtest.Version{Model: "stated", Path: onDisk(t, 1)})
	a := resolve(t, s, "models:/stated/"+version)
	a.Digest = sum(variant(t, 2)) // pinned by the caller
	_, err := s.Get(t.Context(), a)
	refused(t, err, DigestMismatch)
	a.Digest, a.Tag = "", "registered anew"
	_, err = s.Get(t.Context(), a)
	refused(t, err, Unsettled)
}

func testNotThere(t *testing.T, server *mlflowtest.Server, s *Store) {
	server.LogFiles(t, mlflowtest.Version{Model: "there", Path: onDisk(t, 1)})
	for _, text := range []string{"models:/nothing/1", "models:/nothing@champion", "models:/nothing/Production", "models:/nothing/latest",
		"models:/there/99", "models:/there@champion", "models:/there/Staging", "models:/ther%65/1"} {
		ref, err := ParseRef(text)
		must(t, err)
		_, err = s.Resolve(t.Context(), ref)
		refused(t, err, NoModel)
		if !strings.Contains(err.Error(), text) || err.(*Error).Passing() {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
}

// testBasicAuth has a proxy before the server that wants a user and a password.
func testBasicAuth(t *testing.T, server *mlflowtest.Server, _ *Store) {
	version := server.LogFiles(t, mlflowtest.Version{Model: "guarded", Path: onDisk(t, 1)})
	target, err := url.Parse(server.URL)
	must(t, err)
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	guard := httptest.NewServer(http.StripPrefix("/mlflow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if (user != "fox" || password != "h@nt") && r.Header.Get("Authorization") != "Bearer secret-token" {
			http.Error(w, "not "+user+":"+password+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(w, r)
	})))
	t.Cleanup(guard.Close)
	address := guard.URL + "/mlflow/"
	for _, o := range []MLflowOptions{
		{TrackingURI: address, Username: "fox", Password: "h@nt"},
		{TrackingURI: strings.Replace(address, "://", "://fox:h%40nt@", 1)},
		{TrackingURI: address, Token: "secret-token"},
	} {
		holds(t, get(t, mlflowStore(t, o), "models:/guarded/"+version), variant(t, 1))
	}
	for _, o := range []MLflowOptions{{TrackingURI: address}, {TrackingURI: address, Username: "fox", Password: "h@unt"}} {
		_, err := mlflowStore(t, o).Resolve(t.Context(), Ref{Kind: KindMLflow, Name: "guarded", Version: version})
		refused(t, err, Unauthorized)
		if strings.Contains(err.Error(), "h@unt") || err.(*Error).Passing() {
			t.Errorf("the error is %v", err)
		}
	}
}

func testKilled(t *testing.T, server *mlflowtest.Server, s *Store) {
	version := server.LogFiles(t, mlflowtest.Version{Model: "outlasting", Path: onDisk(t, 1)})
	server.Alias(t, "outlasting", "champion", version)
	kept := get(t, s, "models:/outlasting@champion")
	server.Kill(t)
	_, err := s.Resolve(t.Context(), kept.Ref)
	refused(t, err, Away)
	if !err.(*Error).Passing() {
		t.Errorf("a server that is away is not passing: %v", err)
	}
	last, found := s.Kept(kept.Ref, "")
	if !found || last != kept.Artifact {
		t.Fatalf("kept is %+v, %t", last, found)
	}
	stored, err := s.Get(t.Context(), last)
	must(t, err)
	holds(t, stored, variant(t, 1))
	fresh := mlflowStore(t, MLflowOptions{TrackingURI: server.URL})
	_, err = fresh.Get(t.Context(), last)
	refused(t, err, Away)
	server.Restart(t)
	holds(t, get(t, fresh, "models:/outlasting@champion"), variant(t, 1))
}

// FuzzVersion reads what a server says of a version.
func FuzzVersion(f *testing.F) {
	f.Add(goodVersion)
	f.Add(`{"model_version": {"name": "a", "version": "1", "description": "x\u001b[31m", "tags": [{"key": "foxhunt.sha256", "value": "no"}], "current_stage": "\n"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var answer struct {
			Version modelVersion `json:"model_version"`
		}
		if json.Unmarshal([]byte(text), &answer) != nil {
			return
		}
		a, err := answer.Version.artifact(first)
		if err != nil {
			return
		}
		for _, told := range []string{a.Name, a.Version, a.Stage, a.Note, a.Tag} {
			if len(told) > 600 || strings.ContainsFunc(told, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q is told as %q", text, told)
			}
		}
		if a.Ref != first || a.Version != first.Version || a.Digest != "" && !isDigest(a.Digest) {
			t.Fatalf("%q becomes %+v", text, a)
		}
	})
}
