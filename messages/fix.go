package messages

import (
	"math"
	"time"
)

// FixVersion is the version of the fix this program writes.
const FixVersion = 1

// Fix is where a transmitter is, with its uncertainty. It has the same names in JSON and in
// msgpack. Two fixes of one capture by one model differ in their times only (see SameFix).
type Fix struct {
	Version     int           `json:"v"`
	CaptureID   string        `json:"capture_id"`
	Event       string        `json:"event"`
	Session     string        `json:"session"`
	Network     string        `json:"network"`
	Source      string        `json:"source"`
	Frequency   float64       `json:"frequency"` // Hz
	Time        Instant       `json:"time"`      // of the capture's earliest sample
	Position    Position      `json:"position"`
	Uncertainty Uncertainty   `json:"uncertainty"`
	Confidence  float64       `json:"confidence"` // 0 to 1
	Model       Model         `json:"model"`
	Arm         string        `json:"arm,omitempty"`        // an Arm constant; fixes of older programs have none
	Experiment  string        `json:"experiment,omitempty"` // the split that ran when the capture was stored
	Fallback    *Fallback     `json:"fallback,omitempty"`   // the challenger failed, and the champion answered
	Budget      Budget        `json:"budget"`
	Receivers   []FixReceiver `json:"receivers"`
	CacheHit    bool          `json:"cache_hit"`
	Inference   float64       `json:"inference_time_ms"` // from the capture's arrival to the fix, ms
	Stages      Stages        `json:"stages_ms"`
	Timestamp   Instant       `json:"timestamp"`       // when the fix was made
	Truth       *FixTruth     `json:"truth,omitempty"` // where the capture said where its emitter was
	GeoJSON     RawJSON       `json:"geojson,omitempty"`
}

// The arms: what a model was to a capture.
const (
	ArmChampion   = "champion"   // the model that serves
	ArmChallenger = "challenger" // the model that serves a share of the captures instead
	ArmShadow     = "shadow"     // a model whose fixes nobody relies on, on subjects of their own
)

// Fallback says which model should have made a fix, and why it did not.
type Fallback struct {
	Model    Model  `json:"model"` // all empty where the worker had not loaded it
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
}

// FixTruth holds a fix against where the emitter was.
type FixTruth struct {
	Latitude  float64 `json:"latitude"`  // degrees
	Longitude float64 `json:"longitude"` // degrees
	Error     float64 `json:"error_m"`   // m, from the fix to the truth
	D2        float64 `json:"d2"`        // squared Mahalanobis distance of the truth by the fix's covariance
}

// Position is a place on the WGS84 ellipsoid.
type Position struct {
	Latitude  float64 `json:"latitude"`  // degrees
	Longitude float64 `json:"longitude"` // degrees
}

// Uncertainty is the error of a position as a two-dimensional normal distribution.
type Uncertainty struct {
	SigmaX             float64 `json:"sigma_x"`             // m, standard deviation to the east
	SigmaY             float64 `json:"sigma_y"`             // m, standard deviation to the north
	Theta              float64 `json:"theta"`               // degrees, of the major axis, counter-clockwise from east
	ConfidenceInterval float64 `json:"confidence_interval"` // the share of truths the ellipse holds, 0.95 unless asked otherwise
	CovarianceXY       float64 `json:"covariance_xy"`       // m²
	SemiMajor          float64 `json:"semi_major_m"`        // m, scaled for ConfidenceInterval
	SemiMinor          float64 `json:"semi_minor_m"`        // m, scaled for ConfidenceInterval
	Area               float64 `json:"area_m2"`             // m², of the ellipse
}

// Model says which model made a fix.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"` // SHA-256 of the model's file, hexadecimal
}

// Budget is the error budget a fix was made with, beside the receivers' own clocks.
type Budget struct {
	Propagation float64 `json:"propagation_s"` // s, standard deviation of an arrival time by the path
	Source      string  `json:"source"`        // where it comes from: a band's default, a network's option
}

// FixReceiver says what became of one receiver of the capture.
type FixReceiver struct {
	Station  string  `json:"station"`
	Used     bool    `json:"used"`
	Residual float64 `json:"residual"` // s, arrival time measured less the one the position explains

	// CaptureID is that of the station's own capture where captures of several stations met; "" where one capture holds them.
	CaptureID string `json:"capture_id,omitempty"`
}

// Stages is the time each stage took, ms.
type Stages struct {
	Decode     float64 `json:"decode"`
	Preprocess float64 `json:"preprocess"`
	Cache      float64 `json:"cache"`
	Model      float64 `json:"model"`
	Ellipse    float64 `json:"ellipse"`
}

