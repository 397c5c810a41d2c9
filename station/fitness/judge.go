package fitness

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"foxhunt/station/clock"
)

// Verdicts, the best first.
const (
	OK      = "ok"
	Warning = "warning" // it works, and could be better
	Unfit   = "unfit"   // no time differences with this
)

// Limits of what is fit.
const (
	MostSigma   = 100 * time.Microsecond // 30 km: what networks across countries, on short and long waves, can do something with
	GoodSigma   = time.Microsecond       // 300 m: networks of a city
	mostPPM     = 200                    // by which a rate is off that is what it says; oscillators are within 100
	mostClipped = 1e-3                   // share of samples
	mostLost    = 0.01                   // share of samples
	leastLevel  = -70                    // dBFS; below, of 8 bits hardly one is used
)

// lightSpeed is c in m/s.
const lightSpeed = 299_792_458.0

// Finding is what is to be said of one thing.
type Finding struct {
	Code    string `json:"code"`
	Verdict string `json:"verdict"`
	Text    string `json:"text"` // with figures
	Mend    string `json:"mend,omitempty"`
}

// Facts are what a Report is made of.
type Facts struct {
	Samples  Samples
	Clock    clock.Reading
	ClockErr error         // why the clock cannot be read
	Path     time.Duration // standard deviation of an arrival time by its path
}

// Report says whether a receiver is fit.
type Report struct {
	Fit      bool      `json:"fit"`
	Sigma    float64   `json:"sigma"`   // ns, that captures would state
	Metres   float64   `json:"metres"`  // c·Sigma
	Signal   float64   `json:"signal"`  // m, by the Cramér-Rao bound, of two receivers and a second; 0: no signal stands out
	Ellipse  float64   `json:"ellipse"` // m, half axes of the 95 % ellipse of three such stations around the transmitter
	Samples  Samples   `json:"samples"` // what was seen
	Findings []Finding `json:"findings"`
}

// Judge holds the facts against what time differences need.
func Judge(f Facts) Report {
	r := Report{Samples: f.Samples, Sigma: f.sigma()}
	r.Metres, r.Signal = lightSpeed*r.Sigma/1e9, lightSpeed*f.Samples.Timing
	r.Ellipse = ellipse(f.errors())
	r.Findings = append(r.Findings, f.rate(), f.lost(), f.level(), f.clipped(), f.dc(), f.signal())
	if f.Samples.live {
		r.Findings = append(r.Findings, f.clock())
	}
	r.Findings = append(r.Findings, f.time(r.Sigma, r.Metres), f.fix(r.Ellipse))
	r.settle()
	return r
}

// Add adds what others found, and settles whether all of it is fit.
func (r *Report) Add(findings ...Finding) {
	r.Findings = append(r.Findings, findings...)
	r.settle()
}

func (r *Report) settle() {
	r.Fit = !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Verdict == Unfit })
}

// sigma is what captures state, in ns: what the receiver says of its samples' times, and the clock it measures them by.
func (f *Facts) sigma() float64 {
	if !f.Samples.live {
		return f.Samples.Sigma
	}
	return min(math.Hypot(f.Samples.Sigma, float64(f.Clock.Sigma)), float64(clock.Unknown))
}

func (f *Facts) rate() Finding {
	s := f.Samples
	off, sd := (s.Rate/s.Nominal-1)*1e6, s.RateSD/s.Nominal*1e6
	text := fmt.Sprintf("%.6g Hz nominal, measured %+.1f ppm", s.Nominal, off)
	if s.live {
		text += fmt.Sprintf(" ±%.1f in %v", sd, s.Duration.Round(time.Second/10))
	}
	if math.Abs(off) > mostPPM+2*sd {
		return Finding{"rate", Unfit, text, "the receiver does not take the samples that it should: give --rate what it was set to, and look whether USB or the network loses any"}
	}
	return Finding{Code: "rate", Verdict: OK, Text: text}
}

func (f *Facts) lost() Finding {
	s := f.Samples
	if s.Lost > 0 || s.Gaps > 0 {
		verdict := Warning
		if float64(s.Lost) > mostLost*float64(s.Count+s.Lost) {
			verdict = Unfit
		}
		return Finding{"lost", verdict, fmt.Sprintf("%d samples in %d gaps, %.3g %%", s.Lost, s.Gaps, 100*float64(s.Lost)/float64(s.Count+s.Lost)),
			"no capture spans a gap; take fewer samples a second (--rate), another USB port, or a machine that is less busy"}
	}
	return Finding{Code: "lost", Verdict: OK, Text: fmt.Sprintf("none of %d samples", s.Count)}
}

func (f *Facts) level() Finding {
	s := f.Samples
	if s.Level < leastLevel {
		return Finding{"level", Unfit, decibelText(s.Level) + ": nothing is heard", "is the antenna connected? Then more gain: --tuner-gain"}
	}
	return Finding{Code: "level", Verdict: OK, Text: decibelText(s.Level)}
}

func (f *Facts) clipped() Finding {
	text := fmt.Sprintf("%.3g %% of the samples", 100*f.Samples.Clipped)
	if f.Samples.Clipped > mostClipped {
		return Finding{"clipping", Warning, text, "a clipped signal shows others where none are; less gain: --tuner-gain, or a filter before the receiver"}
	}
	return Finding{Code: "clipping", Verdict: OK, Text: text}
}

