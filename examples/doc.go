// Package examples has no code of its own: its tests hold the clients in other languages, station/ in Python and dashboard/
// in JavaScript, against a real server and a real worker.
package examples
