package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"foxhunt/contract"
	"foxhunt/model"
)

// The files of a model in a directory.
const (
	modelFile    = "model.onnx"         // the model where nothing else names it
	mlmodelFile  = "MLmodel"            // what MLflow says of the model that it saved
	sidecarAfter = ".contract.json"     // the contract beside PATH is PATH.contract.json, else
	sidecarFile  = contract.MetadataKey // this
)

// maxSidecarBytes bounds a contract's file.
const maxSidecarBytes = 1 << 20

// findModel gives the name of a directory's model, relative to it: what MLmodel names, else model.onnx, else the only
// file that ends in .onnx.
func findModel(dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, mlmodelFile)); err == nil {
		name, err := readMLmodel(filepath.Join(dir, mlmodelFile))
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fail(NoONNX, "MLmodel names the model's file %q, which is not there", oneLine(name, 80))
		}
		return name, nil
	}
	if info, err := os.Stat(filepath.Join(dir, modelFile)); err == nil && info.Mode().IsRegular() {
		return modelFile, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", because(Unreadable, err, "the model's directory cannot be read")
	}
	var found []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".onnx") && !strings.HasPrefix(entry.Name(), ".") {
			found = append(found, entry.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", fail(NoONNX, "there is no file MLmodel, model.onnx or *.onnx")
	case 1:
		return found[0], nil
	}
	return "", fail(NoONNX, "there are %d files *.onnx, such as %q and %q; name the one", len(found), oneLine(found[0], 80), oneLine(found[1], 80))
}

// findSidecar gives the path of the contract beside a model's file, or "".
func findSidecar(path string) string {
	for _, beside := range []string{path + sidecarAfter, filepath.Join(filepath.Dir(path), sidecarFile)} {
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return ""
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, size, err := openRegular(os.OpenFile, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, fail(TooLarge, "%q has %d bytes; at most %d are read", oneLine(filepath.Base(path), 80), size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit))
	return data, typed(Unreadable, err, "%q cannot be read", oneLine(filepath.Base(path), 80))
}

// openRegular opens a file, with os.OpenFile or that of an [os.Root], and gives its size. What is no regular file is not
// waited for: opening a pipe would.
func openRegular(open func(string, int, os.FileMode) (*os.File, error), path string) (*os.File, int64, error) {
	file, err := open(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, &Error{NoModel, fmt.Sprintf("there is no file %q", oneLine(path, maxReason)), err}
	}
	if err != nil {
		return nil, 0, because(Unreadable, err, "a file cannot be opened")
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = because(Unreadable, err, "a file cannot be read")
	case !info.Mode().IsRegular():
		err = fail(Unreadable, "%q is not a file", oneLine(path, maxReason))
	default:
		return file, info.Size(), nil
	}
	file.Close()
	return nil, 0, err
}

// maxFetchBytes bounds what is fetched for one model: the model, and what MLflow adds to it.
const maxFetchBytes = model.MaxModelBytes + 64<<20
