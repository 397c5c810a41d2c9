//go:build !chaos

package worker

// poison does nothing: only a build for the scenarios of room chaos lets a capture harm its worker.
func poison(string) {}
