package golden

import (
	"fmt"
	"math"
	"slices"
	"time"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/sim"
)

// sample is one capture as the model is fed with it.
type sample struct {
	name     string
	features features.Features
}

// sizes are the numbers of receivers that are tried: the least, the most, and what networks often have.
func sizes(r contract.Receivers) []int {
	all := []int{r.Min, r.Max}
	for _, usual := range []int{3, 7} {
		if usual > r.Min && usual < r.Max {
			all = append(all, usual)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fewest are those of the sizes that cost little; a model that takes only large networks gets its least.
func fewest(r contract.Receivers) []int {
	all := sizes(r)
	few := all[:1]
	for len(few) < len(all) && all[len(few)] <= 8 {
		few = all[:len(few)+1]
	}
	return few
}

// durations of recordings that are tried in turn until one suits the contract: usual ones are short, and a model may
// want a longer one for its frames, or for features that take in more signal.
var durations = [...]float64{0.1, 1, 5}

// scene is a network 10 km wide with an emitter in its midst. With an SNR of -Inf all that is heard is noise.
func scene(receivers int, duration, snr float64) *sim.Scene {
	centre := geo.Position{Latitude: 44.4, Longitude: 8.3}
	place := func(azimuth, distance float64) geo.Position {
		p, _ := geo.Direct(centre, azimuth, distance)
		p.Altitude = 200
		return p
	}
	s := &sim.Scene{Start: time.Unix(1_780_000_000, 0), Duration: duration}
	emitter := sim.Emitter{Name: "golden", Position: place(70, 1500), Frequency: 145e6, Waveform: sim.Noise{Width: 24e3}}
	for i := range receivers {
		s.Receivers = append(s.Receivers, sim.Receiver{
			Station: fmt.Sprintf("golden%d", i), Position: place(float64(i)*137.5, 3000+2000*math.Sqrt(float64(i)/float64(receivers))),
			SampleRate: 48e3, Format: messages.CI16, ClockSigma: 200e-9, ClockJitter: 200e-9})
		emitter.SNR = append(emitter.SNR, snr)
	}
	s.Emitters = []sim.Emitter{emitter}
	return s
}

// captures records what one number of receivers is tried with: clean ones hold a signal 20 dB over the noise at every
// receiver and differ by both; hard ones hold nothing to locate, noise alone and silence. A hard one that the features
// refuse never comes to a model.
func captures(extractor *features.Extractor, receivers int) (clean, hard []sample, err error) {
	for _, duration := range durations {
		if clean, err = cleanCaptures(extractor, receivers, duration); err != nil {
			continue
		}
		nothing := scene(receivers, duration, math.Inf(-1))
		for _, silent := range []bool{false, true} {
			if s, err := record(extractor, nothing, 1, silent); err == nil {
				s.name = fmt.Sprintf("%s at %d receivers", map[bool]string{false: "noise", true: "silence"}[silent], receivers)
				hard = append(hard, s)
			}
		}
		return clean, hard, nil
	}
	return nil, nil, refuse(Unfit, "no built-in capture of %d receivers fits the contract: %v", receivers, err)
}

func cleanCaptures(extractor *features.Extractor, receivers int, duration float64) (clean []sample, err error) {
	for seed := range uint64(2) {
		s, err := record(extractor, scene(receivers, duration, 20), seed, false)
		if err != nil {
			return nil, err
		}
		s.name = fmt.Sprintf("capture %d of %d receivers", seed+1, receivers)
		clean = append(clean, s)
	}
	return clean, nil
}

// record gives a scene's capture as features. Silent receivers record zeros, as with a cable unplugged.
func record(extractor *features.Extractor, s *sim.Scene, seed uint64, silent bool) (out sample, err error) {
	capture, _, err := s.Capture(0, s.Start, seed)
	if err != nil {
		return out, err
	}
	for i := range capture.Receivers {
		if silent {
			clear(capture.Receivers[i].IQ)
		}
	}
	err = extractor.Extract(capture, "golden", &out.features)
	return out, err
}
