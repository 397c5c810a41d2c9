package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/model/modeltest"
)

// shelf is a source whose models the test sets; it counts what is fetched.
type shelf struct {
	mu      sync.Mutex
	models  map[string][]byte
	fetched atomic.Int64
	err     error // of Fetch
	half    bool  // Fetch leaves half of the model, with err
}

func (s *shelf) Resolve(_ context.Context, r Ref) (Artifact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, found := s.models[r.Name]
	if !found {
		return Artifact{}, fail(NoModel, "no %s", r.Name)
	}
	return Artifact{Ref: r, Name: r.Name, Version: "1", Tag: sum(data)}, nil
}

func (s *shelf) Fetch(_ context.Context, a Artifact, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched.Add(1)
	data := s.models[a.Name]
	if s.half {
		data = data[:len(data)/2]
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, modelFile), data, 0o600), s.err)
}

func shelfStore(t testing.TB, source Source) *Store {
	t.Helper()
	s, err := NewStore(filepath.Join(t.TempDir(), "[models]*"), Sources{KindNATS: source})
	must(t, err)
	return s
}

func TestStoreFetchesOnce(t *testing.T) {
	t.Parallel()
	plain := modeltest.Plain(t)
	source := &shelf{models: map[string][]byte{"a": plain}}
	s := shelfStore(t, source)
	for range 2 {
		holds(t, get(t, s, "nats:a"), plain)
		holds(t, get(t, s, "nats:a@1"), plain) // the same artifact by another reference
	}
	again, err := NewStore(s.dir, s.sources) // after a restart
	must(t, err)
	holds(t, get(t, again, "nats:a"), plain)
	if n := source.fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	for _, path := range []string{s.dir, s.models(), s.folder(sum(plain))} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(s.temporary()); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestStoreHoldsWhatItHadWhileTheSourceIsAway(t *testing.T) {
	t.Parallel()
	source := &shelf{models: map[string][]byte{"a": variant(t, 1)}}
	s := shelfStore(t, source)
	get(t, s, "nats:a")
	source.models["a"] = variant(t, 2)
	get(t, s, "nats:a")
	source.models = nil
	ref := Ref{Kind: KindNATS, Name: "a"}
	last, found := s.Kept(ref, "")
	pinned, foundToo := s.Kept(ref, sum(variant(t, 1)))
	if !found || !foundToo || last.Tag != sum(variant(t, 2)) || last.Name != "a" || last.Version != "1" {
		t.Fatalf("kept is %+v (%t), by digest %+v (%t)", last, found, pinned, foundToo)
	}
	for n, a := range map[int]Artifact{1: pinned, 2: last} {
		stored, err := s.Get(t.Context(), a)
		must(t, err)
		holds(t, stored, variant(t, n))
	}
	for _, digest := range []string{sum([]byte("another")), "no digest", "*"} {
		if a, found := s.Kept(ref, digest); found {
			t.Errorf("with digest %q kept is %+v", digest, a)
		}
	}
	if a, found := s.Kept(Ref{Kind: KindNATS, Name: "b"}, ""); found {
		t.Errorf("of another name kept is %+v", a)
	}
}

// TestKeptIsTheLast: a reference that went back to a model that is kept already means that one.
func TestKeptIsTheLast(t *testing.T) {
	t.Parallel()
	source := &shelf{models: map[string][]byte{}}
	s := shelfStore(t, source)
	for _, n := range []int{1, 2, 1} {
		source.models["a"] = variant(t, n)
		get(t, s, "nats:a")
	}
	if last, found := s.Kept(Ref{Kind: KindNATS, Name: "a"}, ""); !found || last.Tag != sum(variant(t, 1)) {
		t.Errorf("kept is %+v (%t)", last, found)
	}
}

func TestSidecarsStayWithTheirArtifacts(t *testing.T) {
	t.Parallel()
	s, plain := fileStore(t), modeltest.Plain(t)
	one, two := t.TempDir(), t.TempDir()
	for folder, text := range map[string]string{one: "{1}", two: "{2}"} {
		write(t, filepath.Join(folder, modelFile), plain)
		write(t, filepath.Join(folder, sidecarFile), []byte(text))
	}
	for range 2 {
		if a, b := get(t, s, one), get(t, s, two); string(a.Sidecar) != "{1}" || string(b.Sidecar) != "{2}" || a.Path != b.Path {
			t.Errorf("the sidecars are %s and %s, the files %s and %s", a.Sidecar, b.Sidecar, a.Path, b.Path)
		}
	}
}

func TestAnotherDigestIsRefused(t *testing.T) {
	t.Parallel()
	source := &shelf{models: map[string][]byte{"a": variant(t, 1)}}
	s := shelfStore(t, source)
	a := resolve(t, s, "nats:a")
	for _, digest := range []string{sum(variant(t, 2)), "\x1b[31mno digest"} {
		a.Digest = digest
		_, err := s.Get(t.Context(), a)
		refused(t, err, DigestMismatch)
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the error is %q", err)
		}
	}
	if found := s.records(""); len(found) > 0 {
		t.Errorf("kept is %+v", found)
	}
	a.Digest = sum(variant(t, 1))
	stored, err := s.Get(t.Context(), a)
	must(t, err)
	holds(t, stored, variant(t, 1))
}

