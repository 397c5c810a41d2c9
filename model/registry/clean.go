package registry

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// clean removes downloads that lost their process, and models beyond those that were used last. What cannot be removed
// now is tried again at the next call.
func (s *Store) clean() {
	s.cleanTemporary()
	type use struct {
		digest string
		last   time.Time
	}
	entries, _ := os.ReadDir(s.models())
	var uses []use
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(s.models(), entry.Name(), modelFile))
		if err == nil && isDigest(entry.Name()) {
			uses = append(uses, use{entry.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(uses, func(a, b use) int { return b.last.Compare(a.last) })
	for i, u := range uses {
		if i >= keepModels && time.Since(u.last) > keepAlways {
			s.remove(u.digest)
		}
	}
}

func (s *Store) cleanTemporary() {
	entries, _ := os.ReadDir(s.temporary())
	for _, entry := range entries {
		path := filepath.Join(s.temporary(), entry.Name())
		if time.Since(lastChange(path)) > abandoned {
			_ = os.RemoveAll(path)
		}
	}
}

// lastChange is when anything under path was last written to; now, if it cannot be told.
func lastChange(path string) time.Time {
	var last time.Time
	err := filepath.WalkDir(path, func(_ string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return err
	})
	if err != nil {
		return time.Now() // somebody is at work on it
	}
	return last
}

// remove takes a model out of the store: out of the way first, so that nobody sees half of it.
func (s *Store) remove(digest string) {
	grave, err := os.MkdirTemp(s.temporary(), "removed-")
	if err != nil {
		return
	}
	_ = os.Rename(s.folder(digest), filepath.Join(grave, digest))
	_ = os.RemoveAll(grave)
}
