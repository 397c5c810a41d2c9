package contract

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"foxhunt/dsp"
)

// full is a valid contract with every feature and as many outputs as one model may give.
func full() *Contract {
	spectrogram := dsp.DefaultSpectrogramConfig()
	correlation := dsp.DefaultCorrelationConfig()
	c := &Contract{Version: Version, Frame: ENU, Receivers: Receivers{Min: 2, Max: 8, Pad: 8}}
	for _, f := range []Feature{LogSpectrogram, ReceiverLevel, ReceiverPosition, ReceiverSigma, ReceiverMask,
		CrossCorrelation, Lag, LagWindow, Bandwidth, TimeBandwidth, FullPeak, PairMask} {
		c.Inputs = append(c.Inputs, Input{Name: "in_" + string(f), Feature: f})
	}
	c.Input(LogSpectrogram).Spectrogram = &spectrogram
	c.Input(CrossCorrelation).Correlation = &correlation
	for _, k := range []Kind{Position, Covariance, Confidence, ReceiverUsed, ReceiverResidual} {
		c.Outputs = append(c.Outputs, Output{Name: "out_" + string(k), Kind: k})
	}
	return c
}

// wantRefusal wants an *Error of code bad_contract whose sentence holds what is given.
func wantRefusal(t *testing.T, err error, sentence string) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("error is %v; want a contract.Error", err)
	}
	if refused.Code != "bad_contract" || !strings.Contains(refused.Reason, sentence) {
		t.Errorf("refused with %q; want bad_contract with %q", refused, sentence)
	}
}

