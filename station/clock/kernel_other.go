//go:build !linux

package clock

import "errors"

// readKernel: other systems have daemons, but no common way to ask what they know.
func readKernel() (kernel, error) {
	return kernel{}, errors.New("only Linux tells how well its clock is kept in time; state what you know (--clock)")
}
