package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// hostile is a message that must end among the dead letters.
type hostile struct {
	name     string
	subject  string // default: captures.hostile.<name>
	body     []byte
	code     string
	sentence string // a part of it that helps
	waits    bool   // for captures of other stations, before it is refused
}

// testHostile sends every kind of bad capture, and after each a good one, which still gets its fix.
func testHostile(t *testing.T, h *house, process *workerProcess) {
	good, _ := simulated(t, 2, 9)
	good.Cache = false
	for _, c := range hostileCaptures(t) {
		if c.subject == "" {
			c.subject = captureSubject("hostile", strings.ReplaceAll(c.name, " ", "-"))
		}
		t.Run(c.name, func(t *testing.T) {
			h.publish(t, c.subject, c.body)
			checkLetter(t, h.nextDead(t), c, process)
			h.publish(t, captureSubject("demo", "good"), encode(t, good))
			if fix := h.nextFix(t); fix.CaptureID != good.ID {
				t.Errorf("a fix of %s; want one of the good capture %s", fix.CaptureID, good.ID)
			}
		})
	}
	h.waitUntilEmpty(t)
}

func checkLetter(t *testing.T, letter *messages.DeadLetter, c hostile, process *workerProcess) {
	t.Helper()
	if letter.Subject != c.subject || !bytes.Equal(letter.Body, c.body) {
		t.Fatalf("a dead letter of %s with %d bytes; want %s with %d", letter.Subject, len(letter.Body), c.subject, len(c.body))
	}
	if letter.Reason != c.code || !strings.Contains(letter.Sentence, c.sentence) {
		t.Errorf("the reason is %s: %s; want %s with %q", letter.Reason, letter.Sentence, c.code, c.sentence)
	}
	if letter.Deliveries > 1 != c.waits || letter.Worker != process.options.Name || letter.ModelVersion != process.champion().Version {
		t.Errorf("the letter is signed by %s with model %s after %d deliveries", letter.Worker, letter.ModelVersion, letter.Deliveries)
	}
	if age := time.Since(letter.Time); age < 0 || age > patience {
		t.Errorf("the letter was written %v ago", age)
	}
}

// fields are a capture before it is encoded, so that it may be anything.
type fields = map[string]any

// wire writes three receivers' capture with some of its fields changed: top-level ones by their key, the second
// receiver's by "rx." and theirs. A nil value takes the field away.
func wire(t testing.TB, changes fields) []byte {
	t.Helper()
	capture := fields{"v": 1, "id": messages.NewCaptureID(), "freq": 145e6, "cache": false}
	receivers := []fields{aReceiver("a", 45, 8), aReceiver("b", 45.5, 8.5), aReceiver("c", 45, 9)}
	capture["rx"] = receivers
	for key, value := range changes {
		target := capture
		if name, ok := strings.CutPrefix(key, "rx."); ok {
			target, key = receivers[1], name
		}
		if value == nil {
			delete(target, key)
		} else {
			target[key] = value
		}
	}
	return pack(t, capture)
}

func aReceiver(station string, latitude, longitude float64) fields {
	return fields{"station": station, "lat": latitude, "lon": longitude, "alt": 100.0, "t0": sceneTime.UnixNano(), "sigma": 100.0,
		"rate": 48e3, "gain": 0.0, "fmt": "cf32_le", "iq": samples(2400)}
}

// receivers makes n of them, at different places.
func receivers(n int) []fields {
	var list []fields
	for i := range n {
		list = append(list, aReceiver(string(rune('A'+i/26))+string(rune('a'+i%26)), 45+0.1*float64(i), 8+0.2*float64(i%3)))
	}
	return list
}

func pack(t testing.TB, value any) []byte {
	t.Helper()
	data, err := msgpack.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// samples are n samples of noise as cf32_le, always the same; those at the given places are replaced.
func samples(n int, replaced ...float32) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 8*n)
	for i := range 2 * n {
		value := float32(0.1 * random.NormFloat64())
		if i < len(replaced) {
			value = replaced[i]
		}
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(value))
	}
	return b
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// claim is a capture whose first field declares more than 2 GB.
func claim(key string, head ...byte) []byte {
	b := append([]byte{0x81, 0xa0 | byte(len(key))}, key...)
	return append(b, head...)
}

