package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// record is what is kept beside a model: what it was when it was stored.
type record struct {
	Artifact Artifact `json:"artifact"`
	Sidecar  []byte   `json:"sidecar,omitempty"`

	digest  string
	written time.Time
}

// maxRecordBytes bounds a record's file: a sidecar in base64, and the artifact.
const maxRecordBytes = 2*maxSidecarBytes + 64<<10

// records reads the records of one model, or of all for "", the last written first. A record that cannot be read is
// passed over: the model is fetched again.
func (s *Store) records(digest string) (found []record) {
	if digest == "" {
		digest = "*"
	} else if !isDigest(digest) {
		return nil
	}
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(s.models()), digest, "*.json"))
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		data, err := readBounded(path, maxRecordBytes)
		r := record{digest: filepath.Base(filepath.Dir(path)), written: info.ModTime()}
		if err != nil || json.Unmarshal(data, &r) != nil || !isDigest(r.digest) {
			continue
		}
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b record) int { return b.written.Compare(a.written) })
	return found
}

func escapeGlob(path string) string {
	var escaped []byte
	for i := range len(path) {
		if c := path[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, path[i])
	}
	return string(escaped)
}

// isDigest says whether a text is a SHA-256 in hex, as it is written here.
func isDigest(text string) bool {
	if len(text) != 2*sha256.Size {
		return false
	}
	return !slices.ContainsFunc([]byte(text), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// record writes the artifact's record beside its model, whole.
func (s *Store) record(stored *Stored) error {
	data, err := json.Marshal(record{Artifact: stored.Artifact, Sidecar: stored.Sidecar})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(s.temporary(), "record-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // does nothing once it is renamed
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(stored.Artifact.Ref.String()))
	name := hex.EncodeToString(hash[:8]) + ".json"
	folder := s.folder(stored.Digest)
	if err := os.Rename(file.Name(), filepath.Join(folder, name)); err != nil {
		return err
	}
	return syncFolder(folder)
}

// keep moves a model's folder into its place, where another process may have put the same model first.
func (s *Store) keep(entry string, stored *Stored) error {
	folder := s.folder(stored.Digest)
	stored.Path = filepath.Join(folder, modelFile)
	if err := syncFolder(entry); err != nil {
		return err
	}
	if err := os.Rename(entry, folder); err != nil {
		if digest, bad := digestOf(stored.Path); bad != nil || digest != stored.Digest {
			s.remove(stored.Digest)
			if err := os.Rename(entry, folder); err != nil {
				return err
			}
		}
	}
	now := time.Now()
	_ = os.Chtimes(stored.Path, now, now) // for clean: used now
	return errors.Join(syncFolder(s.models()), s.record(stored))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
