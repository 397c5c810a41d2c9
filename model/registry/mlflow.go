package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MLflow is the source of models that are registered with an MLflow tracking server. It speaks the server's REST
// interface, as of versions 2.3 and 3.
type MLflow struct {
	rest *rest
}

// MLflowOptions say which server, and as whom.
type MLflowOptions struct {
	TrackingURI        string // http:// or https://, with the path before /api if there is one
	Token              string // a bearer token; Username and Password go before it
	Username, Password string
	CAFile             string // PEM; "" for the system's certificates
	CertFile, KeyFile  string // PEM, for the client; no KeyFile: CertFile has both
}

// MLflowFromEnvironment reads MLflow's own variables with lookup, such as os.LookupEnv. Where MLFLOW_TRACKING_URI names no
// server, but nothing or one of MLflow's local stores, TrackingURI is "".
func MLflowFromEnvironment(lookup func(string) (string, bool)) MLflowOptions {
	get := func(name string) string {
		value, _ := lookup(name)
		return value
	}
	uri := cmp.Or(get("MLFLOW_REGISTRY_URI"), get("MLFLOW_TRACKING_URI"))
	if !strings.HasPrefix(uri, "http://") && !strings.HasPrefix(uri, "https://") {
		uri = ""
	}
	return MLflowOptions{
		TrackingURI: uri,
		Token:       get("MLFLOW_TRACKING_TOKEN"),
		Username:    get("MLFLOW_TRACKING_USERNAME"),
		Password:    get("MLFLOW_TRACKING_PASSWORD"),
		CAFile:      get("MLFLOW_TRACKING_SERVER_CERT_PATH"),
		CertFile:    get("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
	}
}

// String names the server, without what is secret.
func (o MLflowOptions) String() string {
	base, err := url.Parse(o.TrackingURI)
	if err != nil {
		return "MLflow"
	}
	base.User, base.RawQuery = nil, ""
	return base.String()
}

// NewMLflow makes the source; it does not ask the server yet. The error is an [*Error] of code bad_options.
func NewMLflow(o MLflowOptions) (*MLflow, error) {
	client, err := newREST(o)
	if err != nil {
		return nil, err
	}
	return &MLflow{client}, nil
}

// DigestTag is the tag of a model version that states the model's SHA-256, in hex.
const DigestTag = "foxhunt.sha256"

// The interfaces of the server, without the path before them.
const (
	restAPI      = "api/2.0/mlflow"
	artifactsAPI = "api/2.0/mlflow-artifacts/artifacts"
)

// modelVersion is what the server says of a version.
type modelVersion struct {
	Name        string      `json:"name"`
	Version     string      `json:"version"`
	Created     json.Number `json:"creation_timestamp"` // ms
	Stage       string      `json:"current_stage"`
	Description string      `json:"description"`
	Source      string      `json:"source"`
	Run         string      `json:"run_id"`
	Status      string      `json:"status"`
	Tags        []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"tags"`
}

// Resolve asks which version the reference means.
func (m *MLflow) Resolve(ctx context.Context, r Ref) (Artifact, error) {
	if r.Kind != KindMLflow {
		return Artifact{}, fail(BadRef, "%q is no model of MLflow", r.String())
	}
	v, err := m.find(ctx, r)
	if err != nil {
		return Artifact{}, err
	}
	return v.artifact(r)
}

func (m *MLflow) find(ctx context.Context, r Ref) (modelVersion, error) {
	switch {
	case r.Alias != "":
		return m.version(ctx, r, "registered-models/alias", url.Values{"name": {r.Name}, "alias": {r.Alias}})
	case r.Stage != "":
		return m.staged(ctx, r)
	}
	return m.version(ctx, r, "model-versions/get", url.Values{"name": {r.Name}, "version": {r.Version}})
}

func (m *MLflow) version(ctx context.Context, r Ref, endpoint string, query url.Values) (modelVersion, error) {
	var answer struct {
		Version modelVersion `json:"model_version"`
	}
	err := m.rest.ask(ctx, endpoint, query, &answer)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == Refused && r.Alias != "" {
		refused.Code = NoModel // the server calls an alias that is not there an invalid parameter
	}
	return answer.Version, about(r, err)
}

// staged gives the newest version of a stage, or of all.
func (m *MLflow) staged(ctx context.Context, r Ref) (modelVersion, error) {
	query := url.Values{"name": {r.Name}}
	if r.Stage != latest {
		query.Set("stages", r.Stage)
	}
	var answer struct {
		Versions []modelVersion `json:"model_versions"`
	}
	if err := m.rest.ask(ctx, "registered-models/get-latest-versions", query, &answer); err != nil {
		return modelVersion{}, about(r, err)
	}
	var newest modelVersion
	for _, v := range answer.Versions {
		if number(v.Version) > number(newest.Version) {
			newest = v
		}
	}
	if newest.Version == "" {
		return newest, fail(NoModel, "%s: no version of the model is in this stage", r)
	}
	return newest, nil
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// about adds to an error which reference it is about.
func about(r Ref, err error) error {
	var known *Error
	if !errors.As(err, &known) {
		return err
	}
	return &Error{known.Code, r.String() + ": " + known.Reason, known.cause}
}

// artifact checks what the server says of a version.
func (v modelVersion) artifact(r Ref) (Artifact, error) {
	switch {
	case v.Name != r.Name || !version.MatchString(v.Version) || r.Version != "" && r.Version != v.Version:
		return Artifact{}, fail(BadAnswer, "asked for %s the server tells of %q, version %q", r, oneLine(v.Name, 80), oneLine(v.Version, 20))
	case v.Status == "PENDING_REGISTRATION":
		return Artifact{}, fail(Unsettled, "%s: version %s is being registered at this moment", r, v.Version)
	case v.Status != "" && v.Status != "READY":
		return Artifact{}, fail(NoModel, "%s: the status of version %s is %q", r, v.Version, oneLine(v.Status, 40))
	}
	a := Artifact{Ref: r, Name: v.Name, Version: v.Version, Alias: r.Alias, Stage: v.stage(), Note: oneLine(v.Description, 500)}
	if ms := number(v.Created.String()); ms > 0 {
		a.Created = time.UnixMilli(ms).UTC()
	}
	for _, tag := range v.Tags {
		if tag.Key != DigestTag {
			continue
		}
		if a.Digest = strings.ToLower(tag.Value); !isDigest(a.Digest) {
			return Artifact{}, fail(DigestMismatch, "%s: the tag %s of version %s is %q, which is no SHA-256 in hex", r, DigestTag, v.Version, oneLine(tag.Value, 80))
		}
	}
	// A version that was deleted and registered anew has the same number.
	content := sha256.Sum256(fmt.Appendf(nil, "%q %q", v.Source, v.Run))
	a.Tag = fmt.Sprintf("%s.%s.%x", v.Version, oneLine(v.Created.String(), 20), content[:8])
	return a, nil
}

// stage is the version's stage; that of versions which never had one is called None.
func (v modelVersion) stage() string {
	if v.Stage == "None" {
		return ""
	}
	return oneLine(v.Stage, 40)
}

// Fetch downloads the version's artifacts through the server, or copies them from a file store that both can see.
func (m *MLflow) Fetch(ctx context.Context, a Artifact, dir string) error {
	now, err := m.Resolve(ctx, Ref{Kind: KindMLflow, Name: a.Name, Version: a.Version})
	if err != nil {
		return err
	}
	if now.Tag != a.Tag && a.Tag != "" {
		return fail(Unsettled, "%s: version %s was registered anew at this moment", a.Ref, a.Version)
	}
	var answer struct {
		URI string `json:"artifact_uri"`
	}
	query := url.Values{"name": {a.Name}, "version": {a.Version}}
	if err := m.rest.ask(ctx, "model-versions/get-download-uri", query, &answer); err != nil {
		return about(a.Ref, err)
	}
	place, err := m.locate(ctx, answer.URI, 0)
	if err != nil {
		return about(a.Ref, err)
	}
	if place.local != "" {
		return about(a.Ref, fetchFiles(ctx, place.local, "", time.Second, dir))
	}
	d := download{rest: m.rest, left: maxFetchBytes}
	return about(a.Ref, d.all(ctx, place.remote, dir))
}