func (f *Facts) dc() Finding {
	s := f.Samples
	if s.DC > s.Level-3 && s.DC > -40 {
		return Finding{"dc", Warning, decibelText(s.DC) + ", more than half of the level", "if it is the receiver's own, it hides what is at the middle: tune beside the signal. A carrier in the middle does no harm"}
	}
	return Finding{Code: "dc", Verdict: OK, Text: decibelText(s.DC)}
}

func (f *Facts) signal() Finding {
	s := f.Samples
	if s.Bandwidth == 0 {
		return Finding{"signal", Warning, decibelText(s.Noise) + " of noise over the band; no signal stands out of it",
			"look again while the transmitter is on; whether a station is fit does not rest on it"}
	}
	return Finding{Code: "signal", Verdict: OK, Text: fmt.Sprintf("%.3g kHz wide, and taken for %.0f dB above the noise within; by that, a second of it tells two arrivals apart to ±%v (%s) at best",
		s.Bandwidth/1e3, s.Ratio, short(inSeconds(s.Timing)), Distance(lightSpeed*s.Timing))}
}

// errors are the standard deviations of an arrival time, in seconds: by the samples' times, a second of the signal, and the path.
func (f *Facts) errors() (times, signal, path float64) {
	return f.sigma() / 1e9, f.Samples.Timing / math.Sqrt2, f.Path.Seconds()
}

// ellipse is the half axis, in metres, of the 95 % ellipse of three stations evenly around a transmitter; doc.go has why.
func ellipse(times, signal, path float64) float64 {
	scale := math.Sqrt(-2*math.Log(0.05)) * math.Sqrt(2.0/3)
	return scale * lightSpeed * math.Hypot(math.Hypot(times, signal), path)
}

// fix says what may be expected of all that is known.
func (f *Facts) fix(half float64) Finding {
	times, signal, path := f.errors()
	heard := "and what the signal leaves"
	if signal > 0 {
		heard = fmt.Sprintf("±%v of signal in a second of it", short(inSeconds(signal)))
	}
	return Finding{Code: "fix", Verdict: OK, Text: fmt.Sprintf("half axes of some %s in the 95 %% ellipse of three such stations around the transmitter: ±%v of time, ±%v of path (the workers' default at %.6g MHz), %s",
		Distance(half), short(inSeconds(times)), short(inSeconds(path)), f.Samples.Frequency/1e6, heard)}
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (f *Facts) clock() Finding {
	switch c := f.Clock; {
	case f.ClockErr != nil:
		return Finding{"clock", Unfit, "not known: " + f.ClockErr.Error(), "state what you know of it: --clock 100us"}
	case !c.Synchronized:
		return Finding{"clock", Unfit, "nothing keeps this machine's clock in time", "run chrony (chronyc tracking), best with a GNSS receiver and its pulse a second"}
	case c.Source == clock.SourceDaemon:
		return Finding{"clock", Warning, fmt.Sprintf("kept in time; how well is not said, and taken for ±%v", c.Sigma),
			"run chrony in the place of systemd-timesyncd; under chrony, look again in some minutes: what it sets is known when it sets it next"}
	case c.Source == clock.SourceStated:
		return Finding{Code: "clock", Verdict: OK, Text: fmt.Sprintf("±%v, as you state", c.Sigma)}
	}
	return Finding{Code: "clock", Verdict: OK, Text: fmt.Sprintf("kept in time, ±%v", short(f.Clock.Sigma))}
}

func (f *Facts) time(sigma, metres float64) Finding {
	d := time.Duration(sigma)
	switch {
	case d > MostSigma:
		return Finding{"time_differences", Unfit, fmt.Sprintf("no, off by about %s: the samples' times are known to ±%v", Distance(metres), short(d)), mendTime(f)}
	case d > GoodSigma:
		return Finding{"time_differences", OK, fmt.Sprintf("yes: the samples' times are known to ±%v, which is %s: for networks that are larger than that by far", short(d), Distance(metres)), ""}
	}
	return Finding{"time_differences", OK, fmt.Sprintf("yes: the samples' times are known to ±%v, which is %s", short(d), Distance(metres)), ""}
}

func mendTime(f *Facts) string {
	if f.Samples.live && f.Samples.Sigma > float64(MostSigma) {
		return "measure this receiver's delay on a transmitter whose place is known, and state it: --latency, and what is left of its uncertainty: --sigma; recordings with GNSS time need neither"
	}
	return cmp.Or(f.clock().Mend, "a clock kept by GNSS")
}

// Distance is metres in two digits: 3,000 km, 30 m.
func Distance(m float64) string {
	unit := "m"
	if m >= 10e3 {
		m, unit = m/1e3, "km"
	}
	if m > 0 {
		digit := math.Pow(10, math.Floor(math.Log10(m))-1)
		m = math.Round(m/digit) * digit
	}
	text := strconv.FormatFloat(m, 'f', 2, 64)
	if m >= 10 {
		text = strconv.FormatFloat(m, 'f', 0, 64)
	}
	if n := len(text); m >= 1000 {
		text = text[:n-3] + "," + text[n-3:]
	}
	return text + " " + unit
}

func short(d time.Duration) time.Duration {
	switch {
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond)
	}
	return d
}

func decibelText(x float64) string {
	if x <= silence {
		return "silence"
	}
	return fmt.Sprintf("%.1f dBFS", x)
}
