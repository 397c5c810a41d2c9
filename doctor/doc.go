// Package doctor looks at a live foxhunt deployment and says what is not as it should be, why that matters, and what mends it.
//
// [Gather] looks and changes nothing: at the NATS server, foxhunt's streams and consumers, how captures flow for a few
// seconds, the last fixes and dead letters, Redis, ONNX Runtime, and the machine it runs on. [Check] turns what was seen
// into findings, by rules that are functions of the facts alone, one concern a file. What could not be seen is a finding,
// too, never a silent ok.
package doctor
