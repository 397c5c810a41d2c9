package model

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/cpu"
)

// maxOptimized bounds how many optimised models a folder keeps; the ones made longest ago make room.
const maxOptimized = 32

// optimized is the place of one model's optimised form on the disk. ONNX Runtime's full optimisation chooses layouts
// by the processor's instructions, so a file serves only the kind of processor, and the release of the library, that
// it was made with; both are in its key.
type optimized struct {
	folder string
	key    string // everything that the file depends on
}

func newOptimized(folder, digest, runtimeVersion string) optimized {
	hardware := fmt.Sprintf("%s %+v %+v", runtime.GOARCH, cpu.X86, cpu.ARM64)
	sum := sha256.Sum256([]byte(hardware))
	return optimized{folder, fmt.Sprintf("%s-ort%s-all-%s-%s", digest, runtimeVersion, CPU, hex.EncodeToString(sum[:8]))}
}

const optimizedSuffix = ".optimized"

func (o optimized) path() string { return filepath.Join(o.folder, o.key+optimizedSuffix) }

// sum is what a file begins with: a SHA-256 over its key and its model, so that one that was cut short, damaged or
// given another's name is known.
func (o optimized) sum(data []byte) []byte {
	hash := sha256.New()
	hash.Write([]byte(o.key))
	hash.Write(data)
	return hash.Sum(nil)
}

// read gives the optimised model, if the folder has it whole.
func (o optimized) read() ([]byte, bool) {
	file, err := readFile(o.path(), MaxModelBytes+sha256.Size)
	if err != nil || len(file) < sha256.Size {
		return nil, false
	}
	sum, data := file[:sha256.Size], file[sha256.Size:]
	return data, bytes.Equal(sum, o.sum(data))
}

// draft makes the empty file that the library is to write the model to. The folder is the user's own: its files go
// into the process without another look.
func (o optimized) draft() (path string, err error) {
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(o.folder, ".draft-*.onnx")
	if err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

// keep takes the model that the library wrote to the draft, and puts it in its place in one step.
func (o optimized) keep(draft string) error {
	data, err := readFile(draft, MaxModelBytes)
	if err != nil {
		return err
	}
	if err := os.WriteFile(draft, append(o.sum(data), data...), 0o600); err != nil {
		return err
	}
	if err := os.Rename(draft, o.path()); err != nil {
		return err
	}
	return o.prune()
}

// prune removes the oldest files beyond maxOptimized, and drafts that a killed process left.
func (o optimized) prune() error {
	entries, err := os.ReadDir(o.folder)
	if err != nil {
		return err
	}
	var kept []fs.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil: // another process removed it
		case strings.HasPrefix(entry.Name(), ".draft-") && time.Since(info.ModTime()) > time.Hour:
			os.Remove(filepath.Join(o.folder, entry.Name()))
		case strings.HasSuffix(entry.Name(), optimizedSuffix):
			kept = append(kept, info)
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, old := range kept[min(len(kept), maxOptimized):] {
		os.Remove(filepath.Join(o.folder, old.Name()))
	}
	return nil
}
