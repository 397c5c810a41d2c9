package model_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

func TestOptionsThatNoSessionCanHave(t *testing.T) {
	for name, options := range map[string]model.Options{
		"no thread": {Threads: -1}, "too many threads": {Threads: 257}, "another provider": {Provider: "abacus"},
	} {
		_, err := modeltest.Runtime(t).Load(mirror(t), options)
		if wantCode(t, err, model.BadOptions); err == nil {
			t.Errorf("%s loads", name)
		}
	}
}

// TestCUDA loads on CUDA where the library has it, and wants a refusal that says what to do everywhere else.
func TestCUDA(t *testing.T) {
	m, err := modeltest.Runtime(t).Load(modeltest.Plain(t), model.Options{Provider: model.CUDA})
	if err == nil {
		t.Cleanup(func() { m.Close() })
		if _, err := newRunner(t, m).Run(nil, spectrogram(2, 3)); err != nil {
			t.Error(err)
		}
		return
	}
	wantCode(t, err, model.NoProvider)
	for _, word := range []string{"CUDA", "--onnxruntime", "cpu"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

// TestEveryWayOfLoadingGivesTheSameBits: many threads, a low priority, and the optimised model of another time.
func TestEveryWayOfLoadingGivesTheSameBits(t *testing.T) {
	data, folder := modeltest.Plain(t), t.TempDir()
	want := predict(t, load(t, data, model.Options{}))
	ways := []model.Options{
		{Threads: 2}, {Beside: true}, {Beside: true, Threads: 2},
		{OptimizedDir: folder}, {OptimizedDir: folder}, {OptimizedDir: folder, Beside: true, Threads: 2},
	}
	for i, options := range ways {
		m := load(t, data, options)
		if got := predict(t, m); !same(got, want) {
			t.Errorf("loaded with %+v the model gives %+v; want %+v", options, got, want)
		}
		if second := i > 3; m.Info().Optimized != second {
			t.Errorf("loaded with %+v: from its optimised form is %v", options, m.Info().Optimized)
		}
	}
}

func predict(t *testing.T, m *model.Model) []contract.Prediction {
	t.Helper()
	got, err := newRunner(t, m).Run(nil, spectrogram(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// kept lists what the folder of optimised models holds.
func kept(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	hidden, hiddenErr := filepath.Glob(filepath.Join(folder, ".*"))
	if err != nil || hiddenErr != nil {
		t.Fatal(err, hiddenErr)
	}
	return append(files, hidden...)
}

func TestAnOptimisedModelIsKeptOnceAndForItsUser(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		load(t, modeltest.Plain(t), model.Options{OptimizedDir: folder})
	}
	files := kept(t, folder)
	if len(files) != 1 || !strings.Contains(files[0], "ort"+model.RuntimeVersion) {
		t.Fatalf("the folder holds %q; want one file of this runtime", files)
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, files[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v (%v); want %v", path, info.Mode(), err, want)
		}
	}
}

func TestAnOptimisedModelThatIsNotWholeIsMadeAnew(t *testing.T) {
	folder, data := t.TempDir(), modeltest.Plain(t)
	options := model.Options{OptimizedDir: folder}
	want := predict(t, load(t, data, options))
	path := kept(t, folder)[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load(t, mirror(t), options)
	other := otherFile(t, folder, path)
	flipped := append([]byte{}, good...)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"nothing": nil, "a stump": good[:20], "half of it": good[:len(good)/2], "a flipped bit": flipped, "another model": other,
	} {
		write(t, path, content)
		m := load(t, data, options)
		if m.Info().Optimized || !same(predict(t, m), want) {
			t.Errorf("with %s in the file: from its optimised form is %v", name, m.Info().Optimized)
		}
		if m := load(t, data, options); !m.Info().Optimized || !same(predict(t, m), want) {
			t.Errorf("%s is not replaced", name)
		}
	}
}

func otherFile(t *testing.T, folder, but string) []byte {
	t.Helper()
	for _, path := range kept(t, folder) {
		if path != but {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return content
		}
	}
	t.Fatal("the second model was not kept")
	return nil
}

func TestAFolderThatCannotBeWrittenIsNoError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	if m := load(t, modeltest.Plain(t), model.Options{OptimizedDir: filepath.Join(file, "below")}); m.Info().Optimized {
		t.Error("a model comes from a folder that cannot be")
	}
}

func TestARefusedModelLeavesNothingInTheFolder(t *testing.T) {
	folder := t.TempDir()
	_, err := modeltest.Runtime(t).Load(unknownOperator(t), model.Options{OptimizedDir: folder, Beside: true})
	wantCode(t, err, model.BadModel)
	if files := kept(t, folder); len(files) > 0 {
		t.Errorf("the folder holds %q", files)
	}
}
