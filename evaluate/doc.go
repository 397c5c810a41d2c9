// Package evaluate measures a model on random simulated scenes: how far its fixes
// are from the truth, how often its ellipses hold it, and which receivers it blames.
// Scenes go through the same features and the same ONNX model that serve captures.
//
// A scene of the clean case has 3 to 8 receivers over 1 to 500 km and an emitter in
// their convex hull stretched by 1.5 about the centroid, all on ground of one height up
// to 2500 m, give or take 100 m; a noise-like signal of 3 to 200 kHz, -5 to 30 dB over
// the noise, heard for 5 ms to 1 s, as long as that is 100 times the inverse of the
// bandwidth or more; clock errors of 0.1 to 20 us; a carrier at VHF or above, because the
// budgets below are large for a network of that size and have a case of their own. In one scene of three the receivers
// differ in rate and sample format and the emitter lies beside the middle of their band.
//
// What errs, errs just as stated: the stated standard deviations of clocks and paths are
// those that the errors are drawn from. That is what calibration means: whoever knows
// how wrong the parts are must know how wrong the fix is. What a wrong budget does is
// another question, and has a case of its own, in which clocks and paths err by twice
// what is stated and no path is shorter than the direct line. Likewise clocks and
// oscillators are disciplined (as by GNSS: each rate is known, each tuning exact), but
// for the case of free oscillators. The other cases add what makes locating hard.
//
// Errors are given over the Cramér-Rao bound, which is that of an unbiased estimator
// from the arrival times alone. A model may go below it: the default one expects
// emitters near their receivers, and that prior knowledge counts where the times say
// little.
//
// Scene k of a case depends on the seed, the case and k alone, so that a report is the
// same whatever the number of processors.
package evaluate
