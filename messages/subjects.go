package messages

import "strings"

// The first tokens of the subjects.
const (
	CapturePrefix = "captures"
	FixPrefix     = "fixes"
	DeadPrefix    = "dead"
	TruthPrefix   = "truth"
)

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
	return tokens[1], tokens[2], nil
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
