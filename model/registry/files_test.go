package registry

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"foxhunt/model/modeltest"
)

// fileStore is a store over files that are taken once they stood still for 10 ms.
func fileStore(t testing.TB) *Store {
	t.Helper()
	s, err := NewStore(filepath.Join(t.TempDir(), "models"), Sources{KindFile: Files{still: 10 * time.Millisecond}})
	must(t, err)
	return s
}

func resolve(t testing.TB, s *Store, text string) Artifact {
	t.Helper()
	ref, err := ParseRef(text)
	must(t, err)
	a, err := s.Resolve(t.Context(), ref)
	must(t, err)
	return a
}

func get(t testing.TB, s *Store, text string) Stored {
	t.Helper()
	stored, err := s.Get(t.Context(), resolve(t, s, text))
	must(t, err)
	return stored
}

// holds fails the test if the stored file is not the model.
func holds(t testing.TB, stored Stored, want []byte) {
	t.Helper()
	data, err := os.ReadFile(stored.Path)
	must(t, err)
	if !bytes.Equal(data, want) || stored.Digest != sum(want) {
		t.Errorf("%s: %d bytes, digest %s; want %d, %s", stored.Ref, len(data), stored.Digest, len(want), sum(want))
	}
}

func TestFilesFindTheModel(t *testing.T) {
	t.Parallel()
	plain, other := variant(t, 0), variant(t, 1)
	mlmodel := []byte("flavors:\n  python_function:\n    data: other.onnx\n  onnx:\n    data: below/net.onnx\n    providers: [CPUExecutionProvider]\n")
	for name, c := range map[string]struct {
		files map[string][]byte
		ref   string
		want  []byte
		side  string
	}{
		"a file":        {map[string][]byte{"a.onnx": plain, "b.onnx": other}, "a.onnx", plain, ""},
		"its contract":  {map[string][]byte{"a.onnx": plain, "a.onnx.contract.json": []byte("{1}"), "foxhunt.contract": []byte("{2}")}, "a.onnx", plain, "{1}"},
		"model.onnx":    {map[string][]byte{"a.onnx": other, "model.onnx": plain}, "", plain, ""},
		"the only one":  {map[string][]byte{"a.onnx": plain, ".b.onnx": other, "notes.txt": nil, "foxhunt.contract": []byte("{2}")}, "", plain, "{2}"},
		"as MLflow has": {map[string][]byte{"MLmodel": mlmodel, "below/net.onnx": plain, "below/net.onnx.contract.json": []byte("{3}"), "model.onnx": other}, "", plain, "{3}"},
	} {
		folder := t.TempDir()
		for name, data := range c.files {
			write(t, filepath.Join(folder, name), data)
		}
		stored := get(t, fileStore(t), filepath.Join(folder, c.ref))
		holds(t, stored, c.want)
		if string(stored.Sidecar) != c.side || stored.Created.IsZero() || stored.Tag == "" {
			t.Errorf("%s: %+v; want the sidecar %q", name, stored, c.side)
		}
	}
}

func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	plain := modeltest.Plain(t)
	external := modelOf(externalTensor("location", modelFile))
	for name, c := range map[string]struct {
		files map[string][]byte
		ref   string
		code  string
	}{
		"nothing":                    {nil, "a.onnx", NoModel},
		"an empty folder":            {map[string][]byte{"folder/x.txt": nil}, "folder", NoONNX},
		"two models":                 {map[string][]byte{"folder/a.onnx": plain, "folder/b.onnx": plain}, "folder", NoONNX},
		"another flavour":            {map[string][]byte{"folder/MLmodel": []byte("flavors: {sklearn: {data: a.pkl}}"), "folder/a.onnx": plain}, "folder", NoONNX},
		"MLmodel is no YAML":         {map[string][]byte{"folder/MLmodel": []byte("\x00{")}, "folder", NoONNX},
		"MLmodel leads out":          {map[string][]byte{"folder/MLmodel": []byte("flavors: {onnx: {data: ../a.onnx}}"), "a.onnx": plain}, "folder", NoONNX},
		"MLmodel is vague":           {map[string][]byte{"folder/MLmodel": []byte("flavors: {onnx: {data: [1]}}")}, "folder", NoONNX},
		"no model":                   {map[string][]byte{"a.onnx": []byte("<html>")}, "a.onnx", BadModel},
		"the first bytes":            {map[string][]byte{"a.onnx": nil}, "a.onnx", Unsettled},
		"weights that are not there": {map[string][]byte{"a.onnx": modelOf(externalTensor("location", "w.bin"))}, "a.onnx", BadExternalData},
		"weights in itself":          {map[string][]byte{"a.onnx": external}, "a.onnx", BadExternalData},
	} {
		folder := t.TempDir()
		for name, data := range c.files {
			write(t, filepath.Join(folder, name), data)
		}
		s := fileStore(t)
		a, err := s.Resolve(t.Context(), Ref{Kind: KindFile, Name: filepath.Join(folder, c.ref)})
		if err == nil {
			_, err = s.Get(t.Context(), a)
		}
		if failed, _ := err.(*Error); failed == nil || failed.Code != c.code || failed.Passing() != (c.code == Unsettled) {
			t.Errorf("%s: the error is %v; want %s", name, err, c.code)
		}
	}
}

