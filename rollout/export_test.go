package rollout

import "context"

// Lock takes the lock of a plan's file, as another process would.
func Lock(path string) (unlock func(), err error) {
	return (&fileEntry{path}).lock(context.Background())
}
