package messages

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
)

// slack is what any refusal may allocate, whatever the message: the sentence, a few
// receivers, what the runtime does meanwhile.
const slack = 64 << 10

// allocated is how many bytes work allocates.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func evilMessages() map[string][]byte {
	length := func(code byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{code}, n) }
	under := func(key string, value []byte) []byte {
		return append(append([]byte{0x81, 0xa0 | byte(len(key))}, key...), value...)
	}
	return map[string][]byte{
		"map of 4 G pairs":          length(0xdf, 0xffffffff),
		"map of 2 G pairs, 9 bytes": append(length(0xdf, 1<<31), 0xa1, 'v', 1, 0xc0),
		"id of 2 GB":                under("id", length(0xdb, 1<<31-1)),
		"event of 4 GB":             under("event", length(0xdb, 0xffffffff)),
		"rx of 4 G":                 under("rx", length(0xdd, 0xffffffff)),
		"rx of 32 nothings":         under("rx", append([]byte{0xdc, 0, 32}, make([]byte, 32)...)),
		"iq of 2 GB":                under("rx", append([]byte{0x91, 0x81, 0xa2, 'i', 'q'}, length(0xc6, 1<<31-1)...)),
		"unknown of 4 G":            under("x", length(0xdd, 0xffffffff)),
		"unknown ext of 4 GB":       under("x", length(0xc9, 0xffffffff)),
		"deep arrays":               under("x", bytes.Repeat([]byte{0x91}, 1<<20)),
		"deep maps":                 under("x", bytes.Repeat([]byte{0x81, 0xc0}, 1<<20)),
		"nested lengths":            under("x", bytes.Repeat(length(0xdd, 100000), 1<<17)),
		"a million nils":            append(under("x", length(0xdd, 1<<20)), bytes.Repeat([]byte{0xc0}, 1<<20)...),
	}
}

func TestHostileLengthsAllocateLittle(t *testing.T) {
	for name, msg := range evilMessages() {
		var err error
		if n := allocated(func() { err = decodeError(msg) }); n > slack {
			t.Errorf("%s: decoding %d bytes allocated %d", name, len(msg), n)
		}
		if err == nil {
			t.Errorf("%s was accepted as a capture", name)
		}
		if n := allocated(func() { _, err = DecodeFix(ContentTypeMsgpack, msg) }); n > slack+64*uint64(len(msg)) {
			t.Errorf("%s: decoding %d bytes as a fix allocated %d", name, len(msg), n)
		}
		if err == nil {
			t.Errorf("%s was accepted as a fix", name)
		}
	}
}

// A valid capture allocates a few receivers and their strings, never its samples.
func TestValidCaptureAllocatesLittle(t *testing.T) {
	c := threeReceivers(CU8)
	c.Receivers[0].IQ = make([]byte, 7<<20)
	msg := encode(t, c)
	if n := allocated(func() { decodeError(msg) }); n > slack {
		t.Errorf("decoding %d bytes allocated %d", len(msg), n)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	msg := golden(t, "capture_minimal.msgpack")
	var c Capture
	for n := range msg {
		if err := c.Decode(msg[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(msg))
		}
	}
}

// Random bytes, and valid messages with random damage, are refused or read, never worse.
func TestRandomBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	valid := golden(t, "capture_minimal.msgpack")
	var c Capture
	refused := 0
	for range 20000 {
		msg := bytes.Clone(valid)
		for range 1 + random.IntN(4) {
			msg[random.IntN(len(msg))] = byte(random.Uint32())
		}
		if c.Decode(msg) != nil {
			refused++
		}
		for i := range msg {
			msg[i] = byte(random.Uint32())
		}
		if c.Decode(msg) == nil {
			t.Fatalf("random bytes % x were accepted", msg)
		}
	}
	if refused == 0 {
		t.Error("no damaged message was refused")
	}
}
