package features

import (
	"math"
	"slices"
	"testing"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

func TestShapes(t *testing.T) {
	x, out := newExtractor(t, everything(), Budget{}).must(t, record(t, scene(4)))
	shapes := map[contract.Feature][]int64{
		contract.LogSpectrogram:   {1, 4, 128, 32},
		contract.ReceiverLevel:    {1, 4},
		contract.ReceiverPosition: {1, 4, 3},
		contract.ReceiverSigma:    {1, 4},
		contract.ReceiverMask:     {1, 4},
		contract.CrossCorrelation: {1, 6, 1, 33},
		contract.Lag:              {1, 6, 33},
		contract.LagWindow:        {1, 6},
		contract.Bandwidth:        {1, 6},
		contract.TimeBandwidth:    {1, 6},
		contract.FullPeak:         {1, 6, 2},
		contract.PairMask:         {1, 6},
	}
	for i, input := range everything().Inputs {
		got, want := out.Tensors[i], shapes[input.Feature]
		if got.Name != input.Name || !slices.Equal(got.Shape, want) {
			t.Errorf("tensor %d is %s %v; want %s %v", i, got.Name, got.Shape, input.Name, want)
		}
		n := int64(1)
		for _, d := range want {
			n *= d
		}
		if len(got.Data) != int(n) {
			t.Errorf("%s has %d values; want %d", got.Name, len(got.Data), n)
		}
	}
	for _, mask := range []contract.Feature{contract.ReceiverMask, contract.PairMask} {
		if slices.Contains(x[mask].Data, 0) {
			t.Errorf("%s is %v; want ones", mask, x[mask].Data)
		}
	}
}

func TestReceiverPosition(t *testing.T) {
	x, out := newExtractor(t, asking(contract.ReceiverPosition), Budget{}).must(t, record(t, scene(5)))
	var east, north float64
	for i, place := range places[:5] {
		e, n, u := at(x[contract.ReceiverPosition], int64(i), 0), at(x[contract.ReceiverPosition], int64(i), 1), at(x[contract.ReceiverPosition], int64(i), 2)
		east, north = east+e, north+n
		back := out.Frame.FromENU(e, n, u)
		if d := geo.Chord(back, place); d > 0.02 {
			t.Errorf("receiver %d lies %.3f m off", i, d)
		}
	}
	near(t, "mean east", east/5, 0, 0.01)
	near(t, "mean north", north/5, 0, 0.01)
}

func TestReceiverSigma(t *testing.T) {
	s := scene(3)
	s.Receivers[1].ClockSigma = 50e-6
	x, out := newExtractor(t, asking(contract.ReceiverSigma), Budget{Default: 20e-6}).must(t, record(t, s))
	for i, clock := range []float64{clockSigma, 50e-6, clockSigma} {
		near(t, "sigma", at(x[contract.ReceiverSigma], int64(i)), math.Hypot(clock, 20e-6), 1e-10)
	}
	if out.Budget != (AppliedBudget{20e-6, "option"}) {
		t.Errorf("the budget is %+v", out.Budget)
	}
}

// TestReceiverLevel compares with the power at the antennas, which the receivers' gains must not change.
func TestReceiverLevel(t *testing.T) {
	s := scene(3)
	s.Emitters[0].SNR = []float64{30, 20, 40}
	s.Receivers[1].NoiseFigure = 12
	s.Receivers[2].Format = messages.CU8
	capture := record(t, s)
	e := newExtractor(t, asking(contract.ReceiverLevel), Budget{})
	x, _ := e.must(t, capture)
	levels := slices.Clone(x[contract.ReceiverLevel].Data)
	for i, r := range s.Receivers {
		const thermal = 1.380649e-23 * 290 * 1e3 // mW/Hz
		density := thermal * math.Pow(10, r.NoiseFigure/10)
		power := density * (r.SampleRate + bandwidth*math.Pow(10, s.Emitters[0].SNR[i]/10))
		near(t, "level in dBm", float64(levels[i]), 10*math.Log10(power), 0.15)
	}
	capture.Receivers[0].Gain += 10
	x, _ = e.must(t, capture)
	near(t, "level with 10 dB more gain", float64(x[contract.ReceiverLevel].Data[0]), float64(levels[0]-10), 1e-4)
	near(t, "level of another receiver", float64(x[contract.ReceiverLevel].Data[1]), float64(levels[1]), 0)
}

// TestSpectrogram compares with dsp's own spectrogram of the same samples.
func TestSpectrogram(t *testing.T) {
	s := scene(3)
	s.Emitters[0].SNR = []float64{30, 0, 10}
	capture := record(t, s)
	re, im := make([][]float32, 3), make([][]float32, 3)
	for i := range capture.Receivers {
		r := &capture.Receivers[i]
		re[i], im[i] = make([]float32, r.Samples()), make([]float32, r.Samples())
		if err := r.Split(re[i], im[i]); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := dsp.NewSpectrogram(dsp.DefaultSpectrogramConfig(), 64e3)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 3*128*32)
	if err := plan.Features(re, im, want); err != nil {
		t.Fatal(err)
	}
	x, _ := newExtractor(t, asking(contract.LogSpectrogram), Budget{}).must(t, capture)
	if !slices.Equal(x[contract.LogSpectrogram].Data, want) {
		t.Error("the features are not dsp's")
	}
}

// TestOneReceiver serves what needs no pair.
func TestOneReceiver(t *testing.T) {
	capture := record(t, scene(1))
	x, out := newExtractor(t, asking(contract.LogSpectrogram, contract.ReceiverLevel, contract.ReceiverSigma), Budget{}).must(t, capture)
	if shape := x[contract.LogSpectrogram].Shape; !slices.Equal(shape, []int64{1, 1, 128, 32}) {
		t.Errorf("shape is %v", shape)
	}
	if out.Budget.Propagation != vhfFloor {
		t.Errorf("the budget is %+v; want that of an unknown bandwidth, %g", out.Budget, vhfFloor)
	}
}

// TestPadding compares a padded capture's features, pair by pair, with those of the same capture as it is.
func TestPadding(t *testing.T) {
	capture := record(t, scene(3))
	plain, _ := newExtractor(t, everything(), Budget{}).must(t, capture)
	c := everything()
	c.Receivers.Pad, c.Receivers.Max = 5, 5
	e := newExtractor(t, c, Budget{})
	e.must(t, record(t, scene(5))) // leaves its values in the buffers
	padded, _ := e.must(t, capture)

	// Of 5 receivers, pairs are (0,1) (0,2) (0,3) (0,4) (1,2) (1,3) (1,4) (2,3) (2,4) (3,4).
	pairs := map[int]int{0: 0, 1: 1, 4: 2}
	receivers := map[int]int{0: 0, 1: 1, 2: 2}
	for feature, x := range padded {
		places, from := 5, receivers
		if x.Shape[1] == 10 {
			places, from = 10, pairs
		}
		if int(x.Shape[1]) != places || !slices.Equal(x.Shape[2:], plain[feature].Shape[2:]) {
			t.Fatalf("%s has shape %v; as it is %v", feature, x.Shape, plain[feature].Shape)
		}
		width := len(x.Data) / places
		for i := range places {
			want := make([]float32, width)
			if at, real := from[i]; real {
				want = plain[feature].Data[at*width : (at+1)*width]
			}
			if !slices.Equal(x.Data[i*width:(i+1)*width], want) {
				t.Errorf("%s: place %d differs", feature, i)
			}
		}
	}
	if got, want := padded[contract.PairMask].Data, []float32{1, 1, 0, 0, 1, 0, 0, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("pair_mask is %v; want %v", got, want)
	}
	if got, want := padded[contract.ReceiverMask].Data, []float32{1, 1, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("receiver_mask is %v; want %v", got, want)
	}
}

func TestPairIndex(t *testing.T) {
	for r := 2; r <= contract.MaxReceivers; r++ {
		next := 0
		for a := range r {
			for b := a + 1; b < r; b++ {
				if got := pairIndex(a, b, r); got != next {
					t.Fatalf("pair (%d,%d) of %d receivers is %d; want %d", a, b, r, got, next)
				}
				next++
			}
		}
		if next != dsp.PairCount(r) {
			t.Errorf("%d pairs of %d receivers; want %d", next, r, dsp.PairCount(r))
		}
	}
}

// TestHistoryLeavesNoTrace wants the same bits from an extractor that is new and from one that has seen other captures:
// the cache's keys rest on it.
func TestHistoryLeavesNoTrace(t *testing.T) {
	mixed := scene(3)
	mixed.Receivers[1].SampleRate = 80e3
	captures := []*messages.Capture{record(t, scene(2)), record(t, mixed), record(t, scene(6)), record(t, scene(3))}
	used, reused := newExtractor(t, everything(), Budget{}), &Features{}
	for range 2 {
		for i, capture := range captures {
			_, fresh := newExtractor(t, everything(), Budget{}).must(t, capture)
			if err := used.Extract(capture, "net", reused); err != nil {
				t.Fatal(err)
			}
			for k, want := range fresh.Tensors {
				got := reused.Tensors[k]
				if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Data, want.Data) {
					t.Errorf("capture %d: %s differs with the extractor's past", i, want.Name)
				}
			}
			if reused.Budget != fresh.Budget || reused.Frame.Origin() != fresh.Frame.Origin() {
				t.Errorf("capture %d: budget or frame differs with the extractor's past", i)
			}
		}
	}
}

