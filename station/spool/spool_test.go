package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/station/spool"
)

func TestPutAndSend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	told := make(chan spool.Item, 1)
	o := options(dir)
	o.Sent = func(item spool.Item, took time.Duration) { told <- item }
	s := open(t, o)
	c := capture(100)
	want := put(t, s, c)
	if want.Sequence != 1 || want.ID != c.ID || want.Subject != "captures.net.st-1" {
		t.Errorf("put as %+v; want number 1, its id and captures.net.st-1", want)
	}
	var decoded messages.Capture
	if err := decoded.Decode(want.Data); err != nil || !reflect.DeepEqual(&decoded, c) {
		t.Errorf("the item's capture is %+v, %v; want %+v", decoded, err, c)
	}
	if n := len(files(t, dir, "*.capture")); n != 1 {
		t.Errorf("%d captures on the disk after Put, want 1", n)
	}
	to := &stream{}
	run(t, s, to.send)
	if got := <-told; !reflect.DeepEqual(got, want) {
		t.Errorf("sent %+v, want %+v", got, want)
	}
	drain(t, s)
	if n := len(files(t, dir, "*.capture")); n != 0 {
		t.Errorf("%d captures on the disk after the PubAck, want 0", n)
	}
	st := s.Stats()
	if st.Put != 1 || st.Sent != 1 || st.Bytes != 0 || st.Sequence != 1 || !st.Oldest.IsZero() || st.P95 < st.P50 {
		t.Errorf("statistics %+v; want one put, one sent, nothing there", st)
	}
}

func TestPutGivesAnID(t *testing.T) {
	t.Parallel()
	c := capture(1)
	c.ID = ""
	if item := put(t, open(t, options(t.TempDir())), c); item.ID == "" || item.ID != c.ID {
		t.Errorf("id %q, the capture's %q; want a new one in both", item.ID, c.ID)
	}
}

