package cache

import (
	"bytes"
	"hash/crc32"
	"testing"
)

// FuzzOpen opens what may be under a key of ours in a shared Redis.
func FuzzOpen(f *testing.F) {
	table := crc32.MakeTable(crc32.Castagnoli)
	f.Add([]byte{})
	f.Add([]byte{sealVersion, 0, 0, 0, 0})
	f.Add(seal(table, Key{1}, []byte("fix")))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, ok := open(table, Key{1}, b)
		if ok && !bytes.Equal(seal(table, Key{1}, value), b) {
			t.Errorf("%x opened to %x, which is sealed otherwise", b, value)
		}
		if again, ok := open(table, Key{1}, seal(table, Key{1}, b)); !ok || !bytes.Equal(again, b) {
			t.Errorf("%x does not survive being sealed", b)
		}
	})
}