// hostileCaptures lists what must be refused, with its code and a part of its sentence.
func hostileCaptures(t testing.TB) []hostile {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	one := func(key string, value any) []byte { return wire(t, fields{key: value}) }
	deep := any(1)
	for range 1000 {
		deep = []any{deep}
	}
	early, late := aReceiver("early", 45, 8), aReceiver("late", 45, 9)
	late["t0"] = sceneTime.Add(time.Hour).UnixNano()
	slow, fast := aReceiver("slow", 45, 8), aReceiver("fast", 45, 9)
	slow["rate"], fast["rate"] = 1e3, 100e6
	here, antipode := aReceiver("here", 45, 8), aReceiver("antipode", -45, -172)
	place := []fields{aReceiver("a", 45, 8), aReceiver("b", 45, 8), aReceiver("c", 45, 8)}

	return []hostile{
		// Bytes that are no capture.
		{name: "empty body", body: []byte{}, code: "empty", sentence: "want a capture, a msgpack map"},
		{name: "text", body: []byte("hello"), code: "not_msgpack", sentence: "want a capture, a msgpack map"},
		{name: "random bytes", body: randomBytes(100_000), code: "not_msgpack", sentence: "want a capture"},
		{name: "truncated capture", body: one("v", 1)[:4000], code: "truncated", sentence: "left"},
		{name: "samples of 2 GB", body: claim("iq", 0xc6, 0x7f, 0xff, 0xff, 0xff), code: "truncated", sentence: "2147483647"},
		{name: "id of 2 GB", body: claim("id", 0xdb, 0x80, 0, 0, 0), code: "truncated", sentence: "2147483648"},
		{name: "receivers by 2 billion", body: claim("rx", 0xdd, 0x80, 0, 0, 0), code: "truncated", sentence: "2147483648"},
		{name: "map of 2 billion", body: []byte{0xdf, 0x80, 0, 0, 0}, code: "truncated", sentence: "4294967296 bytes or more announced"},
		{name: "unknown field of 2 GB", body: claim("x", 0xc9, 0x80, 0, 0, 0, 7), code: "truncated", sentence: "2147483649 bytes"},
		{name: "a thousand arrays deep", body: one("x", deep), code: "too_deep", sentence: "nested"},
		{name: "bytes after the capture", body: append(one("v", 1), 1, 2), code: "trailing_bytes", sentence: "2 bytes follow"},
		{name: "a byte over 8 MiB", body: one("x", make([]byte, messages.MaxCaptureBytes+1-len(one("x", make([]byte, 1<<16)))+1<<16)), code: "too_large", sentence: "has 8388609 bytes; want at most 8388608"},

		// Captures whose fields are wrong.
		{name: "unknown version", body: one("v", 2), code: "bad_version", sentence: "v is 2; this program reads version 1"},
		{name: "no version", body: one("v", nil), code: "missing_field", sentence: "v"},
		{name: "no frequency", body: one("freq", nil), code: "missing_field", sentence: "freq"},
		{name: "frequency not a number", body: one("freq", math.NaN()), code: "bad_freq", sentence: "freq is NaN"},
		{name: "frequency as text", body: one("freq", "145e6"), code: "bad_type", sentence: "freq"},
		{name: "guessable id", body: one("id", "1"), code: "bad_id", sentence: "want 22 to 64"},
		{name: "long event", body: one("event", strings.Repeat("x", 300)), code: "bad_text", sentence: "event has 300 bytes"},
		{name: "no receivers", body: one("rx", []fields{}), code: "no_receivers", sentence: "rx is empty"},
		{name: "one receiver", body: one("rx", receivers(1)), code: "too_few_receivers", sentence: "a fix rests on at least 3", waits: true},
		{name: "33 receivers", body: one("rx", receivers(33)), code: "too_many_receivers", sentence: "rx has 33 receivers; want 1 to 32"},
		{name: "a station twice", body: one("rx.station", "a"), code: "duplicate_station", sentence: "are both a"},
		{name: "station with a dot", body: one("rx.station", "b.c"), code: "bad_station", sentence: `rx[1].station is "b.c"`},
		{name: "zero rate", body: one("rx.rate", 0), code: "bad_rate", sentence: "rx[1].rate is 0; want 1 kHz to 100 MHz"},
		{name: "infinite rate", body: one("rx.rate", math.Inf(1)), code: "bad_rate", sentence: "rx[1].rate is +Inf"},
		{name: "latitude off the globe", body: one("rx.lat", 91), code: "bad_position", sentence: "rx[1].lat is 91"},
		{name: "longitude off the globe", body: one("rx.lon", -181.5), code: "bad_position", sentence: "rx[1].lon is -181.5"},
		{name: "latitude not a number", body: one("rx.lat", math.NaN()), code: "bad_position", sentence: "rx[1].lat is NaN"},
		{name: "null island", body: wire(t, fields{"rx.lat": 0, "rx.lon": 0}), code: "null_island", sentence: "never told its place"},
		{name: "in orbit", body: one("rx.alt", 400e3), code: "bad_altitude", sentence: "rx[1].alt is 400000"},
		{name: "before 1970", body: one("rx.t0", -1), code: "bad_time", sentence: "rx[1].t0 is -1"},
		{name: "time as a float", body: one("rx.t0", 1.7e18), code: "bad_type", sentence: "rx[1].t0"},
		{name: "negative sigma", body: one("rx.sigma", -1), code: "bad_sigma", sentence: "rx[1].sigma is -1"},
		{name: "infinite gain", body: one("rx.gain", math.Inf(-1)), code: "bad_gain", sentence: "rx[1].gain is -Inf"},
		{name: "unknown format", body: one("rx.fmt", "cs12"), code: "bad_format", sentence: "want cu8, ci8, ci16_le or cf32_le"},
		{name: "no samples", body: one("rx.iq", []byte{}), code: "bad_iq_length", sentence: "rx[1].iq is empty"},
		{name: "half a sample", body: one("rx.iq", make([]byte, 804)), code: "bad_iq_length", sentence: "rx[1].iq has 804 bytes"},

		// Captures that cannot be located.
		{name: "sample not a number", body: one("rx.iq", samples(2400, 0, nan)), code: "bad_samples", sentence: "rx[1]: sample 0 of station b is 0+NaNi"},
		{name: "infinite sample", body: one("rx.iq", samples(2400, 0, 0, inf)), code: "bad_samples", sentence: "rx[1]: sample 1 of station b is +Inf"},
		{name: "enormous sample", body: one("rx.iq", samples(2400, 3e38)), code: "bad_samples", sentence: "want finite numbers within"},
		{name: "shorter than a frame", body: one("rx.iq", samples(20)), code: "too_short", sentence: "want at least 32"},
		{name: "one sample", body: one("rx.iq", samples(1)), code: "too_short", sentence: "want at least 32"},
		{name: "no common time", body: one("rx", []fields{early, late}), code: "no_overlap", sentence: "before rx[1] begins at 3600 s"},
		{name: "rates worlds apart", body: one("rx", []fields{slow, fast}), code: "too_short", sentence: "0 common samples at 1000 Hz"},
		{name: "opposite sides of the Earth", body: one("rx", []fields{here, antipode}), code: "no_centroid", sentence: "no common middle"},

		{name: "one position for all", body: one("rx", place), code: "no_baseline", sentence: "stand within 0.0 m of each other"},

		// Subjects that are no network's.
		{name: "four tokens", subject: "captures.hostile.four.tokens", body: one("v", 1), code: "bad_subject", sentence: "is not captures.<network>.<source>"},
		{name: "two tokens", subject: "captures.hostile", body: one("v", 1), code: "bad_subject", sentence: "is not captures.<network>.<source>"},
		{name: "umlaut", subject: "captures.hostile.süd", body: one("v", 1), code: "bad_subject", sentence: "is not captures.<network>.<source>"},
	}
}

