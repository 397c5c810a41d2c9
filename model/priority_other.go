//go:build !linux

package model

// Aside does the work. Only Linux lets one thread of a process have a lower priority than the others.
func Aside(work func()) { work() }
