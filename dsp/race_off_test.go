//go:build !race

package dsp

const raceDetector = false
