package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Files is the source of models that lie in the file system: a file, or a directory as [Source.Fetch] describes it.
// Links are followed, so that a model may be replaced by moving a link, as Kubernetes does with its volumes. A model that
// changes is taken once it has stood still; until then the error is unsettled.
type Files struct {
	still time.Duration // how long a model must have stood still; 0 for a second
}

// Resolve looks at the model's files, without reading the model.
func (f Files) Resolve(_ context.Context, r Ref) (Artifact, error) {
	s, err := look(r.Name)
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{Ref: r, Created: s.changed, Tag: s.tag}, nil
}

// Fetch copies the model, the files its weights are in, and the contract beside it.
func (f Files) Fetch(ctx context.Context, a Artifact, dir string) error {
	still := f.still
	if still == 0 {
		still = time.Second
	}
	return fetchFiles(ctx, a.Ref.Name, a.Tag, still, dir)
}

// fetchFiles copies a model as it was when look gave this tag, or as it is now where that is "".
func fetchFiles(ctx context.Context, path, tag string, still time.Duration, dir string) error {
	before, err := look(path)
	if err != nil {
		return err
	}
	if tag != "" && before.tag != tag {
		return unsettled(path)
	}
	if time.Since(before.changed) < still {
		if err := pause(ctx, still); err != nil {
			return err
		}
	}
	copied := before.copyTo(ctx, dir)
	after, err := look(path)
	if err != nil {
		return err
	}
	if after.tag != before.tag { // which may be why the copy failed
		return unsettled(path)
	}
	return copied
}

func unsettled(path string) error {
	return fail(Unsettled, "%q is changing at this moment", oneLine(path, maxReason))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return because(Away, context.Cause(ctx), "waiting for a model")
	case <-timer.C:
		return nil
	}
}

// sight is what a look at a model's files shows.
type sight struct {
	model, sidecar string    // paths; sidecar may be ""
	changed        time.Time // when the last of them did
	tag            string
}

// look finds a model's files and sums up what the file system says of each: name, size, time and inode. Weights in other
// files are looked at where they are called as exporters call them, PATH.data.
func look(path string) (sight, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return sight{}, fail(NoModel, "there is no %q", oneLine(path, maxReason))
	}
	if err != nil {
		return sight{}, because(Unreadable, err, "the model cannot be looked at")
	}
	s := sight{model: path}
	looked := []string{}
	if info.IsDir() {
		name, err := findModel(path)
		if err != nil {
			return sight{}, err
		}
		s.model = filepath.Join(path, name)
		looked = append(looked, filepath.Join(path, mlmodelFile))
	}
	s.sidecar = findSidecar(s.model)
	hash := sha256.New()
	for _, file := range append(looked, s.model, s.sidecar, s.model+".data") {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		fmt.Fprintf(hash, "%q %d %d %d\n", file, info.Size(), info.ModTime().UnixNano(), inode(info))
		if info.ModTime().After(s.changed) {
			s.changed = info.ModTime()
		}
	}
	s.tag = hex.EncodeToString(hash.Sum(nil)[:16])
	return s, nil
}

func inode(info os.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino)
	}
	return 0
}

// copyTo copies the files into dir, under the names that [findModel] and [findSidecar] look for.
func (s sight) copyTo(ctx context.Context, dir string) error {
	data, err := readBounded(s.model, maxFetchBytes)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return unsettled(s.model)
	}
	if err := os.WriteFile(filepath.Join(dir, modelFile), data, 0o600); err != nil {
		return because(StoreFailed, err, "the model cannot be copied")
	}
	if s.sidecar != "" {
		sidecar, err := readBounded(s.sidecar, maxSidecarBytes)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, sidecarFile), sidecar, 0o600); err != nil {
			return because(StoreFailed, err, "the contract cannot be copied")
		}
	}
	files, err := locations(data)
	if err != nil {
		return err
	}
	return copyWeights(ctx, s.model, files, dir)
}

// copyWeights copies the files that a model's weights are in. They lie in the model's folder, or, where the model is
// reached through a link, in that of the file itself; links that lead elsewhere are not followed.
func copyWeights(ctx context.Context, path string, files []string, dir string) error {
	if len(files) == 0 {
		return nil
	}
	folders := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		folders = append(folders, filepath.Dir(real))
	}
	left := int64(maxFetchBytes)
	for _, name := range files {
		if err := ctx.Err(); err != nil {
			return because(Away, err, "copying a model")
		}
		if name == modelFile || name == sidecarFile || name == mlmodelFile {
			return fail(BadExternalData, "the model's weights are in %q, which is another of its files", name)
		}
		n, err := copyFirst(folders, name, dir, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// copyFirst copies a file from the first of the folders that has it.
func copyFirst(folders []string, name, dir string, limit int64) (int64, error) {
	var first *Error
	for _, folder := range folders {
		n, err := copyWithin(folder, name, dir, limit)
		if err == nil {
			return n, nil
		}
		if err.Code == TooLarge || err.Code == StoreFailed {
			return 0, err
		}
		if first == nil {
			first = err
		}
	}
	return 0, because(BadExternalData, first, "the model's weights are in %q, which cannot be taken", oneLine(name, 120))
}

func copyWithin(folder, name, dir string, limit int64) (int64, *Error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return 0, because(Unreadable, err, "the model's folder cannot be opened")
	}
	defer root.Close()
	from, size, err := openRegular(root.OpenFile, name)
	if err != nil {
		return 0, because(Unreadable, err, "no such file")
	}
	defer from.Close()
	if size > limit {
		return 0, fail(TooLarge, "with its weights the model is larger than %d MiB", maxFetchBytes>>20)
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, because(StoreFailed, err, "the model's weights cannot be copied")
	}
	n, err := writeFile(path, io.LimitReader(from, limit))
	if err != nil {
		return 0, because(StoreFailed, err, "the model's weights cannot be copied")
	}
	return n, nil
}

func writeFile(path string, from io.Reader) (int64, error) {
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(to, from)
	return n, errors.Join(err, to.Close())
}