func TestWeightsBesideAFile(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), fileStore(t)
	path := filepath.Join(folder, "net.onnx")
	split(t, modeltest.Plain(t), path, "net.onnx.data")
	stored := get(t, s, path)
	if data, err := os.ReadFile(stored.Path); err != nil || len(data) != len(modeltest.Plain(t)) {
		t.Errorf("%d bytes (%v)", len(data), err)
	}
	before := resolve(t, s, path)
	must(t, os.Chtimes(path+".data", time.Time{}, time.Now().Add(-time.Hour)))
	if after := resolve(t, s, path); after.Tag == before.Tag {
		t.Error("changed weights are not noticed")
	}

	// A link to a model finds the weights beside the model itself; one out of the folder is not followed.
	link := filepath.Join(t.TempDir(), "current.onnx")
	must(t, os.Symlink(path, link))
	if linked := get(t, s, link); linked.Digest != stored.Digest {
		t.Errorf("by a link it is %s; want %s", linked.Digest, stored.Digest)
	}
	must(t, os.Rename(path+".data", path+".moved"))
	outside := filepath.Join(t.TempDir(), "w")
	must(t, os.Rename(path+".moved", outside))
	must(t, os.Symlink(outside, path+".data"))
	_, err := s.Get(t.Context(), resolve(t, s, path))
	refused(t, err, BadExternalData)
}

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), fileStore(t)
	path := filepath.Join(folder, "a.onnx")
	write(t, path, variant(t, 1))
	first := resolve(t, s, path)
	if again := resolve(t, s, path); again != first {
		t.Errorf("unchanged it is %+v, then %+v", first, again)
	}
	info, err := os.Stat(path)
	must(t, err)
	write(t, path+".new", variant(t, 2))
	must(t, os.Chtimes(path+".new", info.ModTime(), info.ModTime())) // as rsync --times does, and of the same size
	must(t, os.Rename(path+".new", path))
	if resolve(t, s, path).Tag == first.Tag {
		t.Error("another file of the same size and time is not noticed")
	}
	write(t, path+".contract.json", []byte("{}"))
	with := resolve(t, s, path)
	must(t, os.Remove(path+".contract.json"))
	if resolve(t, s, path).Tag == with.Tag {
		t.Error("a removed contract is not noticed")
	}
	_, err = s.Get(t.Context(), with)
	refused(t, err, Unsettled) // what was resolved is no more
	holds(t, get(t, s, path), variant(t, 2))
}

// TestKubernetesVolumes moves the link ..data, as the kubelet does for a volume.
func TestKubernetesVolumes(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), fileStore(t)
	publish := func(n int, name string) {
		split(t, variant(t, n), filepath.Join(folder, name, modelFile), "model.onnx.data")
		must(t, os.Symlink(name, filepath.Join(folder, "..data_tmp")))
		must(t, os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
	}
	publish(1, "..2026_11_23")
	for _, name := range []string{modelFile, "model.onnx.data"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
	}
	first := get(t, s, folder)
	publish(2, "..2026_11_24")
	second := get(t, s, folder)
	if first.Tag == second.Tag || first.Digest == second.Digest {
		t.Error("the moved link is not noticed")
	}
}

// TestAFileThatIsBeingWrittenIsNotTaken writes while Fetch waits for the file to stand still.
func TestAFileThatIsBeingWrittenIsNotTaken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.onnx")
	plain := modeltest.Plain(t)
	write(t, path, plain[:1000])
	files := Files{still: time.Hour} // fresh files wait until the context ends
	a, err := files.Resolve(t.Context(), Ref{Kind: KindFile, Name: path})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = files.Fetch(ctx, a, t.TempDir())
	refused(t, err, Away)
	write(t, path, plain)
	err = files.Fetch(t.Context(), a, t.TempDir())
	refused(t, err, Unsettled)

	// A file that changes between the looks: the writer goes on until the reader has refused it.
	files.still = 100 * time.Millisecond
	stop, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		for n := 1000; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = os.WriteFile(path, plain[:n%len(plain)], 0o600)
			}
		}
	}()
	for range 3 {
		a, err := files.Resolve(t.Context(), Ref{Kind: KindFile, Name: path})
		must(t, err)
		err = files.Fetch(t.Context(), a, t.TempDir())
		refused(t, err, Unsettled)
	}
	close(stop)
	<-written
	write(t, path, plain)
	must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Minute)))
	a, err = files.Resolve(t.Context(), Ref{Kind: KindFile, Name: path})
	must(t, err)
	must(t, files.Fetch(t.Context(), a, t.TempDir()))
}

func TestWhatIsNoFileIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe.onnx")
	must(t, syscall.Mkfifo(pipe, 0o600))
	s := fileStore(t)
	_, err := s.Get(t.Context(), resolve(t, s, pipe))
	refused(t, err, Unreadable)
	if !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("the error is %v", err)
	}
	if _, err := readBounded("/dev/zero", 10); err == nil {
		t.Error("a device is read")
	}
	large := filepath.Join(t.TempDir(), "large")
	write(t, large, make([]byte, 11))
	_, err = readBounded(large, 10)
	refused(t, err, TooLarge)
}
