package worker

import (
	"errors"
	"strings"
	"testing"

	"foxhunt/messages"
)

func heardBy(stations []string) *messages.Capture {
	c := &messages.Capture{}
	for _, s := range stations {
		c.Receivers = append(c.Receivers, messages.Receiver{Station: s})
	}
	return c
}

// TestOrigin tries who may speak for whom.
func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		bundles string
		subject string
		rx      string
		refused string // in the sentence; "": accepted
	}{
		{"", "dcf.HB9ODP", "HB9ODP", ""},
		{"", "dcf.HB9ODP", "JO51xl", `rx[0].station is "JO51xl" on captures.dcf.HB9ODP`},
		{"", "dcf.HB9ODP", "HB9ODP JO51xl", `rx[1].station is "JO51xl"`},
		{"", "dcf.HB9ODP", "hb9odp", `"hb9odp"`}, // subjects know no case
		{"", "dcf.dcf77", "HB9ODP JO51xl", "start the workers with --bundles dcf.dcf77"},
		{"dcf.dcf77", "dcf.dcf77", "HB9ODP JO51xl", ""},
		{"dcf.dcf77", "dcf.dcf7", "HB9ODP", "dcf.dcf7"},
		{"dcf.dcf77", "demo.dcf77", "HB9ODP", "demo.dcf77"},
		{"demo.*", "demo.car", "a b c", ""},
		{"demo.*", "demo2.car", "a b c", "demo2.car"},
		{"*.car", "any.car", "a b c", ""},
		{"*.car", "any.bus", "a b c", "any.bus"},
		{"dcf.dcf77 *.*", "any.thing", "a b c", ""},
	} {
		b, err := parseBundles(strings.Fields(test.bundles))
		if err != nil {
			t.Fatal(err)
		}
		network, source, _ := strings.Cut(test.subject, ".")
		err = b.checkOrigin(network, source, heardBy(strings.Fields(test.rx)))
		var refusal *messages.Refusal
		switch {
		case test.refused == "" && err != nil:
			t.Errorf("bundles %q: %s with %s: %v", test.bundles, test.subject, test.rx, err)
		case test.refused != "" && (!errors.As(err, &refusal) || refusal.Code != "source_mismatch" || !strings.Contains(refusal.Reason, test.refused)):
			t.Errorf("bundles %q: %s with %s: %v; want source_mismatch with %q", test.bundles, test.subject, test.rx, err, test.refused)
		}
	}
}

// TestBadBundles tries patterns that a worker must not start with.
func TestBadBundles(t *testing.T) {
	for _, pattern := range []string{"", "dcf", "dcf.", ".dcf77", "dcf.dcf77.x", "dcf.>", ">", "d*.dcf77", "dcf.dcf 77", "captures.dcf.dcf77", "**.*", "dcf.\x1b[2J"} {
		options := DefaultOptions()
		options.Bundles = []string{"a.b", pattern}
		if err := options.Validate(); err == nil || !strings.Contains(err.Error(), "bundles has ") {
			t.Errorf("bundles %q: %v", pattern, err)
		}
	}
}

// TestMismatchIsBuried sends what a station may not say through a whole worker.
func TestMismatchIsBuried(t *testing.T) {
	b := start(t, nil)
	verb := b.send(t, capture(t, func(c *messages.Capture) { c.Receivers[0].Station = "other" }), 1)
	if verb.name != "term" || verb.code != "source_mismatch" {
		t.Fatalf("the capture ended as %+v", verb)
	}
	letter := b.publisher.dead[0]
	if letter.Reason != "source_mismatch" || letter.Subject == "" || len(letter.Body) == 0 {
		t.Errorf("the dead letter is %+v", letter)
	}
}
