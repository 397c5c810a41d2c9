package dsp

import "slices"

// Channels of a Correlation.
const (
	ChannelCorrelation = "correlation" // normalised windowed correlation
	ChannelPHAT        = "phat"        // phase transform of each frame, averaged
)

// Where the lags of a Correlation lie.
const (
	AroundPeak   = "peak"   // about the highest peak within the lag window
	AroundWindow = "window" // evenly over the lag window
)

const (
	maxLags        = 1 << 14
	maxSteps       = 64
	minFrameLength = 32
	maxFrameLength = 1 << 20
)

// CorrelationConfig says which correlations a model eats.
type CorrelationConfig struct {
	Lags              int      `json:"lags"`                // L, lags a pair
	StepsPerBandwidth float64  `json:"steps_per_bandwidth"` // k: around the peak the lag step is 1/(k B)
	Channels          []string `json:"channels"`            // ChannelCorrelation, ChannelPHAT; peaks are those of the first
	Around            string   `json:"around"`              // AroundPeak or AroundWindow
	FrameLength       int      `json:"frame_length"`        // samples; 0: chosen from the capture's length and the largest lag
}

// DefaultCorrelationConfig is what the default model eats: 33 lags around the peak, 8 to a bandwidth.
func DefaultCorrelationConfig() CorrelationConfig {
	return CorrelationConfig{Lags: 33, StepsPerBandwidth: 8, Channels: []string{ChannelCorrelation}, Around: AroundPeak}
}

// Validate returns an *Error with code bad_config that names the first option out of range, or nil.
func (c CorrelationConfig) Validate() error {
	if c.Lags < 3 || c.Lags > maxLags {
		return refuse("bad_config", "lags is %d; want 3 to %d", c.Lags, maxLags)
	}
	if !(c.StepsPerBandwidth >= 1 && c.StepsPerBandwidth <= maxSteps) {
		return refuse("bad_config", "steps_per_bandwidth is %g; want 1 to %d", c.StepsPerBandwidth, maxSteps)
	}
	if len(c.Channels) == 0 {
		return refuse("bad_config", "channels is empty; want %q, %q or both", ChannelCorrelation, ChannelPHAT)
	}
	for i, name := range c.Channels {
		if name != ChannelCorrelation && name != ChannelPHAT {
			return refuse("bad_config", "channels[%d] is %q; want %q or %q", i, name, ChannelCorrelation, ChannelPHAT)
		}
		if slices.Contains(c.Channels[:i], name) {
			return refuse("bad_config", "channels names %q twice", name)
		}
	}
	if c.Around != AroundPeak && c.Around != AroundWindow {
		return refuse("bad_config", "around is %q; want %q or %q", c.Around, AroundPeak, AroundWindow)
	}
	if n := c.FrameLength; n != 0 && (n < minFrameLength || n > maxFrameLength || n%2 != 0) {
		return refuse("bad_config", "frame_length is %d; want 0 or an even number from %d to %d", n, minFrameLength, maxFrameLength)
	}
	return nil
}

// PairCount returns the number of pairs of r receivers, r(r-1)/2. They are ordered (0,1), (0,2), ..., (r-2,r-1).
func PairCount(r int) int { return r * (r - 1) / 2 }
