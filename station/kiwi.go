package station

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"foxhunt/messages"
)

// minKiwiSigma is the least clock error believed of a KiwiSDR with GNSS time, ns. The jitter
// of its timestamps is 60 to 80 ns on real recordings; what they have in common, such as the
// delay of the antenna's cable, cannot be seen in one recording.
const minKiwiSigma = 100

// kiwiNoFix is the age of the last GNSS fix that says there is none.
const kiwiNoFix = 255

// kiwiBlock is a block of samples, file[start:end], with the time of its first sample.
type kiwiBlock struct {
	start, end int
	stamp      int64 // ns of GPS time since the week's start; noStamp where there is none to believe
}

const noStamp = -1

func (b kiwiBlock) samples() int { return (b.end - b.start) / 4 }

// isKiwi reports whether a chunk `kiwi` comes before the first samples.
func isKiwi(file []byte) bool {
	for c := range chunks(file) {
		if c.id == "kiwi" || c.id == "data" {
			return c.id == "kiwi"
		}
	}
	return false
}

// ReadKiwi reads a KiwiSDR IQ recording with GNSS time: a wav file of 16 bit I and Q in which
// each data chunk (2048 bytes, 512 samples) follows a chunk `kiwi`:
//
//	u8 age of the last GNSS fix in seconds (255: none), u8 unused, u32le GPS week seconds, u32le ns
//
// the time of the block's first sample. Of all blocks the longest contiguous run is kept;
// first blocks with a stale or no time, and what lies beyond a gap, are left out. Its start
// and its true rate are the least-squares line through its timestamps, ClockSigma the scatter
// about it. about must be within half a week of the recording, for the timestamps do not say
// the week. ReadKiwi takes file over and moves the samples together within it.
func ReadKiwi(file []byte, name string, about time.Time) (*Recording, error) {
	blocks, nominal, err := scanKiwi(file, name)
	if err != nil {
		return nil, err
	}
	period, err := samplePeriod(blocks, nominal, name)
	if err != nil {
		return nil, err
	}
	run := longestRun(blocks, period)
	line := fitLine(run)
	r := &Recording{
		Name:       name,
		StartTime:  gpsWeekToUnix(run[0].stamp+int64(math.Round(line.start)), about),
		SampleRate: 1e9 / line.period,
		ClockSigma: max(line.scatter, minKiwiSigma),
		Format:     messages.CI16,
		IQ:         moveTogether(file, run),
	}
	for _, b := range blocks {
		r.Dropped += b.samples()
	}
	r.Dropped -= r.Samples()
	return r, nil
}

// scanKiwi finds the blocks, and the rate the header names.
func scanKiwi(file []byte, name string) (blocks []kiwiBlock, nominal float64, err error) {
	stamp := int64(noStamp)
	for c := range chunks(file) {
		body := file[c.start:c.end]
		switch c.id {
		case "fmt ":
			f, err := parseFormat(body, name)
			if err != nil {
				return nil, 0, err
			}
			if f.format != messages.CI16 {
				return nil, 0, refuse(CodeBadWAV, "%s is %s; KiwiSDR recordings have 16 bits", name, f.format)
			}
			nominal = f.rate
		case "kiwi":
			stamp = parseStamp(body)
		case "data":
			if whole := len(body) / 4 * 4; whole > 0 {
				blocks = append(blocks, kiwiBlock{start: c.start, end: c.start + whole, stamp: stamp})
			}
			stamp = noStamp // it speaks for one block
		}
	}
	if nominal < messages.MinSampleRate {
		return nil, 0, refuse(CodeBadWAV, "%s: its header has no sample rate", name)
	}
	return blocks, nominal, nil
}

func parseStamp(body []byte) int64 {
	if len(body) < 10 || body[0] == kiwiNoFix {
		return noStamp
	}
	seconds, nanos := binary.LittleEndian.Uint32(body[2:]), binary.LittleEndian.Uint32(body[6:])
	if seconds == 0 && nanos == 0 || seconds >= gpsWeekSeconds || nanos >= 2e9 {
		return noStamp
	}
	return int64(seconds)*1e9 + int64(nanos)
}

// elapsed is the time from stamp a to stamp b, ns, across the end of a week if need be.
func elapsed(a, b int64) int64 {
	d := b - a
	if d < -gpsWeekSeconds*1e9/2 {
		d += gpsWeekSeconds * 1e9
	}
	return d
}

// samplePeriod is the median over the blocks of the time a sample takes, ns: what most
// blocks agree on, so that neither gaps nor stale timestamps count.
func samplePeriod(blocks []kiwiBlock, nominal float64, name string) (float64, error) {
	var periods []float64
	for i := range len(blocks) - 1 {
		a, b := blocks[i], blocks[i+1]
		if a.stamp != noStamp && b.stamp != noStamp {
			periods = append(periods, float64(elapsed(a.stamp, b.stamp))/float64(a.samples()))
		}
	}
	if len(periods) == 0 {
		return 0, refuse(CodeNoTimestamps, "%s has no two blocks that follow each other with GNSS time", name)
	}
	slices.Sort(periods)
	period := periods[len(periods)/2]
	if !(math.Abs(period*nominal/1e9-1) < 0.01) {
		return 0, refuse(CodeBadTimestamps, "%s: its timestamps say %.6g Hz, its header %g Hz", name, 1e9/period, nominal)
	}
	return period, nil
}

// longestRun finds the most samples without a gap: where each block's timestamp is within
// half a sample of what the one before it leads to.
func longestRun(blocks []kiwiBlock, period float64) []kiwiBlock {
	var best []kiwiBlock
	most := 0
	for first := 0; first < len(blocks); {
		end, samples := first+1, blocks[first].samples()
		for end < len(blocks) && follows(blocks[end-1], blocks[end], period) {
			samples += blocks[end].samples()
			end++
		}
		if end-first >= 2 && samples > most {
			best, most = blocks[first:end], samples
		}
		first = end
	}
	return best
}

func follows(a, b kiwiBlock, period float64) bool {
	if a.stamp == noStamp || b.stamp == noStamp {
		return false
	}
	late := float64(elapsed(a.stamp, b.stamp)) - float64(a.samples())*period
	return math.Abs(late) <= period/2
}

// line is time against sample number: start + n period, ns, start being relative to the
// first block's timestamp.
type line struct{ start, period, scatter float64 }

// fitLine is the least-squares line through the blocks' timestamps; scatter is the standard
// deviation about it.
func fitLine(run []kiwiBlock) line {
	count := float64(len(run))
	var meanN, meanT, n float64
	for _, b := range run {
		meanN += n / count
		meanT += float64(elapsed(run[0].stamp, b.stamp)) / count
		n += float64(b.samples())
	}
	var nn, nt, tt float64
	n = 0
	for _, b := range run {
		dn, dt := n-meanN, float64(elapsed(run[0].stamp, b.stamp))-meanT
		nn, nt, tt = nn+dn*dn, nt+dn*dt, tt+dt*dt
		n += float64(b.samples())
	}
	l := line{period: nt / nn}
	l.start = meanT - l.period*meanN
	if len(run) > 2 {
		l.scatter = math.Sqrt(max(0, tt-nt*nt/nn) / (count - 2))
	}
	return l
}

// moveTogether closes the gaps that the kiwi chunks leave between the blocks' samples.
func moveTogether(file []byte, run []kiwiBlock) []byte {
	end := run[0].start
	for _, b := range run {
		end += copy(file[end:], file[b.start:b.end])
	}
	return file[run[0].start:end:end]
}
