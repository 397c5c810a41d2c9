package spool_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"foxhunt/messages"
	"foxhunt/station/spool"
)

const leastBytes = messages.MaxCaptureBytes + 600 // more than any file of a spool has

// A file too large for a capture takes nobody's place, even where it is larger than the whole spool may be.
func TestHugeFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, options(dir))
	put(t, s, capture(10))
	put(t, s, capture(10))
	s.Close()
	if err := os.Truncate(files(t, dir, "*.capture")[1], 2<<30); err != nil { // sparse: it takes no room
		t.Fatal(err)
	}
	s = open(t, options(dir))
	if st := s.Stats(); st.Damaged != 1 || st.Waiting != 1 || st.NoRoom != 0 || st.Bytes > 1<<20 {
		t.Errorf("statistics %+v; want one that waits, the huge one gone", st)
	}
	if item := put(t, s, capture(1)); item.Sequence != 3 {
		t.Errorf("then number %d is given, want 3", item.Sequence)
	}
}

// Files that are not what was written are set aside with a reason and never sent; all others are.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string, file []byte){
		"cut short":   func(path string, file []byte) { writeFile(t, path, file[:len(file)/2]) },
		"empty":       func(path string, file []byte) { writeFile(t, path, nil) },
		"zeros":       func(path string, file []byte) { writeFile(t, path, make([]byte, len(file))) },
		"a bit":       func(path string, file []byte) { file[len(file)/2] ^= 1; writeFile(t, path, file) },
		"its number":  func(path string, file []byte) { file[30] ^= 1; writeFile(t, path, file) },
		"grown":       func(path string, file []byte) { writeFile(t, path, append(file, 0)) },
		"much grown":  func(path string, file []byte) { os.Truncate(path, leastBytes+1) },
		"another one": func(path string, file []byte) { writeFile(t, path, []byte("#!/bin/sh\n")) },
		"a name that lies": func(path string, file []byte) {
			os.Rename(path, strings.Replace(path, "0000000000000002", "0000000000000003", 1))
		},
	} {
		dir := t.TempDir()
		s := open(t, options(dir))
		want := put(t, s, capture(1000))
		put(t, s, capture(1000))
		s.Close()
		path := files(t, dir, "*.capture")[1]
		damage(path, readFile(t, path))
		s = open(t, options(dir))
		to := &stream{}
		stop := run(t, s, to.send)
		drain(t, s)
		stop()
		if len(to.got) != 1 || !reflect.DeepEqual(to.got[0], want) {
			t.Errorf("%s: sent %v, want capture 1 alone, as it was put", name, to.sequences())
		}
		if st := s.Stats(); st.Damaged != 1 || st.NoRoom != 0 {
			t.Errorf("%s: statistics %+v, want one set aside", name, st)
		}
		if reasons := files(t, dir, "aside/*.txt"); len(reasons) != 1 || !strings.HasPrefix(string(readFile(t, reasons[0])), spool.CodeDamaged) {
			t.Errorf("%s: reasons %v, want one", name, reasons)
		}
		s.Close()
		if item := put(t, open(t, options(dir)), capture(1)); item.Sequence < 3 {
			t.Errorf("%s: then number %d is given, want one that was not", name, item.Sequence)
		}
	}
}

// What a Put left unfinished goes; what is none of the spool's stays, and nothing of it is sent.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, options(dir)).Close()
	own := filepath.Join(dir, network+"."+station)
	foreign := []string{"notes.txt", "1-1.capture", "0000000000000000-1.capture", "0000000000000001-01.capture",
		"9999999999999999-1.capture", "0000000000000001--1.capture", "9999999999999999.last", "x.last"}
	for _, name := range foreign {
		writeFile(t, filepath.Join(own, name), []byte("x"))
	}
	for _, name := range []string{"0000000000000009-1.capture", "0000000000000010.last"} {
		if err := os.Mkdir(filepath.Join(own, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(own, "0000000000000011-1.capture")); err != nil {
		t.Fatal(err)
	}
	unfinished := filepath.Join(own, "0000000000000007-1597301540520.capture.tmp")
	writeFile(t, unfinished, []byte("half"))
	s := open(t, options(dir))
	if item := put(t, s, capture(1)); item.Sequence != 1 {
		t.Errorf("the first is number %d, want 1", item.Sequence)
	}
	to := &stream{}
	run(t, s, to.send)
	drain(t, s)
	if got := to.sequences(); len(got) != 1 {
		t.Errorf("sent %v, want what was put alone", got)
	}
	for _, name := range foreign {
		if _, err := os.Stat(filepath.Join(own, name)); err != nil {
			t.Errorf("a foreign file is gone: %v", err)
		}
	}
	if _, err := os.Stat(unfinished); err == nil {
		t.Error("what a Put left unfinished is still there")
	}
}

// A file that somebody removed is not sent, and nothing else suffers.
func TestFileThatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, options(dir))
	put(t, s, capture(1))
	put(t, s, capture(1))
	os.Remove(files(t, dir, "*.capture")[0])
	to := &stream{}
	run(t, s, to.send)
	drain(t, s)
	if st := s.Stats(); st.Sent != 1 || st.Damaged != 1 || st.Bytes != 0 {
		t.Errorf("statistics %+v; want one sent, one gone", st)
	}
}

// What was set aside goes before anything that can still be sent, and its number is not used again.
func TestAsideIsDroppedFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(dir)
	o.MaxBytes = 9 << 20
	s := open(t, o)
	never := &stream{answer: func(spool.Item) error { return spool.Never(errOutage) }}
	put(t, s, capture(2<<20))
	put(t, s, capture(2<<20))
	stop := run(t, s, never.send)
	drain(t, s)
	stop()
	s.Close()
	s = open(t, o)
	if st := s.Stats(); st.Aside != 2 || st.Sequence != 2 {
		t.Fatalf("statistics %+v; want two set aside", st)
	}
	put(t, s, capture(2<<20))
	put(t, s, capture(2<<20))
	if st := s.Stats(); st.Aside != 0 || st.Waiting != 2 || st.NoRoom != 0 || st.Sequence != 4 {
		t.Errorf("statistics %+v; want what was aside gone, and two that wait", st)
	}
	if left := files(t, dir, "aside/*"); len(left) != 0 {
		t.Errorf("left aside: %v", left)
	}
}
