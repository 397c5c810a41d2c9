package spool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"foxhunt/station/spool"
)

const limitedDir = "SPOOL_TEST_LIMITED_DIR"

// TestDiskThatTakesNoMore: a capture that the disk does not take whole leaves nothing behind but a clear error and a gap in the
// numbers, and the next is spooled and sent. The disk is the system's, which here lets a process write no file of more than 20 kB.
func TestDiskThatTakesNoMore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), limitedDir+"="+dir)
	out, err := command.CombinedOutput()
	if err != nil || string(out) != "<nil>\n" {
		t.Errorf("the station: %v, %s", err, out)
	}
	if left := files(t, dir, "*[0-9]-*"); len(left) != 0 {
		t.Errorf("left on the disk: %v", left)
	}
	if got := files(t, dir, "*.last"); len(got) != 1 || !strings.HasSuffix(got[0], "0000000000000003.last") {
		t.Errorf("of the numbers tell %v, want that 3 was the last", got)
	}
}

// limited runs in a process of its own.
func limited(dir string) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20_000, Max: 20_000}); err != nil {
		return err
	}
	s, err := spool.Open(options(dir))
	if err != nil {
		return err
	}
	if _, err := s.Put(capture(1000)); err != nil {
		return err
	}
	if _, err := s.Put(capture(20_000)); code(err) != spool.CodeWrite || !strings.Contains(err.Error(), "capture 2") {
		return fmt.Errorf("a capture that the disk does not take: %v, want %s", err, spool.CodeWrite)
	}
	if item, err := s.Put(capture(1000)); err != nil || item.Sequence != 3 {
		return fmt.Errorf("the next has number %d, %w; want 3", item.Sequence, err)
	}
	if st := s.Stats(); st.Unwritten != 1 || st.Waiting != 2 {
		return fmt.Errorf("statistics %+v; want one lost and two that wait", st)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	to := &stream{}
	go s.Run(ctx, to.send)
	return s.Drain(ctx)
}
