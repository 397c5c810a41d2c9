package messages

import "strings"

// The first tokens of the subjects.
const (
	CapturePrefix = "captures"
	FixPrefix     = "fixes"
	DeadPrefix    = "dead"
	TruthPrefix   = "truth"
)

// ShadowNetwork is a name that no network may have: it stands where a fix's subject has the network when the fix is a
// shadow's, which nobody is to take for the capture's fix.
const ShadowNetwork = "shadow"

// What to subscribe to. A wildcard stands for one token, so that no fix of a shadow matches AllFixes.
const (
	AllFixes   = FixPrefix + ".*.*"
	AllShadows = FixPrefix + "." + ShadowNetwork + ".*.*"
)

// EventSource stands where a fix's subject has the source when captures of several stations met: fixes.<network>.event.
const EventSource = "event"

// MaxTokenLength bounds a network's, a source's and a station's name.
const MaxTokenLength = 64

// CaptureSubject is captures.<network>.<source>; source is a station's id or a bundle's.
func CaptureSubject(network, source string) (string, error) {
	return subject(CapturePrefix, network, source)
}

// TruthSubject is truth.<network>.<source>, where a simulation says where its emitter was.
func TruthSubject(network, source string) (string, error) {
	return subject(TruthPrefix, network, source)
}

// FixSubject is fixes.<network>.<source> for a capture's subject.
func FixSubject(captureSubject string) (string, error) {
	network, source, err := ParseSubject(captureSubject)
	if err != nil {
		return "", err
	}
	return subject(FixPrefix, network, source)
}

// ShadowSubject is fixes.shadow.<network>.<source> for a capture's subject.
func ShadowSubject(captureSubject string) (string, error) {
	network, source, err := ParseSubject(captureSubject)
	if err != nil {
		return "", err
	}
	return FixPrefix + "." + ShadowNetwork + "." + network + "." + source, nil
}

// IsShadow reports whether a fix on the subject is a shadow's. None may be made of anything but the subject: whoever may
// publish there says what the fix says.
func IsShadow(fixSubject string) bool {
	return strings.HasPrefix(fixSubject, FixPrefix+"."+ShadowNetwork+".")
}

// DeadInvalid is the subject of the dead letters of messages on subjects that ParseSubject refuses.
const DeadInvalid = DeadPrefix + "." + CapturePrefix + ".invalid"

// DeadSubject is dead.<original subject> for a capture's subject and DeadInvalid for any other: a stranger's subject may be
// as long as a server takes, and the server cuts off who then publishes on a longer one.
func DeadSubject(original string) string {
	if _, _, err := ParseSubject(original); err != nil {
		return DeadInvalid
	}
	return DeadPrefix + "." + original
}

// ParseSubject splits captures.<network>.<source>.
func ParseSubject(captureSubject string) (network, source string, err error) {
	tokens := strings.Split(captureSubject, ".")
	if len(tokens) != 3 || tokens[0] != CapturePrefix || !validToken(tokens[1]) || !validToken(tokens[2]) {
		return "", "", refuse(CodeBadSubject, "subject %.200q is not %s.<network>.<source>", captureSubject, CapturePrefix)
	}
	if err := notReserved(tokens[1]); err != nil {
		return "", "", err
	}
	return tokens[1], tokens[2], nil
}

func notReserved(network string) error {
	if network == ShadowNetwork {
		return refuse(CodeReserved, "no network may have the name %s: %s holds what shadow models say; give it another name", network, AllShadows)
	}
	return nil
}

// ValidateToken checks a network's, source's or station's name: 1 to 64 of A-Z a-z 0-9 _ -.
func ValidateToken(what, token string) error {
	if !validToken(token) {
		return refuse(CodeBadSubject, "%s %.80q: want 1 to %d of A-Z a-z 0-9 _ -", what, token, MaxTokenLength)
	}
	return nil
}

func subject(prefix, network, source string) (string, error) {
	if err := ValidateToken("network", network); err != nil {
		return "", err
	}
	if err := ValidateToken("source", source); err != nil {
		return "", err
	}
	if err := notReserved(network); err != nil {
		return "", err
	}
	return prefix + "." + network + "." + source, nil
}

func validToken(s string) bool { return len(s) >= 1 && len(s) <= MaxTokenLength && isToken(s) }

// isToken reports whether s is made of characters that are safe in a subject.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
