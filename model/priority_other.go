//go:build !linux

package model

// aside does the work. Only Linux lets one thread of a process have a lower priority than the others.
func aside(work func()) { work() }