// testHumble sends what nobody can locate, though nothing is wrong with it. The fix must not claim to know.
func testHumble(t *testing.T, h *house) {
	silent, unrelated := receivers(3), receivers(3)
	noise := randomBytes(3 * 9600)
	for i := range silent {
		silent[i]["iq"] = make([]byte, 8*2400)
		unrelated[i]["fmt"], unrelated[i]["iq"] = "ci16_le", noise[i*9600:(i+1)*9600]
	}
	const baseline = 22_000 // m, the longest of the three
	for name, rx := range map[string][]fields{"silence": silent, "unrelated noise": unrelated} {
		h.publish(t, captureSubject("demo", "nothing"), wire(t, fields{"rx": rx}))
		if u := h.nextFix(t).Uncertainty; u.SemiMajor < baseline/2 {
			t.Errorf("of %s the ellipse is %.0f x %.0f m", name, u.SemiMajor, u.SemiMinor)
		}
	}
}

// heapBound is how much larger the heap may be after hundreds of hostile captures: by the last large one, which somebody
// may still hold at one reading and not at the other, and some bookkeeping of the server's. Samples that were kept each
// time would add more than 20 MB, and large captures more than 60 MB.
const heapBound = messages.MaxCaptureBytes + 2<<20

// testMemory sends hostile captures over and over and looks at the heap, once every buffer has found its size.
func testMemory(t *testing.T, h *house) {
	cases := hostileCaptures(t)
	round := func() {
		for _, c := range cases {
			if c.subject == "" {
				c.subject = captureSubject("hostile", "memory")
			}
			h.publish(t, c.subject, c.body)
		}
		for range cases {
			h.nextDead(t)
		}
		h.waitUntilEmpty(t)
	}
	round()
	before := h.heap(t)
	const rounds = 8
	for range rounds {
		round()
	}
	after := h.heap(t)
	if after > before+heapBound {
		t.Errorf("%d hostile captures grew the heap from %d to %d bytes; want no more than %d on top", rounds*len(cases), before, after, heapBound)
	}
}

// heap is the memory in use after a collection, in bytes. The server, which lives in this process, too, keeps what it
// stored at hand for some seconds, so the dead letters are removed first.
func (h *house) heap(t testing.TB) uint64 {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first only moves what sync.Pools hold out of the way
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
