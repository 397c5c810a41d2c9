package worker

import (
	"fmt"
	"slices"
	"strings"

	"foxhunt/messages"
)

// CodeSourceMismatch is the code of a capture that holds another station than its subject names.
const CodeSourceMismatch = "source_mismatch"

// bundles are the sources that may speak for several stations, as patterns of network and source, either of which may be
// "*". On any other subject a capture may hold the station that the subject names, and nobody else: who may publish on a
// subject is what the server's permissions decide, so a subject proves an identity, and what a capture says of itself does
// not.
type bundles [][2]string

// parseBundles reads patterns such as dcf.dcf77, demo.* and *.*.
func parseBundles(patterns []string) (bundles, error) {
	var b bundles
	for _, pattern := range patterns {
		network, source, found := strings.Cut(pattern, ".")
		if !found || !validPart(network) || !validPart(source) {
			return nil, fmt.Errorf("bundles has %.200q; want <network>.<source>, either of which may be *, such as dcf.dcf77 or demo.*", pattern)
		}
		b = append(b, [2]string{network, source})
	}
	return b, nil
}

func validPart(token string) bool {
	return token == "*" || messages.ValidateToken("bundle", token) == nil
}

// allow says whether the source may speak for several stations.
func (b bundles) allow(network, source string) bool {
	return slices.ContainsFunc(b, func(p [2]string) bool {
		return (p[0] == "*" || p[0] == network) && (p[1] == "*" || p[1] == source)
	})
}

// checkOrigin refuses a capture that holds another station than its subject names.
func (b bundles) checkOrigin(network, source string, c *messages.Capture) error {
	if b.allow(network, source) {
		return nil
	}
	for i := range c.Receivers {
		if station := c.Receivers[i].Station; station != source {
			return &messages.Refusal{Code: CodeSourceMismatch, Reason: fmt.Sprintf(
				"rx[%d].station is %q on captures.%[3]s.%[4]s; a station may only speak for itself; if %[3]s.%[4]s bundles stations, "+
					"start the workers with --bundles %[3]s.%[4]s", i, station, network, source)}
		}
	}
	return nil
}
