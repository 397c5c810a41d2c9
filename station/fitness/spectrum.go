package fitness

import (
	"fmt"
	"math"
	"slices"

	"foxhunt/dsp"
	"foxhunt/station/receiver"
)

const (
	points      = 1024 // of the spectrum
	mostSpectra = 2000 // that are averaged, spread over all samples
	standsOut   = 6    // standard deviations of the average above the noise: a signal
	believed    = 31.6 // 15 dB: the most that a signal is taken to be above the noise within its band
)

// spectrum averages the power spectra of samples.
type spectrum struct {
	info   receiver.Info
	fft    *dsp.FFT
	window []float32
	re, im []float32
	power  []float64
	count  int
	skip   int // spectra that are left out after each

	left       []byte // of a spectrum that is not whole
	sumI, sumQ float64
	samples    int
	total      float64
}

func newSpectrum(info receiver.Info) (*spectrum, error) {
	if info.Format.BytesPerSample() == 0 {
		return nil, fmt.Errorf("%.32q is no sample format", string(info.Format))
	}
	fft, err := dsp.NewFFT(points)
	if err != nil {
		return nil, err
	}
	every := int(info.SampleRate / points / (mostSpectra / 10)) // ten seconds are usual
	return &spectrum{info: info, fft: fft, window: dsp.HannWindow(points), re: make([]float32, points), im: make([]float32, points),
		power: make([]float64, points), skip: max(every, 1)}, nil
}

// add takes samples, one spectrum of which in so many is looked at.
func (s *spectrum) add(iq []byte) error {
	whole := points * s.info.Format.BytesPerSample()
	s.left = append(s.left, iq...)
	done := 0
	for ; done+whole <= len(s.left); done += whole * s.skip {
		if err := s.one(s.left[done : done+whole]); err != nil {
			return err
		}
	}
	s.left = append(s.left[:0], s.left[min(done, len(s.left)):]...)
	return nil
}

func (s *spectrum) one(iq []byte) error {
	if err := split(s.info, iq, s.re, s.im); err != nil {
		return err
	}
	for i := range s.re {
		a, b := float64(s.re[i]), float64(s.im[i])
		s.sumI, s.sumQ, s.total = s.sumI+a, s.sumQ+b, s.total+a*a+b*b
		s.re[i], s.im[i] = s.re[i]*s.window[i], s.im[i]*s.window[i]
	}
	s.samples += points
	s.fft.Forward(s.re, s.im)
	norm := 0.0
	for _, w := range s.window {
		norm += float64(w) * float64(w)
	}
	for i := range s.power {
		a, b := float64(s.re[i]), float64(s.im[i])
		s.power[i] += (a*a + b*b) / norm / points // the mean power of a sample that is at this frequency
	}
	s.count++
	return nil
}

// tell writes what the spectrum shows.
func (s *spectrum) tell(to *Samples) {
	if s.count == 0 { // fewer samples than one spectrum has
		to.Level, to.DC, to.Noise = silence, silence, silence
		return
	}
	n := float64(s.samples)
	mean := [2]float64{s.sumI / n, s.sumQ / n}
	to.Level, to.DC = decibels(s.total/n), decibels(mean[0]*mean[0]+mean[1]*mean[1])
	power := make([]float64, points)
	for i, p := range s.power {
		power[i] = p / float64(s.count)
	}
	for _, i := range []int{0, 1, points - 1} { // where DC is
		power[i] = (power[2] + power[points-2]) / 2
	}
	sorted := slices.Sorted(slices.Values(power))
	noise := sorted[points/2]
	to.Noise = decibels(noise * points)
	s.tellSignal(to, power, noise)
}

// tellSignal writes what stands out of the noise: how wide it is, and how well its arrival can be told.
func (s *spectrum) tellSignal(to *Samples, power []float64, noise float64) {
	ratios := s.ratios(power, noise)
	from, end := occupied(ratios)
	if from == end {
		return
	}
	width := s.info.SampleRate / points
	to.Bandwidth = float64(end-from) * width
	var believedSum, sum, moment float64
	weights := make([]float64, end-from)
	for i := range weights {
		ratio := min(ratios[from+i], believed)
		believedSum += ratio
		weights[i] = ratio * ratio / (1 + 2*ratio)
		sum += weights[i]
		moment += weights[i] * float64(i) * width
	}
	to.Ratio = decibels(believedSum / float64(len(weights)))
	information := 0.0
	for i, weight := range weights {
		w := 2 * math.Pi * (float64(i)*width - moment/sum)
		information += (w*w + math.Pi*math.Pi*width*width/3) * weight * width // within a bin, too, the signal has some width
	}
	to.Timing = 1 / math.Sqrt(information)
}

// ratios are those of signal to noise by frequency, the lowest first; 0 where nothing stands out.
func (s *spectrum) ratios(power []float64, noise float64) []float64 {
	ratios := make([]float64, points)
	least := 1 + standsOut/math.Sqrt(float64(s.count))
	for i, p := range power {
		if noise > 0 && p/noise > least {
			ratios[(i+points/2)%points] = p/noise - 1
		}
	}
	return ratios
}

// occupied is the band [from, end) that has 99 % of the signal's power, and half of the rest on either side of it (ITU-R SM.328).
// from is end where there is no signal.
func occupied(ratios []float64) (from, end int) {
	const beyond = 0.005
	total := 0.0
	for _, r := range ratios {
		total += r
	}
	if total == 0 {
		return 0, 0
	}
	end = len(ratios)
	for below := ratios[from]; below < beyond*total; below += ratios[from] {
		from++
	}
	for above := ratios[end-1]; above < beyond*total; above += ratios[end-1] {
		end--
	}
	return from, end
}

// silence, in dBFS, is what no receiver's noise is below.
const silence = -200

func decibels(power float64) float64 { return max(10*math.Log10(power), silence) }
