// Package grid is foxhunt's default model: a Bayesian estimator on a grid that locates an emitter
// from time differences between receivers, with no training. [Locate] is the method in plain Go;
// [Build] writes the same as an ONNX graph.
//
// Each pair of receivers gives a peak of its correlation. A place explains the peak's lag as well
// as a mixture of a Gaussian and an outlier says; the pairs, though dependent, add up to the
// likelihood of the delays by weights found without a matrix inverse. The sum is laid over a grid
// around the receivers, refined around the best cells, and summed up as mean, covariance and
// confidence. A receiver may be left out: by hypothesis, or because its clock is plainly off.
package grid
