// Package model runs ONNX models: it loads one, checks it against the contract it carries, and turns feature tensors
// into predictions.
//
// A [Runtime] is the process's one ONNX Runtime environment. It loads a [Model]: one session, shared, by default one
// thread a run. Each goroutine takes its own [Runner] from the model; a runner keeps its tensors and bindings from run to run,
// so that a run in the steady state allocates nothing. A run gives one [contract.Prediction] a capture.
//
// A model is bytes from outside. The package reads the file's structure itself, before ONNX Runtime sees it, and
// refuses what breaks a rule with an [Error] of a stable code: files that are larger or more deeply nested than any
// model needs, weights in other files (external data), operators that ONNX Runtime does not bring (libraries of custom
// operators are never loaded). What a well-formed model computes, and how much memory that takes, only a run shows:
// package model/golden tries it, and foxhunt model check in a process of its own.
package model
