package registry

import (
	"context"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// place is where artifacts lie: in the file system, or below the server's proxy.
type place struct{ local, remote string }

// locate reads an artifact URI. Some name a run or a logged model, which the server is asked about.
func (m *MLflow) locate(ctx context.Context, uri string, depth int) (place, error) {
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case depth > 2 || len(uri) > 2048:
	case strings.HasPrefix(uri, "/"):
		return local(uri)
	case !found:
	case scheme == "file":
		return local(fileURI(rest))
	case scheme == "mlflow-artifacts":
		return m.proxied(rest)
	case scheme == "models" && strings.HasPrefix(strings.TrimLeft(rest, "/"), "m-"):
		return m.loggedModel(ctx, strings.TrimLeft(rest, "/"), depth)
	case scheme == "runs":
		return m.run(ctx, strings.TrimLeft(rest, "/"), depth)
	}
	return place{}, fail(BadLocation, "the model's files are at %q, where they cannot be fetched from; start the server with --serve-artifacts, "+
		"and register models whose files it keeps", oneLine(uri, 200))
}

// loggedModel asks for the files of a model of MLflow 3, models:/m-ID.
func (m *MLflow) loggedModel(ctx context.Context, id string, depth int) (place, error) {
	var answer struct {
		Model struct {
			Info struct {
				URI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"model"`
	}
	if !word.MatchString(id) {
		return place{}, fail(BadAnswer, "the server tells of a logged model %q", oneLine(id, 80))
	}
	if err := m.rest.ask(ctx, "logged-models/"+id, nil, &answer); err != nil {
		return place{}, err
	}
	return m.locate(ctx, answer.Model.Info.URI, depth+1)
}

// run asks for the files of a run, runs:/ID/PATH.
func (m *MLflow) run(ctx context.Context, rest string, depth int) (place, error) {
	id, below, _ := strings.Cut(rest, "/")
	var answer struct {
		Run struct {
			Info struct {
				URI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"run"`
	}
	if err := m.rest.ask(ctx, "runs/get", url.Values{"run_id": {id}}, &answer); err != nil {
		return place{}, err
	}
	return m.locate(ctx, strings.TrimSuffix(answer.Run.Info.URI, "/")+"/"+below, depth+1)
}

// proxied gives the path below the server's proxy. A URI that names another server is not followed: the credentials are
// this one's.
func (m *MLflow) proxied(rest string) (place, error) {
	if below, hosted := strings.CutPrefix(rest, "//"); hosted && !strings.HasPrefix(below, "/") {
		host, path, _ := strings.Cut(below, "/")
		if host != m.rest.base.Host {
			return place{}, fail(BadLocation, "the model's files are with another server, %q", oneLine(host, 120))
		}
		rest = path
	}
	clean := path.Clean(strings.Trim(rest, "/"))
	if clean == "." || !isBelow(clean) || slices.Contains(strings.Split(rest, "/"), "..") {
		return place{}, fail(BadAnswer, "the server says the model's files are at %q", oneLine(rest, 200))
	}
	return place{remote: clean}, nil
}

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
