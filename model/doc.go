// Package model runs ONNX models: it loads one, checks it against the contract it carries, and turns feature tensors
// into predictions.
//
// A [Runtime] is the process's one ONNX Runtime environment. It loads a [Model]: one session, shared, one thread a
// run. Each goroutine takes its own [Runner] from the model; a runner keeps its tensors and bindings from run to run,
// so that a run in the steady state allocates nothing. A run gives one [contract.Prediction] a capture.
//
// A model is bytes from outside. The package reads the file's structure itself, before ONNX Runtime sees it, and
// refuses what breaks a rule with an [Error] of a stable code. It never lets a model read other files (external
// data) and never loads custom operators. What a well-formed model computes is trusted.
package model
