// Package rollouttest holds whatever keeps a plan to what rollout.Entry promises.
package rollouttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"foxhunt/rollout"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 20 * time.Second

// Entry runs the suite. open returns another way to one and the same entry, which has nothing in it at first, each time it is
// called, as so many processes have.
func Entry(t *testing.T, open func(t *testing.T) rollout.Entry) {
	t.Run("values and revisions", func(t *testing.T) { values(t, open(t), open(t)) })
	t.Run("no update is lost", func(t *testing.T) { updates(t, open) })
	t.Run("watching", func(t *testing.T) { watching(t, open(t), open(t)) })
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func values(t *testing.T, one, other rollout.Entry) {
	value, revision, err := one.Get(within(t))
	if value != nil || revision != 0 || err != nil {
		t.Fatalf("an empty entry holds %q at %d, %v", value, revision, err)
	}
	first, err := one.Put(within(t), []byte("first"), 0)
	if err != nil || first == 0 {
		t.Fatalf("the first value: revision %d, %v", first, err)
	}
	for _, revision := range []uint64{0, first + 1} {
		if _, err := other.Put(within(t), []byte("x"), revision); !errors.Is(err, rollout.ErrConflict) {
			t.Errorf("a value at revision %d instead of %d: %v; want a conflict", revision, first, err)
		}
	}
	if value, revision, err := other.Get(within(t)); string(value) != "first" || revision != first || err != nil {
		t.Errorf("it holds %q at %d, %v; want the first value at %d", value, revision, err, first)
	}
	second, err := other.Put(within(t), []byte("second"), first)
	if err != nil || second == first {
		t.Fatalf("the second value: revision %d, %v", second, err)
	}
	if _, err := one.Put(within(t), []byte("x"), first); !errors.Is(err, rollout.ErrConflict) {
		t.Errorf("a value at an old revision: %v; want a conflict", err)
	}
	if value, revision, err := one.Get(within(t)); string(value) != "second" || revision != second || err != nil {
		t.Errorf("it holds %q at %d, %v; want the second value at %d", value, revision, err, second)
	}
}

// updates has several processes change the plan at once: each change must be made on top of another, none in its place.
func updates(t *testing.T, open func(*testing.T) rollout.Entry) {
	value, revision, err := open(t).Get(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if value != nil { // what the suite wrote before is no plan
		plan := rollout.Plan{}
		if err := plan.Promote(rollout.Arm{Model: "grid"}, change("start")); err != nil {
			t.Fatal(err)
		}
		encoded, _ := plan.Encode()
		if _, err := open(t).Put(within(t), encoded, revision); err != nil {
			t.Fatal(err)
		}
	}
	const operators, changes = 4, 4
	var working sync.WaitGroup
	for who := range operators {
		store := rollout.NewStore(open(t))
		working.Go(func() {
			for i := range changes {
				by := change(fmt.Sprint(who))
				_, err := store.Update(within(t), func(p *rollout.Plan) error {
					return p.Promote(rollout.Arm{Model: fmt.Sprintf("nats:m%d-%d@1", who, i)}, by)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	plan, found, err := rollout.NewStore(open(t)).Plan(within(t))
	if err != nil || !found {
		t.Fatalf("the plan: %v, %v", found, err)
	}
	seen := map[string]bool{plan.Champion.Model: true}
	for _, arm := range plan.Previous {
		seen[arm.Model] = true
	}
	if want := operators*changes + 1; len(seen) != want || len(plan.Previous) != want-1 {
		t.Errorf("%d models were champion, %d of them before; want %d and %d", len(seen), len(plan.Previous), want, want-1)
	}
}

func change(by string) rollout.Change { return rollout.NewChange(time.Now(), by, "") }

// watching has one process hear what another writes, the last of it above all.
func watching(t *testing.T, writer, reader rollout.Entry) {
	current, revision, err := writer.Get(within(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan []byte, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- reader.Watch(ctx, func(value []byte) { heard <- bytes.Clone(value) })
	}()
	await(t, heard, string(current))
	for i := range 5 {
		value := fmt.Sprint("value ", i)
		if revision, err = writer.Put(within(t), []byte(value), revision); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			await(t, heard, value)
		}
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Watch ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("Watch did not end with its context")
	}
}

// await waits for a value; others may come before it.
func await(t *testing.T, heard <-chan []byte, want string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case value := <-heard:
			if string(value) == want {
				return
			}
		case <-deadline:
			t.Fatalf("%.40q was not heard", want)
		}
	}
}
