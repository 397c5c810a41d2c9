// Package golden asks a model, before it may serve, for what every model owes: runs that succeed, positions on the
// Earth, covariances that are covariances, the same answer to the same capture whatever its company, and the answers
// that it says itself that it gives.
//
// Captures are simulated and always the same: several receivers around an emitter, noise alone, and silence, for the
// numbers of receivers that the model's contract allows. They go through the very features that serve captures. What a
// model says of a place is not held against the truth: how good a model is, package evaluate measures.
//
// A run that hangs or takes all memory cannot be stopped from within a process. Whoever does not trust a model runs
// [Check] in a process of its own (foxhunt model check).
package golden