func TestInvalidCapturesTakeNoNumber(t *testing.T) {
	t.Parallel()
	s := open(t, options(t.TempDir()))
	bad := capture(10)
	bad.Receivers[0].SampleRate = 0
	var refusal *messages.Refusal
	if _, err := s.Put(bad); !errors.As(err, &refusal) || refusal.Code != messages.CodeBadRate {
		t.Errorf("an invalid capture: %v, want %s", err, messages.CodeBadRate)
	}
	if item := put(t, s, capture(10)); item.Sequence != 1 {
		t.Errorf("the next is number %d, want 1", item.Sequence)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for order, want := range map[spool.Order][]uint64{"": {1, 2, 3, 4}, spool.OldestFirst: {1, 2, 3, 4}, spool.NewestFirst: {4, 3, 2, 1}} {
		o := options(t.TempDir())
		o.Order, o.InFlight = order, 1
		s := open(t, o)
		for range 4 {
			put(t, s, capture(10))
		}
		to := &stream{}
		run(t, s, to.send)
		drain(t, s)
		if got := to.sequences(); !slices.Equal(got, want) {
			t.Errorf("order %q: sent %v, want %v", order, got, want)
		}
	}
}

// A new process goes on with what is there, and with the numbers, also where nothing waits any more.
func TestNumbersGoOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var want []spool.Item
	for n := range uint64(6) {
		s := open(t, options(dir))
		item := put(t, s, capture(10))
		if item.Sequence != n+1 {
			t.Fatalf("process %d gives number %d, want %d", n, item.Sequence, n+1)
		}
		want = append(want, item)
		if n%2 == 1 { // both of its kind are sent: nothing is left that waits
			to := &stream{}
			stop := run(t, s, to.send)
			drain(t, s)
			stop()
			slices.SortFunc(to.got, func(a, b spool.Item) int { return int(a.Sequence) - int(b.Sequence) })
			if !reflect.DeepEqual(to.got, want[n-1:]) {
				t.Fatalf("process %d sends other captures than were put", n)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := files(t, dir, "*.last"); len(got) != 1 || filepath.Base(got[0]) != "0000000000000006.last" {
		t.Errorf("of the numbers tell %v, want the last alone", got)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	s := open(t, o)
	if _, err := spool.Open(o); code(err) != spool.CodeLocked {
		t.Errorf("the second gets %v, want %s", err, spool.CodeLocked)
	}
	other := o
	other.Station = "st-2"
	open(t, other) // has a folder of its own
	s.Close()
	s.Close()
	if _, err := s.Put(capture(1)); code(err) != spool.CodeClosed {
		t.Errorf("Put after Close: %v, want %s", err, spool.CodeClosed)
	}
	open(t, o)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*spool.Options){
		"no folder": func(o *spool.Options) { o.Dir = "" },
		"order":     func(o *spool.Options) { o.Order = "random" },
		"bytes":     func(o *spool.Options) { o.MaxBytes = 1000 },
		"age":       func(o *spool.Options) { o.MaxAge = time.Millisecond },
		"in flight": func(o *spool.Options) { o.InFlight = -1 },
	} {
		o := options(t.TempDir())
		change(&o)
		if _, err := spool.Open(o); code(err) != spool.CodeBadOption {
			t.Errorf("%s: %v, want %s", name, err, spool.CodeBadOption)
		}
	}
	o := options(t.TempDir())
	o.Station = "a/b"
	if _, err := spool.Open(o); err == nil {
		t.Error("a station with a slash is taken")
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	if _, err := spool.Open(options(file)); code(err) != spool.CodeFolder || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a folder: %v, want %s with its name", err, spool.CodeFolder)
	}
}

func TestLimitByAge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, options(dir))
	item := put(t, s, capture(10))
	put(t, s, capture(10))
	s.Close()
	age(t, dir, item, 25*time.Hour)
	s = open(t, options(dir))
	if st := s.Stats(); st.Waiting != 1 || st.TooOld != 1 {
		t.Errorf("statistics %+v; want one that waits and one too old", st)
	}
	if got := files(t, dir, "*.capture"); len(got) != 1 {
		t.Errorf("on the disk there are %v, want the younger", got)
	}
}

// age makes an item in the folder older than it is.
func age(t *testing.T, dir string, item spool.Item, by time.Duration) {
	t.Helper()
	path := files(t, dir, "*.capture")[item.Sequence-1]
	item.Time = item.Time.Add(-by)
	file, err := spool.EncodeFile(item)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	name := fmt.Sprintf("%016d-%d.capture", item.Sequence, item.Time.UnixMilli())
	writeFile(t, filepath.Join(filepath.Dir(path), name), file)
}

// What is in flight is not dropped, however little room there is; of the rest the oldest go.
func TestLimitByBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(dir)
	o.MaxBytes = 9 << 20 // two captures of 4 MiB
	o.InFlight = 1
	s := open(t, o)
	first := put(t, s, capture(2<<20))
	sending, let := make(chan uint64), make(chan struct{})
	to := &stream{}
	run(t, s, func(ctx context.Context, item spool.Item) error {
		sending <- item.Sequence
		<-let
		return to.send(ctx, item)
	})
	if n := <-sending; n != first.Sequence {
		t.Fatalf("number %d is sent first, want %d", n, first.Sequence)
	}
	for range 4 {
		put(t, s, capture(2<<20))
	}
	if st := s.Stats(); st.Waiting != 1 || st.InFlight != 1 || st.NoRoom != 3 || st.Bytes > o.MaxBytes || !st.Oldest.Equal(first.Time) {
		t.Errorf("statistics %+v; want 1 waiting, 1 in flight, 3 dropped, at most %d bytes", st, o.MaxBytes)
	}
	close(let)
	if n := <-sending; n != 5 {
		t.Errorf("then number %d is sent, want 5", n)
	}
	drain(t, s)
	if got := to.sequences(); !slices.Equal(got, []uint64{1, 5}) {
		t.Errorf("sent %v, want 1 and 5", got)
	}
}
