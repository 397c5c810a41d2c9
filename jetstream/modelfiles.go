package jetstream

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

const (
	modelChunk    = 128 << 10 // bytes of a part, as in NATS's own tools
	abandonedTime = time.Hour // after which parts without a description are of a push that was killed
)

// PushModel stores a model's file under m's name, with its note, contract and by whom, as its version or, if that is "", as
// the next number.
// The model is seen once all of it is stored, and not before; a push that fails leaves nothing.
func (c *Conn) PushModel(ctx context.Context, t Topology, m Model, file io.Reader) (Model, error) {
	if !goodModelName.MatchString(m.Name) || m.Version != "" && !goodModelVersion.MatchString(m.Version) {
		return Model{}, fail(CodeBadOption, nil, "%.120q is no model's name and version; want letters, digits, dots, - and _", m.Name+"@"+m.Version)
	}
	if len(m.Contract) > MaxContractBytes {
		return Model{}, fail(CodeTooLarge, nil, "the contract has %d bytes; at most %d are taken", len(m.Contract), MaxContractBytes)
	}
	if m.Version != "" { // so that what will be refused is not sent first
		if _, err := c.readObject(ctx, t, objectMeta(t.modelsBucket(), m.Name, m.Version)); err == nil {
			return Model{}, fail(CodeModelExists, nil, "%s is there already, or was; a version is never written again: choose another, or none", m.Ref())
		} else if !errors.Is(err, ErrNoMessage) {
			return Model{}, err
		}
	}
	if err := c.removeAbandoned(ctx, t, abandonedTime); err != nil {
		return Model{}, err
	}
	m.Note, m.By = reasonText(m.Note), reasonText(m.By)
	m.chunks = objectChunks(t.modelsBucket(), rand.Text())
	stored, err := c.pushFile(ctx, t, m, file)
	if err != nil {
		c.undoPush(context.WithoutCancel(ctx), t, m)
	}
	return stored, full(err)
}

// undoPush removes what was stored of a model. The last part may still be on its way into the stream, where a purge overtakes
// it, so an empty one is sent after it: once that is answered all are there.
func (c *Conn) undoPush(ctx context.Context, t Topology, m Model) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	if _, err := c.publishOnce(ctx, &nats.Msg{Subject: m.chunks}); err != nil {
		c.log.Debug("a part of a model that was not pushed may stay", "error", err)
	}
	if err := c.purge(ctx, t.Models.Name, m.chunks); err != nil {
		c.log.Warn("what was stored of the model stays for now; the next push removes it after an hour", "error", err)
	}
}

func (c *Conn) pushFile(ctx context.Context, t Topology, m Model, file io.Reader) (Model, error) {
	size, chunks, digest, err := c.pushChunks(ctx, m.chunks, file, MaxModelBytes)
	if err != nil {
		return Model{}, err
	}
	m.Bytes, m.Digest = size, hex.EncodeToString(digest)
	for given := m.Version != ""; ; {
		if !given {
			if m.Version, err = c.nextVersion(ctx, t, m.Name); err != nil {
				return Model{}, err
			}
		}
		info := objectInfo(t.modelsBucket(), m)
		info.Size, info.Chunks, info.Digest = uint64(size), uint32(chunks), digestPrefix+base64.URLEncoding.EncodeToString(digest)
		stored, err := c.putMeta(ctx, t, info, 0)
		var e *Error
		if !given && errors.As(err, &e) && e.Code == CodeModelExists {
			continue // somebody else took the number
		}
		if err != nil {
			return Model{}, err
		}
		m.sequence, m.Pushed = stored.Sequence, time.Now().UTC()
		return m, nil
	}
}

// pushChunks stores a file of at most so many bytes part by part: each waits for the one before, and is tried again under its own id while the server
// cannot be reached, so that they stay in order.
func (c *Conn) pushChunks(ctx context.Context, subject string, file io.Reader, most int64) (size int64, chunks int, digest []byte, err error) {
	hash, chunk := sha256.New(), make([]byte, modelChunk)
	for {
		n, err := io.ReadFull(file, chunk)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, 0, nil, err
		}
		if n == 0 {
			break
		}
		if size += int64(n); size > most {
			return 0, 0, nil, fail(CodeTooLarge, nil, "the model has more than %d bytes, which is the most that is taken", most)
		}
		hash.Write(chunk[:n])
		msg := &nats.Msg{Subject: subject, Data: chunk[:n], Header: nats.Header{js.MsgIDHeader: {subject + "/" + strconv.Itoa(chunks)}}}
		if _, err := c.publish(ctx, msg, isUnanswered); err != nil {
			return 0, 0, nil, err
		}
		chunks++
	}
	if size == 0 {
		return 0, 0, nil, fail(CodeBadModel, nil, "the model's file is empty")
	}
	return size, chunks, hash.Sum(nil), nil
}

