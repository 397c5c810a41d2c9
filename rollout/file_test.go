package rollout_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/rollout"
	"foxhunt/rollout/rollouttest"
)

func TestFileEntry(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plan.json")
	rollouttest.Entry(t, func(*testing.T) rollout.Entry { return rollout.FileEntry(path) })
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 { // the plan and its lock
		t.Errorf("what is left is %q, %v", files, err)
	}
}

// People write the file with an editor, too: what is no plan changes nothing, and is said.
func TestFileByHand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plan.json")
	plan := promoted(t, "grid")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write(string(good))
	store := rollout.NewStore(rollout.FileEntry(path))
	plans, refusals := make(chan rollout.Plan, 10), make(chan error, 10)
	store.Refused = func(err error) { refusals <- err }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Watch(ctx, func(p rollout.Plan) { plans <- p }) }()
	if got := receive(t, plans); got.Champion.Model != "grid" {
		t.Errorf("the plan is %+v", got)
	}
	write("champion: grid")
	if err := receive(t, refusals); code(err) != rollout.CodeBadPlan {
		t.Errorf("what is no plan: %v", err)
	}
	if _, _, err := store.Plan(t.Context()); code(err) != rollout.CodeBadPlan {
		t.Errorf("reading what is no plan: %v", err)
	}
	if _, err := store.Update(t.Context(), func(*rollout.Plan) error { return nil }); code(err) != rollout.CodeBadPlan {
		t.Errorf("changing what is no plan: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, found, err := store.Plan(t.Context()); found || err != nil {
		t.Errorf("a plan without a file: %v, %v", found, err)
	}
	write(strings.Replace(string(good), "grid", "nats:next@1", 1))
	if got := receive(t, plans); got.Champion.Model != "nats:next@1" {
		t.Errorf("the plan is %+v", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFileThatCannotBe(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, path := range map[string]string{"a folder": folder, "no folder": filepath.Join(folder, "none", "plan.json")} {
		store := rollout.NewStore(rollout.FileEntry(path))
		_, err := store.Update(t.Context(), func(p *rollout.Plan) error { return p.Promote(rollout.Arm{Model: "grid"}, by("x")) })
		if code(err) != rollout.CodeUnreadable {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := filepath.Join(folder, "big")
	if err := os.WriteFile(big, make([]byte, rollout.MostBytes*2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rollout.NewStore(rollout.FileEntry(big)).Plan(t.Context()); code(err) != rollout.CodeTooLarge {
		t.Errorf("a large file: %v", err)
	}
}

// Somebody who holds the lock is waited for, as long as the caller waits.
func TestFileLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plan.json")
	unlock, err := rollout.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := rollout.FileEntry(path).Put(ctx, []byte("x"), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the lock taken: %v", err)
	}
	unlock()
	if _, err := rollout.FileEntry(path).Put(t.Context(), []byte("x"), 0); err != nil {
		t.Errorf("with the lock free: %v", err)
	}
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 s")
	}
	return value
}
