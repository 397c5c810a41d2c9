package spool

import "time"

// Hasten shortens the pauses.
func (s *Spool) Hasten(first, last, slow time.Duration) {
	s.pace.first, s.pace.last, s.pace.slow = first, last, slow
}

// DecodeFile reads a file of a spool.
func DecodeFile(file []byte) (Item, error) { return decodeItem(file) }

// EncodeFile is what stands in an item's file.
func EncodeFile(i Item) ([]byte, error) { return i.encode() }

// Summed is bytes with their checksum, as if they were a file's.
func Summed(b []byte) []byte { return appendSum(append([]byte(nil), b...)) }

// ParseName reads a file's name; again is the name that is written for the same.
func ParseName(name string) (sequence uint64, again string, ok bool) {
	e, ok := parseName(name)
	return e.sequence, e.name(), ok
}
