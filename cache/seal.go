package cache

import (
	"encoding/binary"
	"hash/crc32"
)

// A sealed value is a version byte, the CRC-32C of key and value in little-endian order, and the value. What another
// program, another version or a fault has written under a key of ours does not open.
const (
	sealVersion = 1
	sealSize    = 5
)

func seal(table *crc32.Table, key Key, value []byte) []byte {
	b := make([]byte, sealSize, sealSize+len(value))
	b[0] = sealVersion
	binary.LittleEndian.PutUint32(b[1:], checksum(table, key, value))
	return append(b, value...)
}

// open returns the value in b, which it aliases, and whether b is sound.
func open(table *crc32.Table, key Key, b []byte) ([]byte, bool) {
	if len(b) < sealSize || b[0] != sealVersion {
		return nil, false
	}
	value := b[sealSize:]
	return value, binary.LittleEndian.Uint32(b[1:]) == checksum(table, key, value)
}

func checksum(table *crc32.Table, key Key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key[:], table), table, value)
}