func TestNewRefusesABadCorrelation(t *testing.T) {
	c := asking(contract.CrossCorrelation)
	c.Inputs[0].Correlation.Lags = 0
	if _, err := New(c, Budget{}); err == nil {
		t.Error("0 lags were accepted")
	}
}

func TestReceiverLimitsAgree(t *testing.T) {
	if contract.MaxReceivers != messages.MaxReceivers {
		t.Errorf("a contract may have %d receivers, a capture %d", contract.MaxReceivers, messages.MaxReceivers)
	}
}

// TestNominalRates wants the rates that receivers have kept as they are, so that f_max may be half of them, and drift
// rounded away.
func TestNominalRates(t *testing.T) {
	for rate := 1000.0; rate <= 99999; rate++ {
		if got := nominal(rate); got != rate {
			t.Fatalf("nominal(%g) = %g", rate, got)
		}
	}
	for _, rate := range []float64{192e3, 250e3, 1.024e6, 2.4e6, 2.048e6, 3.2e6, 20e6, 61.44e6, 100e6} {
		for _, drift := range []float64{0, 3e-6, -3e-6} {
			if got := nominal(rate * (1 + drift)); got != rate {
				t.Errorf("nominal(%g) = %.12g", rate*(1+drift), got)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	nan := func(c *messages.Capture) { copy(c.Receivers[1].IQ[8*700:], []byte{0, 0, 0xc0, 0x7f}) }
	infinite := func(c *messages.Capture) { copy(c.Receivers[2].IQ[4:], []byte{0, 0, 0x80, 0xff}) }
	cases := []struct {
		name        string
		contract    *contract.Contract
		change      func(*messages.Capture)
		code, words string
	}{
		{"one receiver", everything(), func(c *messages.Capture) { c.Receivers = c.Receivers[:1] },
			"too_few_receivers", "the capture has 1; the model needs at least 2"},
		{"seven receivers", everything(), func(c *messages.Capture) { c.Receivers = append(c.Receivers, c.Receivers[:4]...) },
			"too_many_receivers", "the capture has 7; the model takes at most 6"},
		{"NaN", everything(), nan, "bad_samples", "rx[1]: sample 700 of station s1 is NaN"},
		{"infinity", everything(), infinite, "bad_samples", "rx[2]: sample 0 of station s2"},
		{"apart in time", everything(), func(c *messages.Capture) { c.Receivers[1].StartTime += 1e9 }, "no_overlap", "rx[1] begins"},
		{"hardly together", everything(), func(c *messages.Capture) { c.Receivers[2].StartTime += 0.0998e9 }, "too_short", "rx[2] begins"},
		{"too short to share", everything(), func(c *messages.Capture) { c.Receivers[2].StartTime += 0.05e9 },
			"too_short", "share a time span of 3200 samples at 64000 Hz; the model needs 4480"},
		{"a few samples", asking(contract.CrossCorrelation), func(c *messages.Capture) { c.Receivers[0].IQ = c.Receivers[0].IQ[:8*20] }, "too_short", "20 common samples"},
		{"around the world", asking(contract.ReceiverPosition), func(c *messages.Capture) {
			c.Receivers = c.Receivers[:2]
			c.Receivers[0].Latitude, c.Receivers[0].Longitude = 30, 10
			c.Receivers[1].Latitude, c.Receivers[1].Longitude = -30, -170
		}, "no_centroid", "no common middle"},
		{"rates apart", asking(contract.ReceiverLevel), func(c *messages.Capture) {
			c.Receivers[1].SampleRate = 1e9 // a rate that messages refuses before
			c.Receivers[2].SampleRate = 10
		}, "bad_rate", "rx[2].rate is 10 and rx[1].rate is 1e+09"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			capture := record(t, scene(3))
			c.change(capture)
			wantRefusal(t, newExtractor(t, c.contract, Budget{}).Extract(capture, "net", &Features{}), c.code, c.words)
		})
	}
}

// TestUnfit has models whose parameters do not suit a capture that is good in itself.
func TestUnfit(t *testing.T) {
	capture := record(t, scene(3))
	high := asking(contract.LogSpectrogram)
	high.Inputs[0].Spectrogram.FMax = 40e3
	wantRefusal(t, newExtractor(t, high, Budget{}).Extract(capture, "net", &Features{}), CodeUnfit, "half the sample rate")
	short := asking(contract.CrossCorrelation)
	short.Inputs[0].Correlation.FrameLength = 32
	wantRefusal(t, newExtractor(t, short, Budget{}).Extract(capture, "net", &Features{}), CodeUnfit, "frame_length 32 tells lags up to")
	fits := asking(contract.CrossCorrelation)
	fits.Inputs[0].Correlation.FrameLength = 512
	newExtractor(t, fits, Budget{}).must(t, capture)
	// The propagation error counts, too, when frames are held against the lags that may be.
	wantRefusal(t, newExtractor(t, fits, Budget{Default: 1e-2}).Extract(capture, "net", &Features{}), CodeUnfit, "frame_length 512")
}