// Validate refuses a fix that cannot be right or cannot be written: NaN and infinity, places
// off the globe, shares outside 0..1, names that are neither empty nor tokens (they are shown
// on terminals). The error is a *Refusal with CodeBadFix.
func (f *Fix) Validate() error {
	u := &f.Uncertainty
	switch {
	case f.Version != FixVersion:
		return refuse(CodeBadVersion, "v is %d; this program reads fixes of version %d", f.Version, FixVersion)
	case !(math.Abs(f.Position.Latitude) <= 90) || !(math.Abs(f.Position.Longitude) <= 180):
		return badFix("position", f.Position.Latitude, "degrees on the globe")
	case !(f.Confidence >= 0 && f.Confidence <= 1):
		return badFix("confidence", f.Confidence, "0 to 1")
	case !(u.ConfidenceInterval > 0 && u.ConfidenceInterval < 1):
		return badFix("uncertainty.confidence_interval", u.ConfidenceInterval, "more than 0 and less than 1")
	case len(f.Receivers) > MaxReceivers:
		return refuse(CodeBadFix, "receivers has %d entries; want at most %d", len(f.Receivers), MaxReceivers)
	}
	for _, check := range []struct {
		name string
		x    float64
	}{
		{"uncertainty.sigma_x", u.SigmaX}, {"uncertainty.sigma_y", u.SigmaY},
		{"uncertainty.semi_major_m", u.SemiMajor}, {"uncertainty.semi_minor_m", u.SemiMinor},
		{"uncertainty.area_m2", u.Area}, {"budget.propagation_s", f.Budget.Propagation},
		{"inference_time_ms", f.Inference}, {"frequency", f.Frequency},
		{"stages_ms.decode", f.Stages.Decode}, {"stages_ms.preprocess", f.Stages.Preprocess},
		{"stages_ms.cache", f.Stages.Cache}, {"stages_ms.model", f.Stages.Model}, {"stages_ms.ellipse", f.Stages.Ellipse},
	} {
		if !(check.x >= 0 && check.x <= math.MaxFloat64) {
			return badFix(check.name, check.x, "a finite number, not below 0")
		}
	}
	if !finite(u.Theta) {
		return badFix("uncertainty.theta", u.Theta, "a finite number")
	}
	if !finite(u.CovarianceXY) {
		return badFix("uncertainty.covariance_xy", u.CovarianceXY, "a finite number")
	}
	for _, r := range f.Receivers {
		if !isName(r.Station) {
			return badName(CodeBadFix, "a receiver's station", r.Station)
		}
		if !isName(r.CaptureID) {
			return badName(CodeBadFix, "the capture_id of receiver "+r.Station, r.CaptureID)
		}
		if !finite(r.Residual) {
			return badFix("the residual of receiver "+r.Station, r.Residual, "a finite number")
		}
	}
	for _, check := range []struct{ name, text string }{
		{"capture_id", f.CaptureID}, {"network", f.Network}, {"source", f.Source}, {"arm", f.Arm}, {"experiment", f.Experiment},
	} {
		if !isName(check.text) {
			return badName(CodeBadFix, check.name, check.text)
		}
	}
	if f.Fallback != nil && !isName(f.Fallback.Code) {
		return badName(CodeBadFix, "fallback.code", f.Fallback.Code)
	}
	return f.Truth.validate()
}

// validate takes no truth for a good one.
func (t *FixTruth) validate() error {
	switch {
	case t == nil:
	case !(&Position{t.Latitude, t.Longitude}).onGlobe():
		return badFix("truth.latitude or truth.longitude", t.Latitude, "degrees on the globe")
	case !(t.Error >= 0 && t.Error <= math.MaxFloat64):
		return badFix("truth.error_m", t.Error, "a finite number, not below 0")
	case !(t.D2 >= 0 && t.D2 <= math.MaxFloat64):
		return badFix("truth.d2", t.D2, "a finite number, not below 0")
	}
	return nil
}

func isName(s string) bool { return s == "" || validToken(s) }

func badName(code, name, text string) *Refusal {
	return refuse(code, "%s is %.80q; want nothing, or 1 to %d of A-Z a-z 0-9 _ -", name, text, MaxTokenLength)
}

func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

func badFix(name string, x float64, want string) *Refusal {
	return refuse(CodeBadFix, "%.100s is %g; want %s", name, x, want)
}

// SameFix reports whether two fixes say the same: equal but for the times it took to make them and the way they came
// about, from the cache or not, in this arm or that.
func SameFix(a, b *Fix) bool {
	x, y := a.withoutTimes(), b.withoutTimes()
	if (a.Truth == nil) != (b.Truth == nil) || a.Truth != nil && *a.Truth != *b.Truth {
		return false
	}
	if len(a.Receivers) != len(b.Receivers) || string(a.GeoJSON) != string(b.GeoJSON) {
		return false
	}
	for i := range a.Receivers {
		if a.Receivers[i] != b.Receivers[i] {
			return false
		}
	}
	return x == y
}

// fixCore is the comparable part of a fix.
type fixCore struct {
	version                                    int
	captureID, event, session, network, source string
	frequency, confidence                      float64
	time                                       Instant
	position                                   Position
	uncertainty                                Uncertainty
	model                                      Model
	budget                                     Budget
}

func (f *Fix) withoutTimes() fixCore {
	return fixCore{
		version: f.Version, captureID: f.CaptureID, event: f.Event, session: f.Session,
		network: f.Network, source: f.Source, frequency: f.Frequency, confidence: f.Confidence,
		time: f.Time, position: f.Position, uncertainty: f.Uncertainty, model: f.Model, budget: f.Budget,
	}
}

// Instant is a moment in nanoseconds since the Unix epoch. It is written as RFC 3339 text in
// UTC, `2020-08-13T06:52:20.520645442Z`, in JSON and in msgpack alike.
type Instant int64

// InstantOf is the moment t.
func InstantOf(t time.Time) Instant { return Instant(t.UnixNano()) }

// Time is the moment as a time.Time in UTC.
func (i Instant) Time() time.Time { return time.Unix(0, int64(i)).UTC() }

// String is the moment in RFC 3339, with as many digits of a second as it needs.
func (i Instant) String() string { return i.Time().Format(time.RFC3339Nano) }
