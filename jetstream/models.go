package jetstream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// MaxModelBytes bounds a model's file.
const MaxModelBytes = 512 << 20

// Codes of errors about models in the object store.
const (
	CodeNoModel     = "no_model"     // there is none of this name and version
	CodeModelExists = "model_exists" // the version is there, or was; it is not written again
	CodeBadModel    = "bad_model"    // what is stored is not what its digest says
)

// Model is one version of a model in the object store. Versions do not change: who wants another file makes another version.
type Model struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Digest  string    `json:"digest"` // SHA-256 of the file, in hexadecimal digits
	Bytes   int64     `json:"bytes"`
	Note    string    `json:"note,omitempty"`
	By      string    `json:"by,omitempty"` // who says to have pushed it
	Pushed  time.Time `json:"pushed"`       // by the server's clock

	// Contract is that of a model whose file carries none, at most MaxContractBytes, or nil.
	Contract []byte `json:"-"`

	chunks   string // subject that the file's parts are on
	sequence uint64 // of the message that says all this
	deleted  bool
}

// Ref is the reference that names this version.
func (m Model) Ref() string { return "nats:" + m.Name + "@" + m.Version }

var (
	goodModelName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	goodModelVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
)

// Metadata of an object: who pushed it, and the contract beside the model.
const (
	authorKey   = "foxhunt-by"
	contractKey = "foxhunt-contract"
)

// MaxContractBytes bounds the contract beside a model: it goes with the model's description into one message.
const MaxContractBytes = 128 << 10

// Models are the models in t's object store, by name, and the latest of a name first.
func (c *Conn) Models(ctx context.Context, t Topology) ([]Model, error) {
	all, err := c.allModels(ctx, t)
	return slices.DeleteFunc(all, func(m Model) bool { return m.deleted }), err
}

// FindModel is one version of a model; with version "" the one that was pushed last.
func (c *Conn) FindModel(ctx context.Context, t Topology, name, version string) (Model, error) {
	if !goodModelName.MatchString(name) || version != "" && !goodModelVersion.MatchString(version) {
		return Model{}, fail(CodeBadOption, nil, "%.120q is no model's name and version; want letters, digits, dots, - and _", name+"@"+version)
	}
	if version != "" {
		msg, err := c.readObject(ctx, t, objectMeta(t.modelsBucket(), name, version))
		if errors.Is(err, ErrNoMessage) {
			return Model{}, noModel(t, name, version)
		}
		if err != nil {
			return Model{}, err
		}
		m, err := decodeModel(t.modelsBucket(), msg)
		if err == nil && m.deleted {
			return Model{}, noModel(t, name, version)
		}
		return m, err
	}
	models, err := c.Models(ctx, t)
	if err != nil {
		return Model{}, err
	}
	i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, noModel(t, name, version)
	}
	return models[i], nil
}

func noModel(t Topology, name, version string) error {
	return fail(CodeNoModel, nil, "no %s is in the object store %s; foxhunt model list shows what is, foxhunt model push puts one there",
		strings.TrimSuffix(name+"@"+version, "@"), t.modelsBucket())
}

// DeleteModel deletes a version. Its name is not used again.
func (c *Conn) DeleteModel(ctx context.Context, t Topology, name, version string) error {
	m, err := c.FindModel(ctx, t, name, version)
	if err != nil {
		return err
	}
	info := objectInfo(t.modelsBucket(), m)
	info.Deleted = true
	if _, err := c.putMeta(ctx, t, info, m.sequence); err != nil {
		return err
	}
	return c.purge(ctx, t.Models.Name, m.chunks)
}

// allModels includes versions that were deleted.
func (c *Conn) allModels(ctx context.Context, t Topology) (models []Model, err error) {
	err = c.eachObject(ctx, t, func(msg StreamMessage) {
		if m, err := decodeModel(t.modelsBucket(), msg); err == nil { // else it is somebody's who knows why
			models = append(models, m)
		}
	})
	slices.SortFunc(models, func(a, b Model) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.sequence, a.sequence))
	})
	return models, err
}

// eachObject calls handle with what the object store says of each object.
func (c *Conn) eachObject(ctx context.Context, t Topology, handle func(StreamMessage)) error {
	info, err := c.streamInfo(ctx, t.Models.Name, "$O."+t.modelsBucket()+".M.>")
	if err != nil {
		return c.explain(t.Models.Name, err)
	}
	for subject := range info.State.Subjects {
		msg, err := c.readObject(ctx, t, subject)
		switch {
		case err == nil:
			handle(msg)
		case !errors.Is(err, ErrNoMessage): // removed meanwhile
			return err
		}
	}
	return nil
}

