package grid

import "math"

// The constants of the method, shared by the Go estimator and the graph.
const (
	lightSpeed  = 299792458.0 // m/s
	earthRadius = 6371008.8   // m, mean radius

	coarseCells  = 48   // the first grid is coarseCells x coarseCells
	coarseExtent = 4.0  // and reaches this many times a to each side
	peakSpan     = 5    // a cell is a peak when it is the largest of peakSpan x peakSpan
	modes        = 3    // peaks that are refined
	chains       = 4    // the modes and one around everything
	fineCells    = 24   // a refinement is fineCells x fineCells
	refinements  = 5    // per chain
	modeCells    = 3.0  // the first window of a mode reaches this many coarse cells to each side
	windowSigmas = 4.0  // later windows reach this many standard deviations to each side
	windowGrowth = 1.3  // but at most this many times the last window
	steady       = 0.05 // see windowAxes
	cellSpread   = 0.25 // variance added to a window for the size of its cells, in cells²

	priorScale    = 1.0  // the prior falls with r/(priorScale a), a the receivers' spread
	leaveOut      = 0.02 // prior probability that a given receiver is the bad one
	outlierFloor  = 0.02 // probability that a pair's peak is wrong however strong it looks
	snrSteps      = 30   // see receiverSNR
	excludeSteps  = 16   // receivers that can be left out for their clocks
	excludeRatio  = 1.25 // a peak outside the window counts when it is this much higher
	excludeEnergy = 12.0 // and N rho² is above this plus ln N
	faintest      = 0.2  // rho² that a receiver at -6 dB has with a perfect one
	silentOutlier = 0.5  // a pair whose peak is more likely noise than signal is silent
	namePosterior = 0.5  // a receiver is the bad one when its hypothesis is likelier than this
	modeShare     = 0.8  // from this confidence on the best mode alone is reported
	wholeShare    = 0.5  // below this share of the modes' mass the chain around everything lost one
	restMargin    = 1.1  // see repeats
	lineAxis      = 2.5  // with two receivers the 95 % semi-major axis is at least this many a
	lineBend      = 0.3  // share of the covariance added with two receivers: the line is a hyperbola, the ellipse straight

	outsideFrom    = 2.5  // an emitter is outside that is this many a from the centroid
	outsideNone    = 0.08 // up to this share of the probability there nothing is added
	outsideSure    = 0.12 // from this share on outsideReach is
	outsideReach   = 8.0  // standard deviation towards an emitter outside, in a
	outsideBreadth = 0.05 // radians: error of its bearing, besides what the cells outside say

	// chi95 is the factor from one standard deviation to the 95 % ellipse: sqrt(-2 ln 0.05).
	chi95 = 2.447746830680816
)

// Limits on what comes in, so that no finite input leads to a number that is not finite.
const (
	minRho, maxRho           = 1e-6, 1 - 1e-6
	maxSigma                 = 1.0  // s
	maxLag                   = 10.0 // s
	minStep                  = 1e-12
	minWindow                = 1e-9 // s
	minBandwidth             = 1.0  // Hz
	maxBandwidth             = 1e10
	minTimeBand, maxTimeBand = 2.0, 1e12
	maxCoordinate            = 2e7  // m
	minSpread                = 1.0  // m
	minVariance              = 1e-3 // m²
	maxVariance              = 1e18 // m²
	minRoundness             = 1e-6 // see honest
	minGain, maxGain         = 1e-3, 1 - 5e-7
	tiny                     = 1e-30
	never                    = -1e9 // logarithm of a probability that is none
)

// cut is how far below its maximum (in L) a cell still counts for the moments of a mode: its
// weight is exp(L - max) - exp(-cut), or nothing.
const cut = 5.0

// cutVariance is the share of a Gaussian's variance that is left under that weight. With
// u = d²/2 the weights are e^-u - e^-c for u < c, so the share is
// (1 - (1 + c + c²/2) e^-c) / (1 - (1 + c) e^-c).
func cutVariance() float64 {
	e := math.Exp(-cut)
	return (1 - (1+cut+cut*cut/2)*e) / (1 - (1+cut)*e)
}
