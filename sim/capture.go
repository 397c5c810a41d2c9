package sim

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"time"

	"foxhunt/messages"
)

// Capture records the scene at the given time with every receiver tuned to one of the
// emitters (Offset above it), and returns what they heard and where that emitter was. Other emitters are
// heard as far as they fall into the receivers' band. The same scene, emitter, time and
// seed give the same bytes, id included; an id is as hard to guess as the seed.
//
// Errors are of type *Error, or come from messages (a scene whose capture it refuses).
func (s *Scene) Capture(emitter int, at time.Time, seed uint64) (*messages.Capture, *messages.Truth, error) {
	if err := s.Validate(); err != nil {
		return nil, nil, err
	}
	if emitter < 0 || emitter >= len(s.Emitters) {
		return nil, nil, refuse("emitter %d of %d", emitter, len(s.Emitters))
	}
	r := &recording{scene: s, at: at, random: rand.New(rand.NewPCG(seed, uint64(at.UnixNano()))), sampler: newSampler(), tuned: s.Emitters[emitter].Frequency + s.Offset}
	capture := &messages.Capture{Version: messages.CaptureVersion, ID: r.id(), Frequency: r.tuned, Cache: true}
	if err := r.transmit(); err != nil {
		return nil, nil, err
	}
	for i := range s.Receivers {
		receiver, err := r.receive(i)
		if err != nil {
			return nil, nil, err
		}
		capture.Receivers = append(capture.Receivers, receiver)
	}
	if err := capture.Validate(); err != nil {
		return nil, nil, err
	}
	e := &s.Emitters[emitter]
	where := e.At(s.Start, at)
	truth := &messages.Truth{
		CaptureID: capture.ID, Emitter: e.Name, Latitude: where.Latitude, Longitude: where.Longitude,
		Time: messages.Instant(capture.StartTime()),
	}
	return capture, truth, nil
}

// recording is one capture in the making. Its times are seconds after at.
type recording struct {
	scene   *Scene
	at      time.Time
	random  *rand.Rand
	sampler *sampler
	tuned   float64 // Hz, what the receivers say
	sent    []*spectrum
}

func (r *recording) id() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.random.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.random.Uint64())
	return hex.EncodeToString(b[:])
}

// transmit draws every emitter's signal. A block must outlast all that any receiver
// hears of it: the recording, the receivers' late starts and the spread of delays. It
// is never shorter than 20 ms, which a voice needs for its lowest tones.
func (r *recording) transmit() error {
	late, longest := 0.0, 0.0
	for i := range r.scene.Receivers {
		late = max(late, r.scene.Receivers[i].StartJitter)
		for j := range r.scene.Emitters {
			e := &r.scene.Emitters[j]
			delay := PathLength(e.At(r.scene.Start, r.at), r.scene.Receivers[i].Position) / speedOfLight
			if e.Links != nil {
				// No draw in a million scatters by more than eight standard deviations.
				delay += math.Abs(e.Links[i].Excess) + 8*e.Links[i].Scatter + e.Links[i].EchoDelay
			}
			longest = max(longest, delay)
		}
	}
	// A hundredth for rates and Doppler shifts.
	period := max(20e-3, 1.01*(r.scene.Duration+late+longest)+1e-3)
	r.sent = make([]*spectrum, len(r.scene.Emitters))
	for j := range r.scene.Emitters {
		// Each draws from its own source, and only if someone may hear it.
		for i := range r.scene.Receivers {
			if !r.inBand(j, i) {
				continue
			}
			x, err := r.scene.Emitters[j].Waveform.spectrum(period, rand.New(rand.NewPCG(r.random.Uint64(), uint64(j))))
			if err != nil {
				return err
			}
			r.sent[j] = x
			break
		}
	}
	return nil
}

// inBand says whether any of what emitter j sends can fall into receiver i's band.
func (r *recording) inBand(j, i int) bool {
	e, rx := &r.scene.Emitters[j], &r.scene.Receivers[i]
	return math.Abs(r.shift(j, i)) <= rx.passband()/2+e.Waveform.Bandwidth()
}

// shift is how far above the middle of receiver i's band emitter j's carrier lies, Hz.
func (r *recording) shift(j, i int) float64 {
	return r.scene.Emitters[j].Frequency - r.tuned*(1+r.scene.Receivers[i].TuningError)
}

// receive records receiver i.
func (r *recording) receive(i int) (messages.Receiver, error) {
	rx := &r.scene.Receivers[i]
	rate := rx.SampleRate * (1 + rx.RateError)
	elapsed := r.at.Sub(r.scene.Start).Seconds()
	offset := rx.ClockOffset + rx.ClockDrift*elapsed + rx.ClockJitter*r.random.NormFloat64()
	// The stamp has whole nanoseconds; the true start follows from it, exactly.
	stamp := math.Round((rx.StartJitter*r.random.Float64() + offset) * 1e9)
	start := stamp*1e-9 - offset

	n := int(r.scene.Duration * rx.SampleRate)
	re, im := make([]float32, n), make([]float32, n)
	if err := r.noise(rx, re, im); err != nil {
		return messages.Receiver{}, err
	}
	for j := range r.scene.Emitters {
		if err := r.hear(j, i, start, rate, re, im); err != nil {
			return messages.Receiver{}, err
		}
	}
	out := messages.Receiver{
		Station: rx.Station, Latitude: rx.Position.Latitude, Longitude: rx.Position.Longitude, Altitude: rx.Position.Altitude,
		StartTime: r.at.UnixNano() + int64(stamp), ClockSigma: rx.ClockSigma * 1e9, Format: rx.Format,
		SampleRate: rate / (1 + rx.ClockDrift), // a second of its clock is not quite a second
	}
	if rx.RateUnknown {
		out.SampleRate = rx.SampleRate
	}
	out.Gain = levelOff(re, im)
	out.IQ = quantise(rx.Format, re, im)
	return out, nil
}

