// Package evaluate measures a model on random simulated scenes: how far its fixes
// are from the truth, how often its ellipses hold it, and which receivers it blames.
// Scenes go through the same features and the same ONNX model that serve captures.
//
// A scene of the clean case has 3 to 8 receivers over 1 to 500 km and an emitter in
// their convex hull stretched by 1.5 about the centroid; a noise-like signal of 3 to
// 200 kHz, -5 to 30 dB over the noise, heard for 5 ms to 1 s; clock errors of 0.1 to
// 20 us. Clocks and propagation err just as stated: the stated standard deviations are
// those that the errors are drawn from. The other cases add what makes locating hard.
//
// Scene k of a case depends on the seed, the case and k alone, so that a report is the
// same whatever the number of processors.
package evaluate