// nextVersion is one more than the highest number that is or was a version of a model.
func (c *Conn) nextVersion(ctx context.Context, t Topology, name string) (string, error) {
	models, err := c.allModels(ctx, t)
	highest := uint64(0)
	for _, m := range models {
		if n, err := strconv.ParseUint(m.Version, 10, 32); err == nil && m.Name == name {
			highest = max(highest, n)
		}
	}
	return strconv.FormatUint(highest+1, 10), err
}

// FetchModel writes a model's file to w. What was written is worth nothing unless it returns nil: then it is as long as m
// says, and of m's digest.
func (c *Conn) FetchModel(ctx context.Context, t Topology, m Model, w io.Writer) error {
	hash, size := sha256.New(), int64(0)
	for sequence := uint64(1); size < m.Bytes; {
		part, err := c.modelPart(ctx, t.Models.Name, m.chunks, sequence)
		if errors.Is(err, ErrNoMessage) {
			return fail(CodeBadModel, nil, "the object store has %d of %s's %d bytes: it was deleted just now, or is damaged", size, m.Ref(), m.Bytes)
		}
		if err != nil {
			return err
		}
		if size += int64(len(part.Data)); size > m.Bytes {
			break
		}
		hash.Write(part.Data)
		if _, err := w.Write(part.Data); err != nil {
			return fmt.Errorf("%s: %w", m.Ref(), err)
		}
		sequence = part.Sequence + 1
	}
	if digest := hex.EncodeToString(hash.Sum(nil)); size != m.Bytes || digest != m.Digest {
		return fail(CodeBadModel, nil, "%s is damaged: its SHA-256 should be %s, and what is stored has %s", m.Ref(), m.Digest, digest)
	}
	return nil
}

// modelPart reads the first part of a file at or after a sequence, from any server that has it. It tries again until ctx
// ends while what is wrong may pass; a replica may lack what the leader has.
func (c *Conn) modelPart(ctx context.Context, stream, subject string, sequence uint64) (StreamMessage, error) {
	request := map[string]any{"seq": sequence, "next_by_subj": subject}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		part, err := c.direct(ctx, stream, request)
		if errors.Is(err, ErrNoMessage) {
			if part, err = c.stored(ctx, stream, request); errors.Is(err, ErrNoMessage) {
				return StreamMessage{}, err
			}
		}
		if err == nil {
			return part, nil
		}
		e := c.explain(stream, err)
		if !e.Passing() || c.nc.IsClosed() || !sleep(ctx, pause) {
			return StreamMessage{}, e
		}
	}
}

// removeAbandoned removes parts of files that no description names, and to which nobody has added for a time.
func (c *Conn) removeAbandoned(ctx context.Context, t Topology, after time.Duration) error {
	bucket := t.modelsBucket()
	info, err := c.streamInfo(ctx, t.Models.Name, objectChunks(bucket, ">"))
	if err != nil {
		return c.explain(t.Models.Name, err)
	}
	parts := info.State.Subjects
	err = c.eachObject(ctx, t, func(msg StreamMessage) { // after the parts, so that what was completed meanwhile is known
		var object js.ObjectInfo
		if json.Unmarshal(msg.Data, &object) == nil && !object.Deleted {
			delete(parts, objectChunks(bucket, object.NUID))
		}
	})
	if err != nil {
		return err
	}
	for subject, messages := range parts {
		last, err := c.readObject(ctx, t, subject)
		if err != nil || info.TimeStamp.Sub(last.Time) < after {
			continue // gone, or still being pushed
		}
		if err := c.purge(ctx, t.Models.Name, subject); err != nil {
			return err
		}
		c.log.Info("removed what a push that was interrupted had left", "parts", messages)
	}
	return nil
}

// full says what makes room for models.
func full(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == CodeStreamFull {
		return fail(CodeStreamFull, err, "the object store has no room for the model: delete versions that are no longer wanted (foxhunt model delete)")
	}
	return err
}
