package nats_test

import (
	"testing"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func TestPermissions(t *testing.T) {
	s := makeSite(t, "")
	s.start(t, "nats-server.conf")
	w := s.connect(t, "worker.nk", "_INBOX_worker")
	if _, err := w.Ensure(within(t), jetstream.DefaultTopology()); err != nil {
		t.Log(s.log)
		t.Fatal(err)
	}
	st := s.connect(t, "HB9ODP.nk", "_INBOX_dcf.HB9ODP")
	stored, err := st.PublishCapture(within(t), "captures.dcf.HB9ODP", messages.NewCaptureID(), make([]byte, 8<<20))
	t.Log(stored, err)
	stored, err = st.PublishCapture(within(t), "captures.dcf.other", messages.NewCaptureID(), make([]byte, 100))
	t.Log(stored, err)
	t.Log(s.log)
}
