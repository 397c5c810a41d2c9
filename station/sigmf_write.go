package station

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"foxhunt/messages"
)

// Taken is where a capture was taken from, for SigMF.
type Taken struct {
	Network, Source  string // of its subject; "" where that is no capture's
	Reason, Sentence string // why it became a dead letter, if it did
}

// SigMF is one receiver's part of a capture as a SigMF recording.
type SigMF struct {
	Name string // of its files, without what SigMF ends them with: safe in any folder
	Meta []byte // JSON
	Data []byte // samples; they alias the capture's
}

// NewSigMF makes a SigMF recording of receiver i of a capture. The capture may be one that a worker refused ([messages.Peek]):
// what of it makes no sense is left out. number stands for an id that is none. Samples of no known format, and a receiver
// without any, are a *messages.Refusal.
func NewSigMF(c *messages.Capture, i int, number uint64, from Taken) (*SigMF, error) {
	rx := &c.Receivers[i]
	size := rx.Format.BytesPerSample()
	if size == 0 || len(rx.IQ) < size {
		return nil, refuse(CodeTooShort, "rx[%d] has no samples in a format that is known: %d bytes of %.32q", i, len(rx.IQ), string(rx.Format))
	}
	s := &SigMF{Name: sigmfName(c, i, number), Data: rx.IQ[:len(rx.IQ)/size*size]}
	sum := sha512.Sum512(s.Data)
	m := sigmfMeta{Annotations: []struct{}{}, Captures: []sigmfSegment{segmentOf(c, rx)}, Global: sigmfGlobal{
		Datatype: string(rx.Format), Version: sigmfVersion, SHA512: hex.EncodeToString(sum[:]), Recorder: "foxhunt",
		Extensions: []sigmfExtension{{extensionName, extensionVersion, true}},
		Event:      extensionText(c.Event), Session: extensionText(c.Session), Network: from.Network, Source: from.Source,
		Reason: extensionText(from.Reason), Sentence: extensionText(from.Sentence),
	}}
	g := &m.Global
	if isToken(rx.Station) {
		g.Station = rx.Station
	}
	if isToken(c.ID) {
		g.Capture = c.ID
	}
	if within(rx.SampleRate, messages.MinSampleRate, messages.MaxSampleRate) {
		g.SampleRate = rx.SampleRate
	}
	if within(rx.Gain, -messages.MaxGain, messages.MaxGain) {
		g.Gain = &rx.Gain
	}
	if c.Truth != nil {
		g.Truth = pointOf(c.Truth.Latitude, c.Truth.Longitude)
	}
	text, err := json.MarshalIndent(&m, "", "  ")
	s.Meta = append(text, '\n')
	return s, err
}

// segmentOf is the only segment of a receiver's samples.
func segmentOf(c *messages.Capture, rx *messages.Receiver) (s sigmfSegment) {
	if within(c.Frequency, math.SmallestNonzeroFloat64, messages.MaxFrequency) {
		s.Frequency = c.Frequency
	}
	if rx.StartTime > 0 && rx.StartTime < messages.MaxStartTime {
		s.Datetime = messages.Instant(rx.StartTime).String()
	}
	if within(rx.ClockSigma, 0, messages.MaxClockSigma) {
		s.Sigma = &rx.ClockSigma
	}
	if rx.Latitude == 0 && rx.Longitude == 0 {
		return s
	}
	s.Geolocation = pointOf(rx.Latitude, rx.Longitude)
	if s.Geolocation != nil && within(rx.Altitude, messages.MinAltitude, messages.MaxAltitude) {
		s.Geolocation.Coordinates = append(s.Geolocation.Coordinates, rx.Altitude)
	}
	return s
}

func pointOf(latitude, longitude float64) *sigmfPoint {
	if !within(latitude, -90, 90) || !within(longitude, -180, 180) {
		return nil
	}
	return &sigmfPoint{Type: "Point", Coordinates: []float64{longitude, latitude}}
}

// within is false for what is no number, too.
func within(x, least, most float64) bool { return x >= least && x <= most }

func isToken(s string) bool { return messages.ValidateToken("name", s) == nil }

// extensionText bounds a text that nobody may have checked.
func extensionText(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 2*messages.MaxTextBytes)], "")
}

// sigmfName is <capture id>_<station>. Neither is taken where it is no token, whatever it may say to a file system.
func sigmfName(c *messages.Capture, i int, number uint64) string {
	id, station := c.ID, c.Receivers[i].Station
	if !isToken(id) {
		id = fmt.Sprintf("number%d", number)
	}
	if !isToken(station) {
		station = fmt.Sprintf("rx%d", i)
	}
	return id + "_" + station
}

// Write writes the recording's two files into a folder, or, as an archive, one, and returns the name of the metadata's or the
// archive's. What is there already is left as it is, with an error that is [fs.ErrExist], unless force is set.
func (s *SigMF) Write(folder string, archive, force bool) (string, error) {
	if archive {
		var file bytes.Buffer
		if err := s.archive(&file); err != nil {
			return "", err
		}
		path := filepath.Join(folder, s.Name+sigmfArchiveExt)
		return path, writeNew(path, file.Bytes(), force)
	}
	meta, data := filepath.Join(folder, s.Name+sigmfMetaExt), filepath.Join(folder, s.Name+sigmfDataExt)
	if _, err := os.Lstat(meta); err == nil && !force { // before samples are written that belong to nothing
		return meta, exists(meta)
	}
	if err := writeNew(data, s.Data, force); err != nil {
		return data, err
	}
	if err := writeNew(meta, s.Meta, force); err != nil {
		return meta, errors.Join(err, os.Remove(data))
	}
	return meta, nil
}

func exists(path string) error {
	return fmt.Errorf("%s %w and is left as it is", path, fs.ErrExist)
}

// writeNew makes a file, and neither follows a link of that name nor leaves half a file behind.
func writeNew(path string, content []byte, force bool) error {
	if force {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// archive writes the tar that the standard describes: the samples, whose place then stays when metadata are changed, first.
func (s *SigMF) archive(out io.Writer) error {
	t := tar.NewWriter(out)
	for _, f := range []struct {
		ext     string
		content []byte
	}{{sigmfDataExt, s.Data}, {sigmfMetaExt, s.Meta}} {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: s.Name + "/" + s.Name + f.ext, Size: int64(len(f.content)), Mode: 0o644, Format: tar.FormatPAX}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(f.content); err != nil {
			return err
		}
	}
	return t.Close()
}