func TestRottenModelsAreFetchedAnew(t *testing.T) {
	t.Parallel()
	plain := modeltest.Plain(t)
	source := &shelf{models: map[string][]byte{"a": plain}}
	s := shelfStore(t, source)
	path := get(t, s, "nats:a").Path
	rotten := bytes.Clone(plain)
	rotten[len(rotten)/2] ^= 1
	for _, spoil := range []func() error{
		func() error { return os.WriteFile(path, rotten, 0o600) },
		func() error { return os.Truncate(path, 100) },
		func() error { return os.Remove(path) },
	} {
		must(t, spoil())
		holds(t, get(t, s, "nats:a"), plain)
	}
	if n := source.fetched.Load(); n != 4 {
		t.Errorf("fetched %d times", n)
	}

	// What another process left there without a record is not believed either.
	must(t, os.WriteFile(path, rotten, 0o600))
	records, err := filepath.Glob(filepath.Join(escapeGlob(s.folder(sum(plain))), "*.json"))
	must(t, err)
	for _, record := range records {
		must(t, os.WriteFile(record, []byte("{"), 0o600))
	}
	holds(t, get(t, s, "nats:a"), plain)
}

func TestHalfADownloadIsNotKept(t *testing.T) {
	t.Parallel()
	plain := modeltest.Plain(t)
	source := &shelf{models: map[string][]byte{"a": plain}, half: true, err: errors.New("the connection broke\x1b")}
	s := shelfStore(t, source)
	a := resolve(t, s, "nats:a")
	_, err := s.Get(t.Context(), a)
	refused(t, err, Away)
	if strings.Contains(err.Error(), "\x1b") {
		t.Errorf("the error is %q", err)
	}
	source.err = nil // a source that does not notice
	_, err = s.Get(t.Context(), a)
	refused(t, err, BadModel)
	source.half = false
	holds(t, get(t, s, "nats:a"), plain)
}

// TestManyAtOnce has goroutines of several stores over one directory, as processes have, ask for the same models.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	source := &shelf{models: map[string][]byte{}}
	for n := range 3 {
		source.models[fmt.Sprint("m", n)] = variant(t, n)
	}
	dir := t.TempDir()
	var running sync.WaitGroup
	for range 6 {
		s, err := NewStore(dir, Sources{KindNATS: source})
		must(t, err)
		for n := range 3 {
			running.Go(func() {
				a, err := s.Resolve(t.Context(), Ref{Kind: KindNATS, Name: fmt.Sprint("m", n)})
				if err != nil {
					t.Error(err)
					return
				}
				stored, err := s.Get(t.Context(), a)
				if err != nil || stored.Digest != sum(source.models[a.Name]) {
					t.Errorf("%s is %s (%v)", a.Name, stored.Digest, err)
				}
			})
		}
	}
	running.Wait()
	s, err := NewStore(dir, Sources{KindNATS: source})
	must(t, err)
	before := source.fetched.Load()
	for n := range 3 {
		holds(t, get(t, s, fmt.Sprint("nats:m", n)), variant(t, n))
	}
	if entries, _ := os.ReadDir(s.temporary()); source.fetched.Load() != before || len(entries) > 0 {
		t.Errorf("fetched again, or left behind: %v", entries)
	}
}

// storeChild names the directory and the model that a child process stores over and over.
const storeChild = "FOXHUNT_TEST_STORE"

func TestStoreChild(t *testing.T) {
	dir, file, child := strings.Cut(os.Getenv(storeChild), "|")
	if !child {
		return
	}
	s, err := NewStore(dir, Sources{KindFile: Files{}})
	must(t, err)
	fmt.Println("begun")
	for {
		stored := get(t, s, file)
		must(t, os.RemoveAll(filepath.Dir(stored.Path)))
	}
}

