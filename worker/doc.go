// Package worker takes captures, locates what they heard, and publishes the fixes.
//
// A capture passes these stages:
//
//	decode -> meet -> cache -> preprocess -> model -> ellipse -> publish
//
// and is then settled: acknowledged once its fix is safely published, put among the dead letters when it can never
// be processed, or handed back to be tried again, or to wait for captures of other stations, with which it is located in the
// stage meet. [decide] is the one place that chooses.
//
// Several lanes work side by side, each with one capture in hand. Preprocessing is bounded to one capture a
// processor; captures of one shape share a run of the model.
//
// [Worker.Serve] says which models serve, at any time: the champion, a challenger for a share of the captures, where the
// champion answers what it fails at, and a shadow, which is given captures that have their fix and of whose fixes nobody hears
// who does not ask for them.
package worker
