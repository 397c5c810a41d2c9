package features

import (
	"fmt"
	"testing"

	"foxhunt/contract"
	"foxhunt/messages"
)

// TestSteadyStateAllocations wants the one allocation that must be: the frame goes out with the features and outlives
// the extractor's next capture.
func TestSteadyStateAllocations(t *testing.T) {
	mixed := scene(6)
	mixed.Receivers[1].SampleRate = 80e3
	for name, capture := range map[string]*messages.Capture{"3 receivers": record(t, scene(3)), "6 receivers, 2 rates": record(t, mixed)} {
		e, out := newExtractor(t, everything(), Budget{}), &Features{}
		n := testing.AllocsPerRun(5, func() {
			if err := e.Extract(capture, "net", out); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1 {
			t.Errorf("%s: %v allocations a capture; want 1", name, n)
		}
	}
}

// TestMemoryIsThatOfTheLargestCapture lets the number of receivers rise and fall. (The buffers of the receivers were
// once lost with every small capture and made anew with the next large one.)
func TestMemoryIsThatOfTheLargestCapture(t *testing.T) {
	var captures []*messages.Capture
	for _, n := range []int{6, 2, 5, 3} {
		captures = append(captures, record(t, scene(n)))
	}
	e, out := newExtractor(t, everything(), Budget{}), &Features{}
	all := func() {
		for _, capture := range captures {
			if err := e.Extract(capture, "net", out); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(3, all); n > float64(len(captures)) {
		t.Errorf("%v allocations for %d captures; want one each", n, len(captures))
	}
	if want := 2 * 6 * 6400; cap(e.samples) != want {
		t.Errorf("room for %d values; the largest capture has %d", cap(e.samples), want)
	}
}

// TestLongReceiversTakeTurns has each of a capture's receivers be the long one in turn: what is kept is one capture's
// samples, not the longest of every receiver.
func TestLongReceiversTakeTurns(t *testing.T) {
	e, out := newExtractor(t, asking(contract.ReceiverLevel), Budget{}), &Features{}
	for long := range 5 {
		capture := record(t, scene(5))
		for i := range capture.Receivers {
			if i != long {
				capture.Receivers[i].IQ = capture.Receivers[i].IQ[:8*64]
			}
		}
		if err := e.Extract(capture, "net", out); err != nil {
			t.Fatal(err)
		}
	}
	if want := 2 * (6400 + 4*64); cap(e.samples) != want {
		t.Errorf("room for %d values; each capture had %d", cap(e.samples), want)
	}
}

// TestSpectrogramPlansAreBounded sees many sample rates; rates that differ by drift alone share a plan.
func TestSpectrogramPlansAreBounded(t *testing.T) {
	capture := record(t, scene(2))
	e, out := newExtractor(t, asking(contract.LogSpectrogram), Budget{}), &Features{}
	extract := func(rate float64) {
		capture.Receivers[0].SampleRate, capture.Receivers[1].SampleRate = rate, rate
		if err := e.Extract(capture, "net", out); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		extract(64e3 + 0.01*float64(i))
	}
	if len(e.spectrograms) != 1 {
		t.Errorf("%d plans for one nominal rate; want 1", len(e.spectrograms))
	}
	for i := range 3 * maxSpectrograms {
		extract(64e3 + 100*float64(i))
		if len(e.spectrograms) > maxSpectrograms {
			t.Fatalf("%d plans; want at most %d", len(e.spectrograms), maxSpectrograms)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	contracts := map[string]*contract.Contract{
		"plain": contract.Plain("x", 2),
		"pairs": asking(contract.ReceiverPosition, contract.ReceiverSigma, contract.CrossCorrelation, contract.Lag,
			contract.LagWindow, contract.Bandwidth, contract.TimeBandwidth, contract.FullPeak),
	}
	for _, name := range []string{"plain", "pairs"} {
		for _, receivers := range []int{3, 6} {
			b.Run(fmt.Sprintf("%s/%dx6400", name, receivers), func(b *testing.B) {
				capture, out := record(b, scene(receivers)), &Features{}
				e := newExtractor(b, contracts[name], Budget{})
				b.ReportAllocs()
				for b.Loop() {
					if err := e.Extract(capture, "net", out); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
