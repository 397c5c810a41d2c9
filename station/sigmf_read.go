package station

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"foxhunt/messages"
)

// Place is where a recording says that its receiver stood, WGS84.
type Place struct {
	Latitude  float64 // degrees
	Longitude float64 // degrees
	Altitude  float64 // m
}

// IsSigMF reports whether a file's name is that of SigMF metadata, samples or an archive.
func IsSigMF(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case sigmfMetaExt, sigmfDataExt, sigmfArchiveExt:
		return true
	}
	return false
}

// isUnreadSigMF reports whether a file's name is that of a kind of SigMF that is not read.
func isUnreadSigMF(path string) bool {
	path = strings.ToLower(path)
	for _, ext := range []string{".sigmf-collection", ".sigmf.gz", ".sigmf.xz", ".sigmf.zip"} {
		if strings.HasSuffix(path, ext) {
			return true
		}
	}
	return false
}

// SigMFTwin is the name of the other file of a SigMF recording, where path is that of one of its two; else "".
func SigMFTwin(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case sigmfDataExt:
		return withExt(path, sigmfMetaExt)
	case sigmfMetaExt:
		return withExt(path, sigmfDataExt)
	}
	return ""
}

// withExt is path with another end: in upper case where its own is.
func withExt(path, ext string) string {
	own := filepath.Ext(path)
	if own == strings.ToUpper(own) {
		ext = strings.ToUpper(ext)
	}
	return strings.TrimSuffix(path, own) + ext
}

// openSigMF reads a SigMF recording by the name of any of its files.
func openSigMF(path string, o Options) (*Recording, error) {
	if strings.EqualFold(filepath.Ext(path), sigmfArchiveExt) {
		return openArchive(path, o)
	}
	if strings.EqualFold(filepath.Ext(path), sigmfDataExt) {
		path = SigMFTwin(path)
	}
	name := filepath.Base(path)
	text, err := readFile(path, maxMetaBytes)
	if err != nil {
		return nil, err
	}
	m, err := parseMeta(text, name)
	if err != nil {
		return nil, err
	}
	samples, err := m.dataset(name)
	if err != nil {
		return nil, err
	}
	data, err := readFile(filepath.Join(filepath.Dir(path), samples), MaxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(CodeBadSigMF, "%s has no samples beside it: %.200q is not there", name, samples)
	}
	if err != nil {
		return nil, err
	}
	return m.recording(data, name, o)
}

// dataset is the name of the samples' file: beside the metadata, whatever these say.
func (m *sigmfMeta) dataset(name string) (string, error) {
	given := m.Global.Dataset
	switch {
	case given == "":
		return withExt(name, sigmfDataExt), nil
	case given == "." || given == ".." || strings.ContainsAny(given, "/\\:\x00") || len(given) > 255:
		return "", refuse(CodeBadSigMF, "%s: core:dataset is %.200q; want the name of a file in the same folder", name, given)
	}
	return given, nil
}

// readFile reads a regular file of bounded size.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, refuse(CodeBadSigMF, "%.200q is no file", path)
	case info.Size() > most:
		return nil, refuse(CodeTooLarge, "%.200q has %d bytes; want at most %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

// recording makes one of a segment of the samples: of the one that is asked for, else of the longest. It takes data over.
func (m *sigmfMeta) recording(data []byte, name string, o Options) (*Recording, error) {
	g := &m.Global
	size := sigmfSize(g.Datatype)
	if size == 0 {
		return nil, refuseDatatype(g.Datatype, name)
	}
	if err := m.checkHash(data, name); err != nil {
		return nil, err
	}
	spans, err := m.spans(len(data), int64(size), name)
	if err != nil {
		return nil, err
	}
	chosen := o.Segment - 1
	if o.Segment == 0 {
		chosen = longest(spans)
	}
	if chosen < 0 || chosen >= len(spans) {
		return nil, refuse(CodeBadSigMF, "%s has no segment %d; it has %d", name, o.Segment, len(spans))
	}
	segment := m.Captures[chosen]
	if o.StartTime != 0 || segment.Datetime == "" {
		segment.Sigma = nil // it is core:datetime's, and no other time's
	}
	if o, err = m.fill(o, &segment, name); err != nil {
		return nil, err
	}
	iq := data[spans[chosen].from:spans[chosen].to]
	r, err := plain(iq, name, toFormat(iq, g.Datatype), o.SampleRate, o)
	if err != nil {
		return nil, err
	}
	for i, s := range spans {
		if i != chosen {
			r.Dropped += int(s.to-s.from) / size
		}
	}
	return r, m.tell(r, &segment, name)
}

// fill adds to o what o leaves open and the metadata say.
func (m *sigmfMeta) fill(o Options, s *sigmfSegment, name string) (Options, error) {
	if o.SampleRate == 0 {
		o.SampleRate = m.Global.SampleRate
	}
	if o.SampleRate == 0 {
		return o, refuse(CodeMissingOption, "%s has no core:sample_rate; say its sample rate", name)
	}
	if o.StartTime != 0 || s.Datetime == "" {
		return o, nil
	}
	var err error
	o.StartTime, err = parseDatetime(s.Datetime, name)
	return o, err
}

// tell sets what else the metadata say of the recording.
func (m *sigmfMeta) tell(r *Recording, s *sigmfSegment, name string) (err error) {
	g := &m.Global
	r.Frequency, r.Station, r.Event, r.Session, r.Part = s.Frequency, g.Station, g.Event, g.Session, g.Capture
	if s.Sigma != nil {
		r.SigmaUnknown = false
		if r.ClockSigma = *s.Sigma; !(r.ClockSigma >= 0 && r.ClockSigma <= messages.MaxClockSigma) {
			return refuse(messages.CodeBadSigma, "%s: foxhunt:sigma_ns is %g; want 0 to 1e9", name, r.ClockSigma)
		}
	}
	if g.Gain != nil {
		r.Gain = *g.Gain
	}
	r.Place, err = m.place(s, name)
	return err
}
