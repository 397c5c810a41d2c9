//go:build !linux

package worker

// lowerPriority does nothing where threads have no priorities of their own.
func lowerPriority() error { return nil }
