// Package grid is foxhunt's default model: a Bayesian estimator on a grid that locates an emitter
// from time differences between receivers, with no training. [Locate] is the method in plain Go;
// [Build] writes the same as an ONNX graph.
//
// Each pair of receivers gives a peak of its correlation. A place explains the peak's lag as well
// as a mixture of a Gaussian and an outlier says; the pairs, though dependent, add up to the
// likelihood of the delays by weights found without a matrix inverse. The sum is laid over a grid
// around the receivers, refined around the best cells, and summed up as mean, covariance and
// confidence. A receiver may be left out: by hypothesis, or because its clock is plainly off or
// it hears nothing of the signal.
//
// Of an emitter outside the network, more than 2.5 times as far from the receivers' centroid as
// any of them, delays tell the bearing and hardly the distance, and the grid ends at 4 times. So
// from 8 % of the probability out there the ellipse is stretched along the bearing, at 12 % until
// it holds what lies ten times out, and the confidence falls to nothing. The position reported is
// then some place on the bearing.
//
// Where it ends: an echo at one of three receivers looks like a place. Two receivers, or three of
// which one is left out, leave a line, and the ellipse is at least as long as the network. Where
// the error budget is larger than the network, the answer is the prior's: an emitter is about as
// far from the receivers' centroid as they are. One that is outside is then missed, as it is by
// two receivers, and a confidence of half or less is all that says so. A clock that is off by
// less than its lag window can only be told from its residual.
package grid
