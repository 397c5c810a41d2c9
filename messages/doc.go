// Package messages holds what travels over the wire and nothing else: the capture a
// station publishes, the fix a worker publishes, the dead letter a capture ends as when it
// cannot be processed, and the subjects they travel on.
//
// Everything that is decoded here comes from outside and is treated as hostile. A message
// never makes the decoder allocate more than a small multiple of its own size, and whatever
// is wrong with it is said by a *Refusal: a stable code and a sentence.
package messages
