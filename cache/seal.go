package cache

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A sealed value is a version byte, a checksum, the time when it ends in milliseconds since 1970, and the value; numbers are
// little-endian. The checksum is CRC-32C over the key and all that follows the checksum. What another program, another
// version or a fault has written under a key of ours does not open.
const (
	sealVersion = 2
	sumAt       = 1
	endAt       = sumAt + 4
	valueAt     = endAt + 8
)

func seal(table *crc32.Table, key Key, value []byte, end time.Time) []byte {
	b := make([]byte, valueAt, valueAt+len(value))
	b[0] = sealVersion
	binary.LittleEndian.PutUint64(b[endAt:], uint64(end.UnixMilli()))
	b = append(b, value...)
	binary.LittleEndian.PutUint32(b[sumAt:], checksum(table, key, b[endAt:]))
	return b
}

// open returns the value in b, which it aliases, when it ends, and whether b is sound.
func open(table *crc32.Table, key Key, b []byte) (value []byte, end time.Time, sound bool) {
	if len(b) < valueAt || b[0] != sealVersion || binary.LittleEndian.Uint32(b[sumAt:]) != checksum(table, key, b[endAt:]) {
		return nil, time.Time{}, false
	}
	return b[valueAt:], time.UnixMilli(int64(binary.LittleEndian.Uint64(b[endAt:]))), true
}

func checksum(table *crc32.Table, key Key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key[:], table), table, b)
}
