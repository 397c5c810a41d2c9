package model

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOldOptimisedModelsMakeRoom(t *testing.T) {
	folder := t.TempDir()
	touch := func(name string, age time.Duration) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var models []string
	for i := range maxOptimized + 3 {
		models = append(models, touch(fmt.Sprintf("%d%s", i, optimizedSuffix), time.Duration(i)*time.Minute))
	}
	others := touch("letter.txt", 24*time.Hour)
	now, left := touch(".draft-1.onnx", 0), touch(".draft-2.onnx", 2*time.Hour)
	place := newOptimized(folder, "digest", "1.0")
	if err := place.prune(); err != nil {
		t.Fatal(err)
	}
	for i, path := range append(models, others, now, left) {
		want := i < maxOptimized || path == others || path == now
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v; want %v", filepath.Base(path), err == nil, want)
		}
	}
}

func TestOptimisedFilesOfOtherMakesHaveOtherNames(t *testing.T) {
	if a, b := newOptimized("f", "d", "1.24.1"), newOptimized("f", "d", "1.25.0"); a.path() == b.path() {
		t.Errorf("two releases of the library share %s", a.path())
	}
	a, b := newOptimized("f", "d", "1"), newOptimized("f", "e", "1")
	if string(a.sum(nil)) == string(b.sum(nil)) {
		t.Error("two models' files begin alike, so that one could be taken for the other")
	}
}