// TestKilledProcesses kills processes while they store and remove a model, and looks at what is left each time.
func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "a.onnx")
	write(t, file, modeltest.Plain(t))
	must(t, os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)))
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run=^TestStoreChild$")
		child.Env = append(os.Environ(), storeChild+"="+dir+"|"+file)
		output, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		if _, err := output.Read(make([]byte, 5)); err != nil {
			t.Error(err)
		}
		for range 1000 * (round + 1) { // into the work, and not by the clock
			_, _ = os.ReadDir(dir)
		}
		must(t, child.Process.Kill())
		_ = child.Wait()
		s, err := NewStore(dir, Sources{KindFile: Files{}})
		must(t, err)
		holds(t, get(t, s, file), modeltest.Plain(t))
	}
	s, err := NewStore(dir, Sources{KindFile: Files{}})
	must(t, err)
	left, err := os.ReadDir(s.temporary())
	must(t, err)
	for _, entry := range left { // an hour later
		must(t, filepath.WalkDir(filepath.Join(s.temporary(), entry.Name()), func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chtimes(path, time.Time{}, time.Now().Add(-2*abandoned)))
		}))
	}
	_, err = NewStore(dir, nil)
	must(t, err)
	if left, err := os.ReadDir(s.temporary()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestModelsNotUsedLatelyGo(t *testing.T) {
	t.Parallel()
	source := &shelf{models: map[string][]byte{}}
	s := shelfStore(t, source)
	for n := range keepModels + 4 {
		name := fmt.Sprint("m", n)
		source.models[name] = variant(t, n)
		path := get(t, s, "nats:"+name).Path
		old := time.Now().Add(-24*time.Hour + time.Duration(n)*time.Minute)
		must(t, os.Chtimes(path, old, old))
	}
	get(t, s, "nats:m1") // used again
	source.models["new"] = variant(t, 1000)
	get(t, s, "nats:new")
	left, err := os.ReadDir(s.models())
	must(t, err)
	if len(left) != keepModels {
		t.Errorf("%d models are left; want %d", len(left), keepModels)
	}
	for name, kept := range map[string]bool{"m0": false, "m1": true, "m2": false, "m23": true, "new": true} {
		if _, found := s.Kept(Ref{Kind: KindNATS, Name: name}, ""); found != kept {
			t.Errorf("%s is kept: %t; want %t", name, found, kept)
		}
	}
}

func TestBuiltin(t *testing.T) {
	t.Parallel()
	source := Builtin{"plain": func() []byte { return modeltest.Plain(t) }}
	s, err := NewStore(t.TempDir(), Sources{KindBuiltin: source})
	must(t, err)
	stored := get(t, s, "plain")
	holds(t, stored, modeltest.Plain(t))
	if stored.Name != "plain" || stored.Artifact.Digest != stored.Digest {
		t.Errorf("it is %+v", stored.Artifact)
	}
	_, err = s.Resolve(t.Context(), Ref{Kind: KindBuiltin, Name: "models"})
	refused(t, err, NoModel)
	if !strings.Contains(err.Error(), "./models") {
		t.Errorf("the error is %v", err)
	}
	err = source.Fetch(t.Context(), Artifact{Name: "models"}, t.TempDir())
	refused(t, err, NoModel)
}

func TestWithoutASource(t *testing.T) {
	t.Parallel()
	s, err := NewStore(t.TempDir(), nil)
	must(t, err)
	for text, want := range map[string]string{"models:/a/1": "MLFLOW_TRACKING_URI", "nats:a": "NATS", "grid": "cannot be had"} {
		ref, err := ParseRef(text)
		must(t, err)
		_, err = s.Resolve(t.Context(), ref)
		refused(t, err, NoSource)
		_, again := s.Get(t.Context(), Artifact{Ref: ref})
		refused(t, again, NoSource)
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v; want one that says %s", text, err, want)
		}
	}
}

func TestAStoreThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	_, err := NewStore(filepath.Join(file, "models"), nil)
	refused(t, err, StoreFailed)

	s := shelfStore(t, &shelf{models: map[string][]byte{"a": modeltest.Plain(t)}})
	a := resolve(t, s, "nats:a")
	must(t, os.RemoveAll(s.models()))
	_, err = s.Get(t.Context(), a)
	refused(t, err, StoreFailed)
	must(t, os.RemoveAll(s.temporary()))
	_, err = s.Get(t.Context(), a)
	refused(t, err, StoreFailed)
	if !err.(*Error).Passing() || errors.Unwrap(err) == nil {
		t.Errorf("a disk that cannot be written is not passing: %v", err)
	}
}
