// Package registry finds, fetches and keeps models that others have made: files and directories, registered models of an
// MLflow tracking server, what is built in, and whatever else satisfies [Source].
//
// A [Ref] names a model as a person writes it. [Store.Resolve] asks the source what the reference means at this moment,
// which is cheap enough to poll; [Store.Get] brings that very model to the disk, once, and gives it as one self-contained
// ONNX file under the SHA-256 of its bytes. Nothing here runs a model: what is fetched is data from outside, bounded and
// checked by digest, but neither loaded nor believed.
package registry
