package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// download brings artifacts through a tracking server's proxy.
type download struct {
	rest  *rest
	left  int64 // bytes that may still come
	files int
}

// The bounds of a download, beside its bytes.
const (
	maxFiles     = 1000
	maxDepth     = 8
	stallTimeout = 2 * time.Minute // without a byte; before the first the server may be fetching the file itself
)

// artifactFile is an entry of a listing.
type artifactFile struct {
	Path  string      `json:"path"`
	IsDir bool        `json:"is_dir"`
	Size  json.Number `json:"file_size"`
}

// all brings a directory's files with those below it, or a single file, as model.onnx.
func (d *download) all(ctx context.Context, remote, dir string) error {
	files, err := d.list(ctx, remote)
	if err != nil {
		return err
	}
	if len(files) == 0 { // the server lists nothing of a file, nor of what is not there
		return d.file(ctx, remote, filepath.Join(dir, modelFile), -1)
	}
	return d.directory(ctx, remote, dir, files, 1)
}

func (d *download) list(ctx context.Context, remote string) ([]artifactFile, error) {
	var answer struct {
		Files []artifactFile `json:"files"`
	}
	err := d.rest.get(ctx, artifactsAPI, url.Values{"path": {remote}}, &answer)
	return answer.Files, err
}

func (d *download) directory(ctx context.Context, remote, dir string, files []artifactFile, depth int) error {
	if d.files += len(files); d.files > maxFiles || depth > maxDepth {
		return fail(TooLarge, "the model has more than %d files, or folders more than %d deep", maxFiles, maxDepth)
	}
	for _, f := range files {
		name := path.Base(f.Path) // servers give the name, or the path with the directory's
		if !isBelow(name) || strings.Contains(name, "/") || name == "." || len(name) > 255 {
			return fail(BadAnswer, "the server lists a file %q", oneLine(f.Path, 120))
		}
		below, to := path.Join(remote, name), filepath.Join(dir, name)
		var err error
		if f.IsDir {
			err = d.subdirectory(ctx, below, to, depth)
		} else {
			err = d.file(ctx, below, to, size(f.Size))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func size(n json.Number) int64 {
	if size, err := n.Int64(); err == nil && size >= 0 {
		return size
	}
	return -1
}

func (d *download) subdirectory(ctx context.Context, remote, dir string, depth int) error {
	files, err := d.list(ctx, remote)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return because(StoreFailed, err, "the model's files cannot be stored")
	}
	return d.directory(ctx, remote, dir, files, depth+1)
}

// file brings one file, of the size that was listed or -1.
func (d *download) file(ctx context.Context, remote, to string, listed int64) error {
	if listed > d.left {
		return tooManyBytes()
	}
	var segments []string
	for segment := range strings.SplitSeq(remote, "/") {
		segments = append(segments, url.PathEscape(segment))
	}
	var got int64
	err := d.rest.retry(ctx, func() (err error) {
		got, err = d.attempt(ctx, artifactsAPI+"/"+strings.Join(segments, "/"), to)
		if err == nil && listed >= 0 && got != listed {
			err = fail(Unsettled, "%q has %d bytes, where %d were listed", oneLine(remote, 120), got, listed)
		}
		return err
	})
	d.left -= got
	return err
}

func tooManyBytes() error {
	return fail(TooLarge, "the model's files are larger than %d MiB", maxFetchBytes>>20)
}

// attempt downloads a file once. It ends when no byte has come for a while.
func (d *download) attempt(ctx context.Context, path, to string) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(d.rest.stall, func() { cancel(errors.New("no byte has come for " + d.rest.stall.String())) })
	defer stalled.Stop()
	response, err := d.rest.send(ctx, path, nil)
	if err != nil {
		return 0, d.why(ctx, err)
	}
	defer response.Body.Close()
	body := watched{response.Body, func() { stalled.Reset(d.rest.stall) }, nil}
	n, err := writeFile(to, io.LimitReader(&body, d.left+1))
	switch {
	case body.failed != nil:
		return 0, d.why(ctx, d.rest.away(body.failed))
	case err != nil:
		return 0, because(StoreFailed, err, "the model's files cannot be stored")
	case n > d.left:
		return 0, tooManyBytes()
	}
	return n, nil
}

// why gives the cause of an ended context in the place of an error that only says that it ended.
func (d *download) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return d.rest.away(cause)
	}
	return err
}

// watched tells of each read, and remembers how reading failed, to tell a bad connection from a full disk.
type watched struct {
	io.Reader
	alive  func()
	failed error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.alive()
	if err != nil && err != io.EOF {
		w.failed = err
	}
	return n, err
}
