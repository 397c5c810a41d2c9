package rollout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fileEntry is a plan in a file, for a single machine. Its revision is a hash of what it holds, so that people may write it
// with an editor, too.
type fileEntry struct{ path string }

// FileEntry returns the entry in a file. Who writes it locks path + ".lock", and readers see one version or another, whole.
func FileEntry(path string) Entry { return &fileEntry{path} }

func (f *fileEntry) Get(context.Context) (value []byte, revision uint64, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, f.unreadable(err)
	}
	defer file.Close()
	value, err = io.ReadAll(io.LimitReader(file, MostBytes+1))
	if err != nil {
		return nil, 0, f.unreadable(err)
	}
	sum := sha256.Sum256(value)
	return value, max(1, binary.BigEndian.Uint64(sum[:])), nil
}

func (f *fileEntry) Put(ctx context.Context, value []byte, revision uint64) (uint64, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	_, now, err := f.Get(ctx)
	if err != nil {
		return 0, err
	}
	if now != revision {
		return 0, ErrConflict
	}
	if err := f.replace(value); err != nil {
		return 0, f.unreadable(err)
	}
	_, now, err = f.Get(ctx)
	return now, err
}

// replace writes beside the file and renames, so that a power cut leaves the old plan or the new one.
func (f *fileEntry) replace(value []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails where it was renamed
	_, err = temporary.Write(value)
	if err := errors.Join(err, temporary.Chmod(0o644), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), f.path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lock waits for the lock, which the system frees if its holder dies.
func (f *fileEntry) lock(ctx context.Context) (unlock func(), err error) {
	file, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, f.unreadable(err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil // which unlocks it
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, f.unreadable(err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// pollTime is how often Watch looks at the file.
const pollTime = time.Second

func (f *fileEntry) Watch(ctx context.Context, handle func(value []byte)) error {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	var last []byte
	for first := true; ; first = false {
		value, _, err := f.Get(ctx) // a file that cannot be read just now is looked at again
		if err == nil && (first || !bytes.Equal(value, last) || (value == nil) != (last == nil)) {
			handle(value)
			last = value
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (f *fileEntry) unreadable(err error) error {
	return &Error{CodeUnreadable, "the plan's file: " + err.Error(), err}
}