func TestValidContracts(t *testing.T) {
	sigma := full()
	sigma.Frame, sigma.Outputs = WGS84, []Output{{Name: "p", Kind: Position}, {Name: "s", Kind: Sigma}}
	unpadded := full()
	unpadded.Receivers.Pad = 0
	single := Plain("x", 2)
	single.Receivers = Receivers{Min: 1, Max: 1}
	for name, c := range map[string]*Contract{"full": full(), "sigma": sigma, "unpadded": unpadded, "one receiver": single} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryRule breaks one rule of a valid contract at a time.
func TestEveryRule(t *testing.T) {
	remove := func(f Feature) func(*Contract) {
		return func(c *Contract) {
			for i := range c.Inputs {
				if c.Inputs[i].Feature == f {
					c.Inputs = append(c.Inputs[:i], c.Inputs[i+1:]...)
					return
				}
			}
		}
	}
	rules := []struct {
		sentence string
		breaks   func(*Contract)
	}{
		{"version is 0; this foxhunt reads version 1", func(c *Contract) { c.Version = 0 }},
		{"version is 2;", func(c *Contract) { c.Version = 2 }},
		{`frame is "utm"; want wgs84 or enu`, func(c *Contract) { c.Frame = "utm" }},
		{"receivers are 0 to 8; want 1 <= min <= max <= 32", func(c *Contract) { c.Receivers.Min = 0 }},
		{"receivers are 9 to 8;", func(c *Contract) { c.Receivers.Min = 9 }},
		{"receivers are 2 to 33;", func(c *Contract) { c.Receivers.Max = 33 }},
		{"receivers.pad is 7; want 0 or the maximum, 8", func(c *Contract) { c.Receivers.Pad = 7 }},
		{"receivers.pad is -8;", func(c *Contract) { c.Receivers.Pad = -8 }},
		{"receivers.pad is 8 but no input takes receiver_mask", remove(ReceiverMask)},
		{"inputs is empty; want at least one", func(c *Contract) { c.Inputs, c.Receivers.Pad = nil, 0 }},
		{`input name "" is empty or given twice`, func(c *Contract) { c.Inputs[3].Name = "" }},
		{`input name "in_log_spectrogram" is empty or given twice`, func(c *Contract) { c.Inputs[3].Name = c.Inputs[0].Name }},
		{`feature "receiver_level" is asked for twice`, func(c *Contract) { c.Inputs[2].Feature = ReceiverLevel }},
		{`unknown feature "bearing"`, func(c *Contract) { c.Inputs[1].Feature = "bearing" }},
		{`unknown feature ""`, func(c *Contract) { c.Inputs[1].Feature = "" }},
		{"log_spectrogram needs its parameters under spectrogram", func(c *Contract) { c.Inputs[0].Spectrogram = nil }},
		{`input "in_log_spectrogram": bad_config: n_fft is 3;`, func(c *Contract) { c.Inputs[0].Spectrogram.NFFT = 3 }},
		{"cross_correlation needs its parameters under correlation", func(c *Contract) { c.Input(CrossCorrelation).Correlation = nil }},
		{"bad_config: lags is 1;", func(c *Contract) { c.Input(CrossCorrelation).Correlation.Lags = 1 }},
		{`input "in_lag": spectrogram belongs to log_spectrogram`, func(c *Contract) { c.Input(Lag).Spectrogram = c.Inputs[0].Spectrogram }},
		{`input "in_lag": correlation belongs to cross_correlation`, func(c *Contract) { c.Input(Lag).Correlation = c.Input(CrossCorrelation).Correlation }},
		{`feature "lag" needs an input of feature cross_correlation`, remove(CrossCorrelation)},
		{"receivers.min is 1; cross_correlation needs 2", func(c *Contract) { c.Receivers.Min = 1 }},
		{`output name "" is empty or given twice`, func(c *Contract) { c.Outputs[1].Name = "" }},
		{`output name "out_position" is empty or given twice`, func(c *Contract) { c.Outputs[1].Name = c.Outputs[0].Name }},
		{`output "out_covariance": unknown kind "speed"`, func(c *Contract) { c.Outputs[1].Kind = "speed" }},
		{`output kind "position" is given twice`, func(c *Contract) { c.Outputs[1].Kind = Position }},
		{"want position and exactly one of covariance, sigma, sigma_theta", func(c *Contract) { c.Outputs = nil }},
		{"want position and exactly one", func(c *Contract) { c.Outputs = c.Outputs[1:] }},
		{"want position and exactly one", func(c *Contract) { c.Outputs = c.Outputs[:1] }},
		{"want position and exactly one", func(c *Contract) { c.Outputs[2].Kind = SigmaTheta }},
	}
	for _, rule := range rules {
		c := full()
		rule.breaks(c)
		wantRefusal(t, c.Validate(), rule.sentence)
		_, err := Parse(c.JSON())
		wantRefusal(t, err, rule.sentence)
	}
}

// TestPairFeaturesStandTogether removes the correlation from contracts that ask for one feature of pairs alone.
func TestPairFeaturesStandTogether(t *testing.T) {
	for _, f := range []Feature{Lag, LagWindow, Bandwidth, TimeBandwidth, FullPeak, PairMask} {
		c := full()
		c.Receivers.Pad = 0
		c.Inputs = []Input{{Name: "x", Feature: f}}
		wantRefusal(t, c.Validate(), `feature "`+string(f)+`" needs an input of feature cross_correlation`)
	}
}

func TestParseIsStrict(t *testing.T) {
	good := string(full().JSON())
	texts := map[string]struct{ text, sentence string }{
		"nothing":           {"", "not a contract: EOF"},
		"null":              {"null", "version is 0"},
		"an array":          {"[]", "not a contract"},
		"cut short":         {good[:len(good)-1], "not a contract"},
		"unknown key":       {`{"colour": 1,` + good[1:], `unknown field "colour"`},
		"unknown parameter": {strings.Replace(good, `"n_fft"`, `"n_ffft"`, 1), `unknown field "n_ffft"`},
		"a word for a number": {
			strings.Replace(good, `"version":1`, `"version":"one"`, 1), "not a contract"},
		"a fraction of a sample": {strings.Replace(good, `"lags":33`, `"lags":33.5`, 1), "not a contract"},
		"a second contract":      {good + good, "something follows"},
		"a second brace":         {good + "}", "something follows"},
		"a word after it":        {good + " and so on", "something follows"},
	}
	for name, c := range texts {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			wantRefusal(t, err, c.sentence)
		})
	}
}

