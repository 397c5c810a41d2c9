package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"
)

// Artifact is what a reference means at a moment: one model of one source. What a source tells of it is text from
// outside, bounded and printable.
type Artifact struct {
	Ref     Ref
	Name    string    // "" where the source has none: the model's own counts
	Version string    // likewise
	Alias   string    // the one that was asked for
	Stage   string    // of servers that have stages
	Note    string    // what whoever registered the model wrote about it
	Created time.Time // zero if unknown
	Digest  string    // SHA-256 of the model as one self-contained file, in hex, as the source states it or the caller wants it; or ""
	Tag     string    // changes whenever the artifact does: what polling compares
}

// Source is where models come from. Its methods may be called from several goroutines. Errors are of type [*Error].
type Source interface {
	// Resolve says what a reference means now. It is called again and again, so it reads no model.
	Resolve(context.Context, Ref) (Artifact, error)
	// Fetch writes the artifact's files into dir, which is empty: an ONNX model, the files its weights are in, and the
	// contract beside it if there is one. A directory as MLflow saves models, with MLmodel, is such a set of files.
	Fetch(ctx context.Context, a Artifact, dir string) error
}

// Sources are what references are asked of, by kind.
type Sources map[Kind]Source

// of gives the source of a reference, or an error that says what to set up.
func (s Sources) of(r Ref) (Source, error) {
	if source := s[r.Kind]; source != nil {
		return source, nil
	}
	switch r.Kind {
	case KindMLflow:
		return nil, fail(NoSource, "%s needs an MLflow server: set MLFLOW_TRACKING_URI to its http:// or https:// address", r)
	case KindNATS:
		return nil, fail(NoSource, "%s needs NATS, which is not connected here", r)
	}
	return nil, fail(NoSource, "%q cannot be had here", r.String())
}

// Builtin is the source of models that the program itself makes, by name.
type Builtin map[string]func() []byte

// Resolve finds a name in the map.
func (b Builtin) Resolve(_ context.Context, r Ref) (Artifact, error) {
	if b[r.Name] == nil {
		return Artifact{}, fail(NoModel, "no model called %s is built in; a file of that name is ./%[1]s", r)
	}
	digest := sha256.Sum256(b[r.Name]()) // another version of the program may make another model
	text := hex.EncodeToString(digest[:])
	return Artifact{Ref: r, Name: r.Name, Digest: text, Tag: text}, nil
}

// Fetch writes the model that the function makes.
func (b Builtin) Fetch(_ context.Context, a Artifact, dir string) error {
	build := b[a.Name]
	if build == nil {
		return fail(NoModel, "no model called %q is built in", a.Name)
	}
	err := os.WriteFile(filepath.Join(dir, modelFile), build(), 0o600)
	return typed(StoreFailed, err, "%s cannot be written", a.Name)
}
