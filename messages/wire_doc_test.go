package messages_test

import (
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"foxhunt/messages"
)

// TestWireDocument reads the bytes that docs/wire.md draws: each line stands at its offset, and together they are the
// capture that the comments beside them tell of.
func TestWireDocument(t *testing.T) {
	page, err := os.ReadFile("../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, _ := strings.Cut(string(page), "```hex\n")
	drawing, _, found := strings.Cut(drawing, "```")
	if !found {
		t.Fatal("docs/wire.md draws no bytes")
	}
	var body []byte
	for line := range strings.Lines(drawing) {
		if offset, err := strconv.ParseInt(line[:4], 16, 32); err != nil || int(offset) != len(body) {
			t.Fatalf("%q stands at %d (%v)", line, len(body), err)
		}
		bytes, err := hex.DecodeString(strings.ReplaceAll(line[6:53], " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		body = append(body, bytes...)
	}
	var c messages.Capture
	if err := c.Decode(body); err != nil {
		t.Fatal(err)
	}
	r := c.Receivers[0]
	if len(body) != 179 || c.ID != "k3J9mQxYw0aVb7LcT5hRzD" || c.Frequency != 145.5e6 || len(c.Receivers) != 1 || r.Station != "HB9ODP" ||
		r.Latitude != 46.0042 || r.Longitude != 8.7988 || r.Altitude != 420 || r.StartTime != 1700000000123456789 || r.ClockSigma != 30 ||
		r.SampleRate != 250_000 || r.Gain != 0 || r.Format != "ci8" || string(r.IQ) != "\x01\xff\x7f\x80\x00\x40\xc0\x02" {
		t.Errorf("%d bytes are %+v", len(body), c)
	}
}
