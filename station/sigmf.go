package station

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"

	"foxhunt/messages"
)

// SigMF (https://sigmf.org) keeps a recording in two files, metadata in JSON and the samples alone, or in a tar archive of both.
const (
	sigmfMetaExt    = ".sigmf-meta"
	sigmfDataExt    = ".sigmf-data"
	sigmfArchiveExt = ".sigmf"

	sigmfVersion     = "1.2.0" // of the standard, as written
	extensionName    = "foxhunt"
	extensionVersion = "1.0.0"

	// maxMetaBytes bounds metadata: a hundred thousand annotations.
	maxMetaBytes = 16 << 20
)

// sigmfMeta is the metadata of a recording, as far as it is read or written here. The foxhunt fields are an extension that
// docs/sigmf.md describes.
type sigmfMeta struct {
	Global      sigmfGlobal    `json:"global"`
	Captures    []sigmfSegment `json:"captures"`
	Annotations []struct{}     `json:"annotations"` // none is written; what is in those of others is not looked at
}

type sigmfGlobal struct {
	Datatype     string          `json:"core:datatype"`
	SampleRate   float64         `json:"core:sample_rate,omitzero"` // Hz
	Version      string          `json:"core:version"`
	Channels     sigmfInt        `json:"core:num_channels,omitzero"`
	SHA512       string          `json:"core:sha512,omitzero"`
	Offset       sigmfInt        `json:"core:offset,omitzero"`
	Dataset      string          `json:"core:dataset,omitzero"`
	Trailing     sigmfInt        `json:"core:trailing_bytes,omitzero"`
	MetadataOnly bool            `json:"core:metadata_only,omitzero"`
	Geolocation  *sigmfPoint     `json:"core:geolocation,omitzero"`
	Recorder     string          `json:"core:recorder,omitzero"`
	Description  string          `json:"core:description,omitzero"`
	Extensions   sigmfExtensions `json:"core:extensions,omitzero"`

	Station  string      `json:"foxhunt:station,omitzero"`
	Capture  string      `json:"foxhunt:capture_id,omitzero"`
	Network  string      `json:"foxhunt:network,omitzero"`
	Source   string      `json:"foxhunt:source,omitzero"`
	Event    string      `json:"foxhunt:event,omitzero"`
	Session  string      `json:"foxhunt:session,omitzero"`
	Gain     *float64    `json:"foxhunt:gain_db,omitzero"`
	Truth    *sigmfPoint `json:"foxhunt:truth,omitzero"`
	Reason   string      `json:"foxhunt:reason,omitzero"`
	Sentence string      `json:"foxhunt:sentence,omitzero"`
}

type sigmfExtension struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Optional bool   `json:"optional"`
}

// sigmfSegment is the samples from Start to the next segment's.
type sigmfSegment struct {
	Start       sigmfInt    `json:"core:sample_start"`
	Frequency   float64     `json:"core:frequency,omitzero"` // Hz
	Datetime    string      `json:"core:datetime,omitzero"`  // of the sample Start
	Geolocation *sigmfPoint `json:"core:geolocation,omitzero"`
	HeaderBytes sigmfInt    `json:"core:header_bytes,omitzero"` // before the segment's samples
	Sigma       *float64    `json:"foxhunt:sigma_ns,omitzero"`  // standard deviation of Datetime
}

// sigmfPoint is a point in GeoJSON: longitude and latitude in degrees, and perhaps an altitude in m.
type sigmfPoint struct {
	Type        string    `json:"type"`
	Coordinates []float64 `json:"coordinates"`
}

// parseMeta reads metadata and checks what the standard demands and what must hold before the samples are looked at.
func parseMeta(text []byte, name string) (*sigmfMeta, error) {
	if len(text) > maxMetaBytes {
		return nil, refuse(CodeTooLarge, "%s has %d bytes of metadata; want at most %d", name, len(text), maxMetaBytes)
	}
	m := &sigmfMeta{}
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), m); err != nil {
		return nil, refuseJSON(err, name)
	}
	g := &m.Global
	switch {
	case g.Datatype == "" || g.Version == "":
		return nil, refuse(CodeBadSigMF, "%s lacks core:datatype or core:version, which SigMF demands", name)
	case g.MetadataOnly:
		return nil, refuse(CodeBadSigMF, "%s says core:metadata_only: its samples are not handed out with it", name)
	case g.Channels > 1:
		return nil, refuse(CodeBadSigMF, "%s has core:num_channels %d; want one receiver in a recording: write each channel to a recording of its own", name, g.Channels)
	case g.Offset < 0 || g.Trailing < 0 || g.Channels < 0:
		return nil, refuse(CodeBadSigMF, "%s: core:offset, core:trailing_bytes and core:num_channels must not be negative", name)
	case g.Station != "" && messages.ValidateToken("station", g.Station) != nil:
		return nil, refuse(CodeBadSigMF, "%s: foxhunt:station is %.80q; want 1 to %d of A-Z a-z 0-9 _ -", name, g.Station, messages.MaxTokenLength)
	case len(g.Event) > messages.MaxTextBytes || len(g.Session) > messages.MaxTextBytes:
		return nil, refuse(CodeBadSigMF, "%s: foxhunt:event and foxhunt:session may have %d bytes", name, messages.MaxTextBytes)
	}
	for _, e := range g.Extensions {
		if !e.Optional && e.Name != extensionName {
			return nil, refuse(CodeBadSigMF, "%s cannot be read without the extension %.80q, says core:extensions, and it is not known here", name, e.Name)
		}
	}
	return m, nil
}

// place is the station's, of a segment or else of all; nil where neither says it. A receiver that was never told its place
// writes 0, 0.
func (m *sigmfMeta) place(s *sigmfSegment, name string) (*Place, error) {
	point := s.Geolocation
	if point == nil {
		point = m.Global.Geolocation
	}
	if point == nil {
		return nil, nil
	}
	c := point.Coordinates
	if point.Type != "Point" || len(c) < 2 || len(c) > 3 {
		return nil, refuse(CodeBadSigMF, "%s: core:geolocation is no GeoJSON point of longitude, latitude and perhaps altitude", name)
	}
	p := &Place{Longitude: c[0], Latitude: c[1]}
	if len(c) == 3 {
		p.Altitude = c[2]
	}
	switch {
	case p.Latitude == 0 && p.Longitude == 0:
		return nil, nil
	case math.Abs(p.Latitude) > 90 || math.Abs(p.Longitude) > 180:
		return nil, refuse(CodeBadSigMF, "%s: core:geolocation is longitude %g, latitude %g; want degrees on the globe, longitude first", name, p.Longitude, p.Latitude)
	}
	return p, nil
}

// parseDatetime reads core:datetime, ns since the Unix epoch: ISO 8601 in UTC, also without its Z or with a blank for its T.
func parseDatetime(text, name string) (int64, error) {
	usual := strings.Replace(strings.ToUpper(strings.TrimSpace(text)), " ", "T", 1)
	t, err := time.Parse(time.RFC3339Nano, usual)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, usual+"Z")
	}
	if err != nil || !t.After(time.Unix(0, 0)) || !t.Before(time.Unix(0, messages.MaxStartTime)) {
		return 0, refuse(messages.CodeBadTime, "%s: core:datetime is %.60q; want a time from 1970 to 2199, for example 2020-08-13T06:52:20.123456789Z", name, text)
	}
	return t.UnixNano(), nil
}
