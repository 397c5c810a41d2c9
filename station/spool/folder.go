package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const asideDir = "aside"

// folder is the files of one station's spool.
type folder struct {
	path string
	lock *os.File
}

// found is what is in a folder when it is opened.
type found struct {
	waiting, aside []entry // by sequence
	last           uint64  // the highest number that a file tells of
	lasts          []uint64
	strange        int // files that are none of a spool's; they are left alone
}

// openFolder makes the folder, if need be, and takes it for this process alone until close or the process's end, however that
// comes. The lock is flock(2): on a network file system it may not hold against another machine.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(filepath.Join(path, asideDir), 0o750); err != nil {
		return nil, fail(CodeFolder, err, "the spool's folder cannot be made: %v", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fail(CodeFolder, err, "the spool's folder cannot be written: %v", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fail(CodeLocked, err, "another process uses %s (%v); stop it, or name another folder", path, err)
	}
	return &folder{path, lock}, nil
}

// close unlocks the folder, also where a process that was just started has inherited the file for a moment.
func (f *folder) close() error {
	return errors.Join(syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN), f.lock.Close())
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// read lists the folder, and removes what was not finished when the process before this one ended.
func (f *folder) read() (found, error) {
	var there found
	err := f.each("", func(name string, size int64) {
		e, isCapture := parseName(name)
		last, isLast := parseLast(name)
		switch {
		case isCapture:
			e.size = size
			there.waiting = append(there.waiting, e)
			there.last = max(there.last, e.sequence)
		case isLast:
			there.lasts = append(there.lasts, last)
			there.last = max(there.last, last)
		case strings.HasSuffix(name, captureEnd+temporaryEnd):
			os.Remove(f.join(name)) // a Put that did not return
		case name != "lock":
			there.strange++
		}
	})
	if err != nil {
		return there, err
	}
	err = f.each(asideDir, func(name string, size int64) {
		if e, ok := parseName(name); ok {
			e.size = size
			there.aside = append(there.aside, e)
			there.last = max(there.last, e.sequence)
		}
	})
	slices.SortFunc(there.waiting, bySequence)
	slices.SortFunc(there.aside, bySequence)
	return there, err
}

// each calls fn for every regular file of a folder in the spool.
func (f *folder) each(sub string, fn func(name string, size int64)) error {
	files, err := os.ReadDir(f.join(sub))
	if err != nil {
		return fail(CodeFolder, err, "the spool's folder cannot be read: %v", err)
	}
	for _, file := range files {
		if !file.Type().IsRegular() {
			continue
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fail(CodeFolder, err, "the spool's folder cannot be read: %v", err)
		}
		fn(file.Name(), info.Size())
	}
	return nil
}

// write puts a file in the folder that is whole and safe when write returns nil, and not there if not.
func (f *folder) write(name string, data []byte) error {
	temporary := f.join(name + temporaryEnd)
	if err := writeSynced(temporary, data); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := os.Rename(temporary, f.join(name)); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := f.sync(); err != nil {
		os.Remove(f.join(name))
		return err
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// sync makes the folder's names safe.
func (f *folder) sync() error {
	dir, err := os.Open(f.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// load reads a capture's file, which is refused as damaged where it is not what its name says or not for subject.
func (f *folder) load(e entry, subject string) (Item, error) {
	if err := e.tooLarge(); err != nil {
		return Item{}, err
	}
	file, err := os.ReadFile(f.join(e.name()))
	if err != nil {
		return Item{}, err
	}
	item, err := decodeItem(file)
	switch {
	case err != nil:
		return Item{}, err
	case item.Sequence != e.sequence || item.Time.UnixMilli() != e.put:
		return Item{}, fail(CodeDamaged, nil, "the file is capture %d of %d ms, and not what its name says", item.Sequence, item.Time.UnixMilli())
	case item.Subject != subject:
		return Item{}, fail(CodeDamaged, nil, "the capture is for %s; this spool is for %s", item.Subject, subject)
	}
	return item, nil
}

// setAside moves a capture's file out of the way, with the reason beside it.
func (f *folder) setAside(e entry, reason string) error {
	err := os.Rename(f.join(e.name()), f.join(asideDir+"/"+e.name()))
	return errors.Join(err, os.WriteFile(f.join(asideDir+"/"+e.name()+reasonEnd), []byte(reason+"\n"), 0o640))
}