// noise sets re and im to the receiver's own noise, in sqrt(mW): white over its
// passband, whatever the sample rate.
func (r *recording) noise(rx *Receiver, re, im []float32) error {
	if rx.passband() == rx.SampleRate {
		sigma := math.Sqrt(rx.noiseDensity() * rx.SampleRate / 2)
		for m := range re {
			re[m], im[m] = float32(sigma*r.random.NormFloat64()), float32(sigma*r.random.NormFloat64())
		}
		return nil
	}
	// The same noise by its spectrum, cut off at the passband's edges.
	n := powerOfTwo(len(re))
	plan, err := r.sampler.plan(n)
	if err != nil {
		return err
	}
	allRe, allIm := make([]float32, n), make([]float32, n)
	half := int(rx.passband() / rx.SampleRate * float64(n) / 2)
	sigma := math.Sqrt(rx.noiseDensity() * rx.SampleRate / 2 * float64(n))
	for k := -half; k <= half; k++ {
		at := (k + n) % n
		allRe[at], allIm[at] = float32(sigma*r.random.NormFloat64()), float32(sigma*r.random.NormFloat64())
	}
	plan.Inverse(allRe, allIm)
	copy(re, allRe)
	copy(im, allIm)
	return nil
}

// halfNormal is the standard deviation of |x| for x of standard deviation one, sqrt(1 - 2/pi).
const halfNormal = 0.6028

// hear adds to re and im what emitter j sends to receiver i, whose samples start at the
// given time and come at the given rate.
func (r *recording) hear(j, i int, start, rate float64, re, im []float32) error {
	e, rx := &r.scene.Emitters[j], &r.scene.Receivers[i]
	amplitude := r.amplitude(j, i)
	shift := r.shift(j, i)
	if amplitude == 0 || !r.inBand(j, i) {
		return nil
	}
	var link Link
	if e.Links != nil {
		link = e.Links[i]
	}
	if link.Scatter > 0 {
		link.Excess += link.Scatter / halfNormal * math.Abs(r.random.NormFloat64())
	}
	// delay(t) = delay + grows t, as far as the emitter moves in a straight line.
	delay := PathLength(e.At(r.scene.Start, r.at), rx.Position)/speedOfLight + link.Excess
	later := r.at.Add(time.Duration(r.scene.Duration * float64(time.Second)))
	grows := 0.0
	if len(e.Track.Waypoints) > 0 {
		grows = (PathLength(e.At(r.scene.Start, later), rx.Position)/speedOfLight + link.Excess - delay) / r.scene.Duration
	}
	echo := complex(math.Pow(10, link.EchoGain/20), 0)
	half := rx.passband() / 2
	weight := func(f float64) complex128 {
		if math.Abs(f+shift) > half {
			return 0
		}
		w := complex(amplitude, 0)
		if link.EchoDelay > 0 {
			w *= 1 + echo*cis(-(f+e.Frequency)*link.EchoDelay)
		}
		return w
	}
	// The carrier's own turning: the path's, and that of being off the tuned frequency.
	carrier := cis(-e.Frequency*delay + r.random.Float64())
	turning := shift - e.Frequency*grows
	if turning == 0 {
		return r.sampler.sample(r.sent[j], start-delay, 1/rate, func(f float64) complex128 { return weight(f) * carrier }, re, im)
	}
	ownRe, ownIm := make([]float32, len(re)), make([]float32, len(im))
	if err := r.sampler.sample(r.sent[j], start*(1-grows)-delay, (1-grows)/rate, weight, ownRe, ownIm); err != nil {
		return err
	}
	for m := range re {
		y := complex(float64(ownRe[m]), float64(ownIm[m])) * carrier * cis(turning*(start+float64(m)/rate))
		re[m] += float32(real(y))
		im[m] += float32(imag(y))
	}
	return nil
}

// amplitude is the signal's at the receiver's input, in sqrt(mW).
func (r *recording) amplitude(j, i int) float64 {
	e, rx := &r.scene.Emitters[j], &r.scene.Receivers[i]
	if e.SNR != nil {
		return math.Sqrt(rx.noiseDensity() * e.Waveform.Bandwidth() * math.Pow(10, e.SNR[i]/10))
	}
	p := r.scene.Propagation
	dBm := e.Power - p.loss(PathLength(e.At(r.scene.Start, r.at), rx.Position), e.Frequency)
	// Drawn from the scene's seed and the link alone, so that it stays.
	dBm += p.Shadowing * rand.New(rand.NewPCG(r.scene.Seed, uint64(j)<<32|uint64(i))).NormFloat64()
	if e.Gain != nil {
		dBm += e.Gain[i]
	}
	return math.Pow(10, dBm/20)
}