// readObject reads what is said of one object, from the stream's leader: a replica may be behind.
func (c *Conn) readObject(ctx context.Context, t Topology, subject string) (StreamMessage, error) {
	msg, err := c.stored(ctx, t.Models.Name, map[string]any{"last_by_subj": subject})
	if err != nil && !errors.Is(err, ErrNoMessage) {
		return StreamMessage{}, c.explain(t.Models.Name, err)
	}
	return msg, err
}

// decodeModel reads an object's description. Whoever may write to the store may write anything.
func decodeModel(bucket string, msg StreamMessage) (Model, error) {
	var info js.ObjectInfo
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		return Model{}, fail(CodeBadModel, err, "what %.200q says of an object cannot be read", msg.Subject)
	}
	name, version, _ := strings.Cut(info.Name, "/")
	if !goodModelName.MatchString(name) || !goodModelVersion.MatchString(version) || msg.Subject != objectMeta(bucket, name, version) {
		return Model{}, fail(CodeBadModel, nil, "%.200q is no model's name and version", info.Name)
	}
	m := Model{Name: name, Version: version, Bytes: int64(info.Size), Note: reasonText(info.Description), By: reasonText(info.Metadata[authorKey]),
		Pushed: msg.Time, chunks: objectChunks(bucket, info.NUID), sequence: msg.Sequence, deleted: info.Deleted}
	if m.deleted {
		return m, nil
	}
	digest, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(info.Digest, digestPrefix))
	if err != nil || len(digest) != 32 || !goodPart.MatchString(info.NUID) || m.Bytes < 0 || m.Bytes > MaxModelBytes {
		return Model{}, fail(CodeBadModel, nil, "the object store says nothing that can be of %s: %d bytes, digest %.80q", m.Ref(), info.Size, info.Digest)
	}
	m.Digest = hex.EncodeToString(digest)
	if text := info.Metadata[contractKey]; text != "" && len(text) <= MaxContractBytes {
		m.Contract = []byte(text)
	}
	return m, nil
}

// goodPart is what may be one part of a subject.
var goodPart = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// NATS's rules for object stores.
const digestPrefix = "SHA-256="

func objectMeta(bucket, name, version string) string {
	return "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name+"/"+version))
}

func objectChunks(bucket, id string) string { return "$O." + bucket + ".C." + id }

func objectInfo(bucket string, m Model) js.ObjectInfo {
	id := m.chunks[strings.LastIndexByte(m.chunks, '.')+1:]
	metadata := map[string]string{authorKey: m.By}
	if len(m.Contract) > 0 {
		metadata[contractKey] = string(m.Contract)
	}
	return js.ObjectInfo{Bucket: bucket, NUID: id, ObjectMeta: js.ObjectMeta{
		Name: m.Name + "/" + m.Version, Description: m.Note, Metadata: metadata,
		Opts: &js.ObjectMetaOptions{ChunkSize: modelChunk},
	}}
}

// putMeta writes what is known of an object, if what is stored of it is of that sequence, 0 for nothing; else the error is
// CodeModelExists.
func (c *Conn) putMeta(ctx context.Context, t Topology, info js.ObjectInfo, sequence uint64) (Stored, error) {
	body, err := json.Marshal(info)
	if err != nil {
		return Stored{}, fail(CodeBadOption, err, "%v", err)
	}
	msg := nats.NewMsg("$O." + t.modelsBucket() + ".M." + base64.URLEncoding.EncodeToString([]byte(info.Name)))
	msg.Data = body
	msg.Header.Set(js.ExpectedLastSubjSeqHeader, strconv.FormatUint(sequence, 10))
	if sequence > 0 {
		msg.Header.Set(js.MsgRollup, js.MsgRollupSubject)
	}
	stored, err := c.publish(ctx, msg, isUnanswered)
	if isConflict(err) {
		if now, err := c.readObject(ctx, t, msg.Subject); err == nil && bytes.Equal(now.Data, body) {
			return Stored{Stream: t.Models.Name, Sequence: now.Sequence}, nil // by an attempt whose answer did not come
		}
		return Stored{}, fail(CodeModelExists, err, "%.200s is there already, or was; a version is never written again: choose another, or none",
			strings.Replace(info.Name, "/", "@", 1))
	}
	return stored, err
}

// purge removes everything on one subject of a stream.
func (c *Conn) purge(ctx context.Context, stream, subject string) error {
	var answer struct {
		Purged uint64 `json:"purged"`
	}
	if err := c.orderAPI(ctx, "$JS.API.STREAM.PURGE."+stream, map[string]any{"filter": subject}, &answer); err != nil {
		return c.explain(stream, err)
	}
	return nil
}
