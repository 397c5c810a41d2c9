package messages

// Peek reads what it can of a capture that a worker refused, for people to look at: the fields up to the first that
// cannot be read. Nothing of it is validated, and texts may be long and hold anything. The error is the *Refusal that
// Decode gives; nil for a capture that is in order. IQ aliases msg.
func Peek(msg []byte) (*Capture, error) {
	c := &Capture{}
	if ref := c.decode(msg); ref != nil {
		return c, ref
	}
	return c, c.Validate()
}
