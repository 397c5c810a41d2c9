package registry

import (
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says which source a reference is asked of.
type Kind string

// The kinds of a [Ref].
const (
	KindBuiltin Kind = "builtin" // grid
	KindFile    Kind = "file"    // a file or a directory
	KindMLflow  Kind = "mlflow"  // a registered model of an MLflow server
	KindNATS    Kind = "nats"    // an object of a JetStream object store
)

// MaxRef bounds a reference's text, in bytes.
const MaxRef = 512

// Ref names a model. Refs are made by [ParseRef], and comparable; the zero Ref names nothing. At most one of Version,
// Alias and Stage is set.
type Ref struct {
	Kind    Kind
	Name    string // a file's is its path
	Version string // digits for MLflow
	Alias   string // MLflow
	Stage   string // MLflow: Production, Staging, Archived, None, or latest
}

// word is what a name may be that goes into subjects and keys as it is.
var (
	word    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
	builtin = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)
	version = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
)

// ParseRef reads a reference:
//
//	grid                     built in
//	PATH or file:PATH        a file or a directory; one without a slash or a dot needs the file:
//	models:/NAME@ALIAS       a registered model of MLflow, in its own notation
//	models:/NAME/VERSION
//	models:/NAME/STAGE       Production, Staging, Archived or None; latest is the newest version of all
//	nats:NAME[@VERSION]      a model in the object store
//
// An error is an [*Error] of code bad_ref.
func ParseRef(text string) (Ref, error) {
	switch {
	case len(text) > MaxRef:
		return Ref{}, fail(BadRef, "a reference has at most %d bytes; this one has %d", MaxRef, len(text))
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Ref{}, fail(BadRef, "%q holds characters that cannot be printed", text)
	}
	scheme, rest, found := strings.Cut(text, ":")
	switch {
	case found && scheme == "file":
		return parseFile(text, rest)
	case found && scheme == "models":
		return parseMLflow(text, rest)
	case found && scheme == "nats":
		return parseNATS(text, rest)
	case found && !strings.ContainsAny(scheme, `/.`): // a scheme that is not known, or mistyped
	case strings.ContainsAny(text, `/.`):
		return parseFile(text, text)
	case builtin.MatchString(text):
		return Ref{Kind: KindBuiltin, Name: text}, nil
	}
	return Ref{}, fail(BadRef, "%q is none of grid, PATH, file:PATH, models:/NAME@ALIAS, models:/NAME/VERSION and nats:NAME", text)
}

func parseFile(text, path string) (Ref, error) {
	if strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///") {
		return Ref{}, fail(BadRef, "%q names a host; write file:/PATH", text)
	}
	r := Ref{Kind: KindFile, Name: filepath.Clean(path)}
	if path == "" || len(r.String()) > MaxRef {
		return Ref{}, fail(BadRef, "%q names no path, or one that is too long", text)
	}
	return r, nil
}

func parseMLflow(text, rest string) (Ref, error) {
	path, found := strings.CutPrefix(rest, "/")
	path = strings.TrimLeft(path, "/") // models:///NAME is the same to MLflow
	name, last, versioned := strings.Cut(path, "/")
	r := Ref{Kind: KindMLflow, Name: name}
	aliased := false
	if !versioned {
		r.Name, r.Alias, aliased = strings.Cut(name, "@")
	}
	switch stage, isStage := stageOf(last); {
	case !found || r.Name == "" || strings.ContainsAny(r.Name, ":@"):
	case aliased && r.Alias != "" && !strings.Contains(r.Alias, "@"):
		return r, nil
	case versioned && version.MatchString(last):
		r.Version = last
		return r, nil
	case versioned && isStage:
		r.Stage = stage
		return r, nil
	}
	return Ref{}, fail(BadRef, "%q is none of models:/NAME@ALIAS, models:/NAME/VERSION (digits) and models:/NAME/STAGE "+
		"(Production, Staging, Archived, None, latest)", text)
}

// stageOf gives a stage as MLflow writes it.
func stageOf(text string) (string, bool) {
	for _, stage := range []string{"Production", "Staging", "Archived", "None", latest} {
		if strings.EqualFold(stage, text) {
			return stage, true
		}
	}
	return "", false
}

// latest stands for the newest version, whatever its stage.
const latest = "latest"

func parseNATS(text, rest string) (Ref, error) {
	name, wanted, versioned := strings.Cut(rest, "@")
	if !word.MatchString(name) || versioned && !word.MatchString(wanted) {
		return Ref{}, fail(BadRef, "%q is not nats:NAME or nats:NAME@VERSION; both are letters, digits and _ . - only", text)
	}
	return Ref{Kind: KindNATS, Name: name, Version: wanted}, nil
}

// String is the reference's one canonical text: [ParseRef] gives the same Ref for it. It is printable, and at most
// [MaxRef] bytes long; whoever puts it into a URL escapes it.
func (r Ref) String() string {
	switch r.Kind {
	case KindBuiltin:
		return r.Name
	case KindFile:
		return "file:" + r.Name
	case KindMLflow:
		if r.Alias != "" {
			return "models:/" + r.Name + "@" + r.Alias
		}
		return "models:/" + r.Name + "/" + r.Version + r.Stage
	case KindNATS:
		if r.Version != "" {
			return "nats:" + r.Name + "@" + r.Version
		}
		return "nats:" + r.Name
	}
	return ""
}

// Moving says that the reference may come to mean another model: an alias, a stage, a file, or a name without a version.
func (r Ref) Moving() bool {
	switch r.Kind {
	case KindFile:
		return true
	case KindMLflow, KindNATS:
		return r.Version == ""
	}
	return false
}

// MarshalText is [Ref.String].
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseRef].
func (r *Ref) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRef(string(text))
	return err
}
