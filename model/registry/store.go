package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"foxhunt/model"
)

// Store keeps models on the disk, by the SHA-256 of their bytes:
//
//	DIR/sha256/DIGEST/model.onnx    one self-contained file
//	DIR/sha256/DIGEST/REF.json      what artifact it was, and its sidecar; REF is a hash of the reference
//	DIR/tmp/                        downloads under way
//
// Several processes may share a directory: a model comes into its place whole, by a rename. Methods may be called from
// several goroutines.
type Store struct {
	dir     string
	sources Sources
}

// Stored is a model on the disk. The file stays for as long as the model is used now and then; see [NewStore].
type Stored struct {
	Artifact
	Digest  string // SHA-256 of the file at Path, in hex
	Path    string // one self-contained ONNX file
	Sidecar []byte // the contract beside the model, or nil
}

// The bounds of a store.
const (
	keepModels = 20               // the models that were used last stay
	keepAlways = 10 * time.Minute // and those that somebody may be about to load
	abandoned  = time.Hour        // a download that nobody has written to for so long has lost its process
)

// NewStore gives the store in dir, which is made if it is missing. It keeps the 20 models that were used last. The error
// is an [*Error] of code store_failed.
func NewStore(dir string, sources Sources) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, because(StoreFailed, err, "the models' directory")
	}
	s := &Store{dir, sources}
	for _, path := range []string{dir, s.temporary(), s.models()} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, because(StoreFailed, err, "the models' directory cannot be made")
		}
	}
	s.clean()
	return s, nil
}

func (s *Store) temporary() string           { return filepath.Join(s.dir, "tmp") }
func (s *Store) models() string              { return filepath.Join(s.dir, "sha256") }
func (s *Store) folder(digest string) string { return filepath.Join(s.models(), digest) }

// Resolve says what a reference means at this moment. It is cheap: poll it, and compare the Tag.
func (s *Store) Resolve(ctx context.Context, r Ref) (Artifact, error) {
	source, err := s.sources.of(r)
	if err != nil {
		return Artifact{}, err
	}
	a, err := source.Resolve(ctx, r)
	return a, typed(Away, err, "asking for %s", r)
}

// Get gives the artifact's model, which is fetched unless it is kept already; what is kept is checked by its digest
// first. Where the artifact has a Digest, stated by its source or pinned by the caller, another model is refused with
// code digest_mismatch.
func (s *Store) Get(ctx context.Context, a Artifact) (Stored, error) {
	if stored, found := s.lookup(a); found {
		return stored, nil
	}
	source, err := s.sources.of(a.Ref)
	if err != nil {
		return Stored{}, err
	}
	work, err := os.MkdirTemp(s.temporary(), "get-")
	if err != nil {
		return Stored{}, because(StoreFailed, err, "no model can be stored")
	}
	defer os.RemoveAll(work)
	fetched, entry := filepath.Join(work, "fetched"), filepath.Join(work, "entry")
	if err := errors.Join(os.Mkdir(fetched, 0o700), os.Mkdir(entry, 0o700)); err != nil {
		return Stored{}, because(StoreFailed, err, "no model can be stored")
	}
	if err := source.Fetch(ctx, a, fetched); err != nil {
		return Stored{}, typed(Away, err, "fetching %s", a.Ref)
	}
	stored, err := assemble(a, fetched, entry)
	if err != nil {
		return Stored{}, err
	}
	if err := s.keep(entry, &stored); err != nil {
		return Stored{}, typed(StoreFailed, err, "the model cannot be stored")
	}
	s.clean()
	return stored, nil
}

// Kept gives the artifact that was stored last for a reference, if its model has this digest, or whatever digest for "".
// Without its source [Store.Get] still gives its model, so that a process can begin while a server is away.
func (s *Store) Kept(r Ref, digest string) (Artifact, bool) {
	for _, kept := range s.records(digest) {
		if kept.Artifact.Ref == r {
			return kept.Artifact, true
		}
	}
	return Artifact{}, false
}

// lookup finds an artifact among what is kept, and checks its bytes; what has rotted is removed.
func (s *Store) lookup(a Artifact) (Stored, bool) {
	for _, kept := range s.records(a.Digest) {
		k := kept.Artifact
		if k.Ref.Kind != a.Ref.Kind || k.Name != a.Name || k.Version != a.Version || k.Tag != a.Tag {
			continue
		}
		path := filepath.Join(s.folder(kept.digest), modelFile)
		if digest, err := digestOf(path); err != nil || digest != kept.digest {
			s.remove(kept.digest)
			continue
		}
		now := time.Now()
		_ = os.Chtimes(path, now, now) // for clean: used now
		stored := Stored{a, kept.digest, path, kept.Sidecar}
		_ = s.record(&stored) // of what the reference has meant, this is the last: see Kept
		return stored, true
	}
	return Stored{}, false
}

func digestOf(path string) (string, error) {
	file, _, err := openRegular(os.OpenFile, path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// assemble makes one file of what was fetched, in the folder entry, and checks its digest.
func assemble(a Artifact, fetched, entry string) (Stored, error) {
	name, err := findModel(fetched)
	if err != nil {
		return Stored{}, err
	}
	path := filepath.Join(fetched, name)
	stored := Stored{Artifact: a}
	if sidecar := findSidecar(path); sidecar != "" {
		if stored.Sidecar, err = readBounded(sidecar, maxSidecarBytes); err != nil {
			return Stored{}, err
		}
	}
	stored.Digest, err = joinWeights(path, filepath.Join(entry, modelFile))
	if err != nil {
		return Stored{}, err
	}
	if a.Digest != "" && a.Digest != stored.Digest {
		return Stored{}, fail(DigestMismatch, "the model of %s has the SHA-256 %s, not %s; that of a model with weights in other "+
			"files is the one of a single file with all of them", a.Ref, stored.Digest, oneLine(a.Digest, 64))
	}
	return stored, nil
}

// joinWeights writes the model at path as one file to another, and gives its digest.
func joinWeights(path, to string) (string, error) {
	data, err := readBounded(path, model.MaxModelBytes)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return "", because(StoreFailed, err, "the fetched model cannot be read")
	}
	defer root.Close()
	joined, err := inline(data, root)
	if err != nil {
		return "", err
	}
	if joined == nil {
		joined = &rope{}
		joined.add(data)
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return "", because(StoreFailed, err, "the model cannot be stored")
	}
	hash := sha256.New()
	err = errors.Join(joined.writeTo(io.MultiWriter(file, hash), root), file.Sync(), file.Close())
	return hex.EncodeToString(hash.Sum(nil)), typed(StoreFailed, err, "the model cannot be stored")
}
