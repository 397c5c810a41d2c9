//go:build race

package dsp

// raceDetector says that tests run ten times as slowly. Statistics and long transforms are then left to a run without
// it: there is no concurrency in them to find fault with.
const raceDetector = true
