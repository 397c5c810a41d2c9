package registry

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// local gives a path in the file system, if it is there.
func local(path string) (place, error) {
	if path == "" {
		return place{}, fail(BadAnswer, "the server names no place where the model's files are")
	}
	if _, err := os.Stat(path); err != nil {
		return place{}, fail(BadLocation, "the model's files are at %q of a file store that is not here; mount it there, or start the server with --serve-artifacts",
			oneLine(path, 200))
	}
	return place{local: filepath.Clean(path)}, nil
}

// fileURI gives the path of a file URI, or "" if it names a host.
func fileURI(rest string) string {
	if below, hosted := strings.CutPrefix(rest, "//"); hosted {
		host, _, _ := strings.Cut(below, "/")
		if host != "" && host != "localhost" {
			return ""
		}
		rest = strings.TrimPrefix(below, host)
	}
	path, err := url.PathUnescape(rest)
	if err != nil || !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}

// isBelow says that a path with slashes leads nowhere but down.
func isBelow(p string) bool {
	return filepath.IsLocal(p) && path.Clean(p) == p && !strings.ContainsAny(p, "\\\x00")
}