// TestForgottenParameters leaves out one parameter of the two configurations after the other: only those for which
// zero has a meaning of its own may be absent.
func TestForgottenParameters(t *testing.T) {
	mayBeAbsent := []string{"f_min", "f_max", "norm_mean", "frame_length"}
	var text map[string]any
	if err := json.Unmarshal(full().JSON(), &text); err != nil {
		t.Fatal(err)
	}
	inputs := text["inputs"].([]any)
	for i, key := range map[int]string{0: "spectrogram", 5: "correlation"} {
		parameters := inputs[i].(map[string]any)[key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			value := parameters[name]
			delete(parameters, name)
			without, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			parameters[name] = value
			if _, err = Parse(without); (err == nil) != slices.Contains(mayBeAbsent, name) {
				t.Errorf("without %s: %v", name, err)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []*Contract{full(), Plain("x", 2), Plain("mel_spectrogram", 3)} {
		parsed, err := Parse(c.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(parsed, c) {
			t.Errorf("parsed %+v; want %+v", parsed, c)
		}
	}
}

// TestCanonical writes one contract in two ways; the cache's keys rest on their having the same canonical text.
func TestCanonical(t *testing.T) {
	one := `{"version":1,"frame":"enu","receivers":{"min":1,"max":4},
		"inputs":[{"name":"p","feature":"receiver_position"}],
		"outputs":[{"name":"a","kind":"position"},{"name":"b","kind":"sigma"}]}`
	other := `{"outputs":[{"kind":"position","name":"a"},{"kind":"sigma","name":"b"}], "inputs":
		[{"feature":"receiver_position","name":"p"}], "receivers":{"pad":0,"max":4,"min":1}, "frame":"enu", "version":1}`
	a, err := Parse([]byte(one))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"frame":"enu","receivers":{"min":1,"max":4},"inputs":[{"name":"p","feature":"receiver_position"}],` +
		`"outputs":[{"name":"a","kind":"position"},{"name":"b","kind":"sigma"}]}`
	if string(a.JSON()) != want || string(b.JSON()) != want {
		t.Errorf("texts are\n%s\n%s\nwant\n%s", a.JSON(), b.JSON(), want)
	}
}

func TestJSONOfAnInvalidContractPanics(t *testing.T) {
	c := full()
	c.Inputs[0].Spectrogram.Floor = math.NaN()
	wantRefusal(t, c.Validate(), "floor is NaN")
	defer func() {
		if recover() == nil {
			t.Error("a NaN was written as JSON")
		}
	}()
	c.JSON()
}

func TestPlain(t *testing.T) {
	for width, kind := range map[int]Kind{2: Sigma, 3: SigmaTheta} {
		c := Plain("x", width)
		if err := c.Validate(); err != nil {
			t.Errorf("width %d: %v", width, err)
		}
		in := c.Input(LogSpectrogram)
		if in == nil || in.Name != "x" || *in.Spectrogram != dsp.DefaultSpectrogramConfig() || len(c.Inputs) != 1 {
			t.Errorf("width %d: inputs are %+v", width, c.Inputs)
		}
		if in.Spectrogram.Bands != 128 || in.Spectrogram.Frames != 32 {
			t.Errorf("the plain input is [B, C, %d, %d]; want [B, C, 128, 32]", in.Spectrogram.Bands, in.Spectrogram.Frames)
		}
		if c.Output(Position).Name != "positions" || c.Output(kind).Name != "uncertainties" || c.Frame != WGS84 {
			t.Errorf("width %d: frame %s, outputs %+v", width, c.Frame, c.Outputs)
		}
	}
}

func TestLookUps(t *testing.T) {
	c := full()
	if in := c.Input(Lag); in != &c.Inputs[6] {
		t.Errorf("Input(lag) is %+v; want the contract's own", in)
	}
	if out := c.Output(Confidence); out != &c.Outputs[2] {
		t.Errorf("Output(confidence) is %+v; want the contract's own", out)
	}
	if c.Output(Sigma) != nil || Plain("x", 2).Input(Lag) != nil {
		t.Error("found what the contract does not have")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full().JSON())
	f.Add(Plain("x", 3).JSON())
	f.Add([]byte(`{"version":1,"frame":"enu","receivers":{"min":1,"max":4,"pad":4},"inputs":[]}`))
	f.Add([]byte(`{"inputs":[{"name":"\ud800<&>","feature":"receiver_mask"}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Reason == "" {
				t.Fatalf("error is %v; want a contract.Error with a reason", err)
			}
			return
		}
		again, err := Parse(c.JSON())
		if err != nil {
			t.Fatalf("its own text is refused: %v\n%s", err, c.JSON())
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("parsed %+v, then %+v", c, again)
		}
	})
}
