package station

import (
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"foxhunt/messages"
)

// Station is a receiver's place and what is known of it.
type Station struct {
	ID         string
	Latitude   float64 // degrees
	Longitude  float64 // degrees
	Altitude   float64 // m
	Gain       float64 // dB
	ClockSigma float64 // ns, unless Options say another; 0 leaves it to the recording
}

// Stations are the receivers of a network.
type Stations []Station

// maxStationsBytes bounds a stations file: some ten thousand entries.
const maxStationsBytes = 1 << 20

// stationEntry is a station as it stands in the file.
type stationEntry struct {
	ID    string   `yaml:"id"`
	Lat   *float64 `yaml:"lat"`
	Lon   *float64 `yaml:"lon"`
	Alt   float64  `yaml:"alt"`
	Gain  float64  `yaml:"gain"`
	Sigma float64  `yaml:"sigma"`
	line  int
}

// UnmarshalYAML remembers the line an entry begins in.
func (e *stationEntry) UnmarshalYAML(node ast.Node) error {
	type bare stationEntry // without this method
	e.line = node.GetToken().Position.Line
	return yaml.NodeToValue(node, (*bare)(e), yaml.Strict())
}

// LoadStations reads a stations file: a YAML list of
//
//   - id: HB9ODP       # [A-Za-z0-9_-]{1,64}
//     lat: 46.499351   # degrees
//     lon: 8.798828    # degrees
//     alt: 1100        # m, optional
//     gain: 0          # dB, optional
//     sigma: 100       # ns, optional: standard deviation of its clock, in place of the recording's
//
// Unknown keys are refused. The error is a *messages.Refusal that names the line, or one of
// the os package.
func LoadStations(path string) (Stations, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStationsBytes {
		return nil, refuse(CodeBadStations, "%s has %d bytes; want at most %d", path, info.Size(), maxStationsBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseStations(text, path)
}

// ParseStations reads the text of a stations file; name is the file's, for messages.
func ParseStations(text []byte, name string) (Stations, error) {
	entries, err := parseEntries(text)
	if err != nil {
		return nil, refuse(CodeBadStations, "%s: %s", name, yamlSentence(err))
	}
	if len(entries) == 0 {
		return nil, refuse(CodeBadStations, "%s: no stations; want a list of id, lat, lon, alt", name)
	}
	stations := make(Stations, 0, len(entries))
	for i, e := range entries {
		if e.line == 0 {
			return nil, refuse(CodeBadStations, "%s: entry %d is empty", name, i+1)
		}
		if why := e.wrong(); why != "" {
			return nil, refuse(CodeBadStations, "%s, line %d: %s", name, e.line, why)
		}
		if other, ok := stations.Find(e.ID); ok {
			return nil, refuse(CodeBadStations, "%s, line %d: %s is listed before as %s", name, e.line, e.ID, other.ID)
		}
		stations = append(stations, Station{
			ID: e.ID, Latitude: *e.Lat, Longitude: *e.Lon, Altitude: e.Alt, Gain: e.Gain, ClockSigma: e.Sigma,
		})
	}
	return stations, nil
}

// parseEntries turns a panic into an error: the library has them for a few malformed texts,
// such as a tag on a list that is none.
func parseEntries(text []byte) (entries []stationEntry, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this is not YAML as expected; want a list of id, lat, lon, alt")
		}
	}()
	err = yaml.UnmarshalWithOptions(text, &entries, yaml.Strict())
	return entries, err
}

// yamlSentence is the library's error in one line, with its place.
func yamlSentence(err error) string {
	var wrongType *yaml.TypeError
	if errors.As(err, &wrongType) && wrongType.DstType.Kind() == reflect.Float64 {
		return fmt.Sprintf("line %d: %.40q is no number", wrongType.Token.Position.Line, wrongType.Token.Value)
	}
	var e yaml.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("line %d: %s", e.GetToken().Position.Line, e.GetMessage())
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// wrong says what is wrong with an entry; "" when nothing is.
func (e *stationEntry) wrong() string {
	switch {
	case messages.ValidateToken("id", e.ID) != nil:
		return fmt.Sprintf("id is %.80q; want 1 to %d of A-Z a-z 0-9 _ -", e.ID, messages.MaxTokenLength)
	case e.Lat == nil || e.Lon == nil:
		return "lat and lon of " + e.ID + " are needed, in degrees"
	case !(math.Abs(*e.Lat) <= 90):
		return fmt.Sprintf("lat of %s is %g; want -90 to 90 degrees", e.ID, *e.Lat)
	case !(math.Abs(*e.Lon) <= 180):
		return fmt.Sprintf("lon of %s is %g; want -180 to 180 degrees", e.ID, *e.Lon)
	case *e.Lat == 0 && *e.Lon == 0:
		return "lat and lon of " + e.ID + " are both 0: it was never told its place"
	case !(e.Alt >= messages.MinAltitude && e.Alt <= messages.MaxAltitude):
		return fmt.Sprintf("alt of %s is %g; want %g to %g m", e.ID, e.Alt, float64(messages.MinAltitude), float64(messages.MaxAltitude))
	case !(math.Abs(e.Gain) <= messages.MaxGain):
		return fmt.Sprintf("gain of %s is %g; want -%d to %d dB", e.ID, e.Gain, messages.MaxGain, messages.MaxGain)
	case !(e.Sigma >= 0 && e.Sigma <= messages.MaxClockSigma):
		return fmt.Sprintf("sigma of %s is %g; want 0 to 1e9 ns", e.ID, e.Sigma)
	}
	return ""
}

// Find looks a station up by its id, whatever the case.
func (s Stations) Find(id string) (Station, bool) {
	for _, station := range s {
		if strings.EqualFold(station.ID, id) {
			return station, true
		}
	}
	return Station{}, false
}

// of is the station that made a recording. What the recording says of its place counts where s does not know it.
func (s Stations) of(r *Recording) (Station, error) {
	if r.Station == "" {
		return Station{}, refuse(CodeUnknownStation, "the name of %s does not say its station; name it", r.Name)
	}
	station, ok := s.Find(r.Station)
	if !ok && r.Place != nil {
		return Station{ID: r.Station, Latitude: r.Place.Latitude, Longitude: r.Place.Longitude, Altitude: r.Place.Altitude}, nil
	}
	if !ok && len(s) == 0 {
		return Station{}, refuse(CodeUnknownStation, "%s does not say where its station %s stood; a stations file must", r.Name, r.Station)
	}
	if !ok {
		return Station{}, refuse(CodeUnknownStation, "station %s of %s is not in the stations file, which has %s", r.Station, r.Name, s.names())
	}
	return station, nil
}

// names lists the stations for a sentence, the first few at most.
func (s Stations) names() string {
	const few = 8
	var ids []string
	for _, station := range s[:min(len(s), few)] {
		ids = append(ids, station.ID)
	}
	list := strings.Join(ids, ", ")
	if len(s) > few {
		list += fmt.Sprintf(" and %d more", len(s)-few)
	}
	return list
}
