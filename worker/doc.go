// Package worker takes captures, locates what they heard, and publishes the fixes.
//
// A capture passes these stages, in the order of [Worker.stages]:
//
//	decode -> cache -> preprocess -> model -> ellipse -> publish
//
// and is then settled: acknowledged once its fix is safely published, put among the dead letters when it can never
// be processed, or handed back to be tried again. [decide] is the one place that chooses between the three.
//
// Several lanes work side by side, each with one capture in hand. Preprocessing is bounded to one capture a
// processor; captures of one shape share a run of the model.
package worker
