package compare

import (
	"time"

	"foxhunt/messages"
)

// Report is two arms beside each other.
type Report struct {
	From        time.Time      `json:"from"` // when the first of the fixes was made, by the workers' clocks
	To          time.Time      `json:"to"`   // the last
	Experiment  string         `json:"experiment,omitempty"`
	Paired      bool           `json:"paired"` // both arms answered the same captures, and are compared on those
	Unit        string         `json:"unit"`   // what the differences rest on: sessions, or captures where none has a session
	A           Arm            `json:"a"`
	B           Arm            `json:"b"`
	Split       *Split         `json:"split,omitempty"` // unless paired
	DeadLetters map[string]int `json:"dead_letters"`    // by reason; of neither arm
	Measures    []Comparison   `json:"measures"`
	Warnings    []Warning      `json:"warnings"`

	judged map[string]*judgement
}

// judgement is what a rule needs of a measure.
type judgement struct {
	measure    measure
	difference difference
}

// Arm is what one arm answered.
type Arm struct {
	Name     string         `json:"arm"`
	Model    messages.Model `json:"model"`
	Fixes    int            `json:"fixes"`     // by this model, those of its failures that the champion answered included
	Cached   int            `json:"cached"`    // of them
	Failures map[string]int `json:"failures"`  // of them, by code; challenger_not_loaded and suspect are in no figure
	Sampled  int            `json:"sampled"`   // captures that the figures are made of
	Sessions int            `json:"sessions"`  // that these are of; captures without a session count as one each
	Truths   int            `json:"truths"`    // of them, with a known truth
	ErrorRMS *float64       `json:"error_rms"` // m; a few far ones make it, so it is shown and not judged
	Others   []Version      `json:"others,omitempty"`
}

// Comparison is a measure of both arms. Values are in Unit; Change, Low and High in ChangeUnit.
type Comparison struct {
	Name       string   `json:"name"`
	About      string   `json:"about"`
	Unit       string   `json:"unit,omitempty"`
	A          Figure   `json:"a"`
	B          Figure   `json:"b"`
	Change     *float64 `json:"change"` // of B against A
	ChangeUnit string   `json:"change_unit,omitempty"`
	Low        *float64 `json:"low"`  // the change's 95 % interval; null where the data set no end
	High       *float64 `json:"high"` // likewise
	P          *float64 `json:"p"`    // of such a difference by chance, this measure alone
	PHolm      *float64 `json:"p_holm"`
	Verdict    string   `json:"verdict"`
	Worth      float64  `json:"worth"`              // the change that is worth telling, in ChangeUnit
	Needed     int      `json:"needed,omitempty"`   // where the verdict is unknown: sessions in each arm that would tell it
	AtLeast    bool     `json:"at_least,omitempty"` // Needed is the least that may do
	AtPower    float64  `json:"at_power,omitempty"` // the chance to find it then
}

// Figure is a measure of one arm with its 95 % interval.
type Figure struct {
	Value    *float64 `json:"value"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Fixes    int      `json:"fixes"`
	Sessions int      `json:"sessions"`
}

// Warning is a reason not to trust a comparison.
type Warning struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
	Fatal    bool   `json:"fatal"` // no promotion may rest on the comparison
}
