package cache

import (
	"bytes"
	"hash/crc32"
	"testing"
	"time"
)

// FuzzOpen opens what may be under a key of ours in a shared Redis.
func FuzzOpen(f *testing.F) {
	table := crc32.MakeTable(crc32.Castagnoli)
	f.Add([]byte{})
	until := time.UnixMilli(1_790_000_000_000)
	f.Add([]byte{sealVersion, 0, 0, 0, 0})
	f.Add(seal(table, Key{1}, []byte("fix"), until))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, until, ok := open(table, Key{1}, b)
		if ok && !bytes.Equal(seal(table, Key{1}, value, until), b) {
			t.Errorf("%x opened to %x until %v, which is sealed otherwise", b, value, until)
		}
		end := time.UnixMilli(int64(len(b)))
		if again, until, ok := open(table, Key{1}, seal(table, Key{1}, b, end)); !ok || !bytes.Equal(again, b) || !until.Equal(end) {
			t.Errorf("%x does not survive being sealed", b)
		}
	})
}
