package worker

import (
	"errors"
	"testing"
	"time"

	"foxhunt/contract"
)

// TestAComputationThatHangsIsTold: the lane itself cannot tell any more.
func TestAComputationThatHangsIsTold(t *testing.T) {
	told := make(chan uint64)
	release := make(chan struct{})
	b := start(t, func(b *bench, o *Options) {
		o.TooLong = 20 * time.Millisecond
		o.Stuck = func(_ string, sequence uint64) { told <- sequence }
		b.model.answer = func(int) ([]contract.Prediction, error) {
			<-release
			return nil, errors.New("late")
		}
	})
	go func() {
		select {
		case sequence := <-told:
			if sequence != 7 {
				t.Errorf("capture %d is said to hang; want 7", sequence)
			}
		case <-time.After(30 * time.Second):
			t.Error("a computation hung, and nobody was told")
		}
		close(release)
	}()
	if v := b.send(t, capture(t, nil), 1); v.name != "nak" {
		t.Errorf("it ended with %+v", v)
	}
}

// TestWaitingToPublishIsNoHanging: the server may be away for longer than any computation takes.
func TestWaitingToPublishIsNoHanging(t *testing.T) {
	b := start(t, func(b *bench, o *Options) {
		o.TooLong = 200 * time.Millisecond
		o.Stuck = func(string, uint64) { t.Error("a lane that waits for the server is said to hang") }
		b.publisher.during = func(string) { time.Sleep(400 * time.Millisecond) }
	})
	if v := b.send(t, capture(t, nil), 1); v.name != "ack" {
		t.Errorf("it ended with %+v", v)
	}
}
