package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"foxhunt/station/spool"
)

const (
	limitedDir   = "SPOOL_TEST_LIMITED_DIR"
	restartedDir = "SPOOL_TEST_RESTARTED_DIR"
)

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

// TestDiskThatTakesNoMoreRestarted: a number whose capture was lost is given to no other by the next process.
func TestDiskThatTakesNoMoreRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), restartedDir+"="+dir)
	if out, err := command.CombinedOutput(); err != nil || string(out) != "<nil>\n" {
		t.Errorf("the station: %v, %s", err, out)
	}
	if got := files(t, dir, "*.last"); len(got) != 1 {
		t.Errorf("of the numbers tell %v, want one", got)
	}
}

// takeLittle has the system let this process write no file of more than 20 kB.
func takeLittle() error {
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20_000, Max: 20_000})
}

// limited runs in a process of its own, as does restarted.
func limited(dir string) error {
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
	to := &stream{}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, to.send) }()
	err = s.Drain(ctx)
	cancel()
	<-ended
	return errors.Join(err, s.Close())
}

// restarted opens a spool again and again whose last capture the disk did not take, with and without others in it, and checks that
// its number stays missing.
func restarted(dir string) error {
	for number := uint64(1); number < 12; {
		s, err := spool.Open(options(dir))
		if err != nil {
			return err
		}
		if number%4 != 1 { // the first finds nothing on the disk but what tells of numbers
			if item, err := s.Put(capture(1000)); err != nil || item.Sequence != number {
				return fmt.Errorf("after a restart the next has number %d, %w; want %d", item.Sequence, err, number)
			}
			number++
		}
		for range 2 {
			if _, err := s.Put(capture(20_000)); code(err) != spool.CodeWrite || !strings.Contains(err.Error(), fmt.Sprintf("capture %d ", number)) {
				return fmt.Errorf("a capture that the disk does not take: %v, want that it is number %d", err, number)
			}
			number++
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}
