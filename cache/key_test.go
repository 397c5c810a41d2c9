package cache

import (
	"math"
	"testing"
)

func keyOf(k *Keyer, name string, shape []int64, data []float32) Key {
	k.Tensor(name, shape, data)
	return k.Key()
}

func TestKeyTellsApart(t *testing.T) {
	data := make([]float32, 5000) // more than one piece
	data[4999] = 1
	base := NewKeyer("sha256:1", []byte(`{"a":1}`))
	want := keyOf(base, "x", []int64{5, 1000}, data)
	if again := keyOf(base, "x", []int64{5, 1000}, data); again != want {
		t.Error("the same tensors gave two keys")
	}
	if other := keyOf(NewKeyer("sha256:1", []byte(`{"a":1}`)), "x", []int64{5, 1000}, data); other != want {
		t.Error("two keyers of one model gave two keys")
	}
	changed := append([]float32(nil), data...)
	changed[4999] = math.Nextafter32(1, 2)
	two := func(k *Keyer) Key {
		k.Tensor("x", []int64{5, 1000}, data)
		k.Tensor("y", nil, nil)
		return k.Key()
	}
	others := map[string]Key{
		"digest":            keyOf(NewKeyer("sha256:2", []byte(`{"a":1}`)), "x", []int64{5, 1000}, data),
		"contract":          keyOf(NewKeyer("sha256:1", []byte(`{"a":2}`)), "x", []int64{5, 1000}, data),
		"digest's end":      keyOf(NewKeyer("sha256:1{", []byte(`"a":1}`)), "x", []int64{5, 1000}, data),
		"name":              keyOf(base, "y", []int64{5, 1000}, data),
		"shape":             keyOf(base, "x", []int64{1000, 5}, data),
		"last bit":          keyOf(base, "x", []int64{5, 1000}, changed),
		"one value less":    keyOf(base, "x", []int64{5, 1000}, data[:4999]),
		"a tensor more":     two(base),
		"no tensor":         base.Key(),
		"negative zero":     keyOf(base, "x", []int64{5, 1000}, append([]float32{float32(math.Copysign(0, -1))}, data[1:]...)),
		"name and its data": keyOf(base, "x\x01", nil, data),
	}
	seen := map[Key]string{want: "base"}
	for what, key := range others {
		if before, ok := seen[key]; ok {
			t.Errorf("another %s has the key of %s", what, before)
		}
		seen[key] = what
	}
}

func TestKeyIsStable(t *testing.T) {
	// A key that changes from build to build would empty every shared cache. This one was computed with Python's hashlib.
	got := keyOf(NewKeyer("d", []byte("{}")), "x", []int64{2}, []float32{1, -2.5})
	if want := "a053c3871c1c4b0b99147f650d0fd61ccc80b4f736c47fbe4619b95a5688139f"; hexOf(got) != want {
		t.Errorf("key is %s, want %s", hexOf(got), want)
	}
}

func TestKeyAllocatesNothing(t *testing.T) {
	k, shape, data := NewKeyer("d", nil), []int64{3, 33}, make([]float32, 99)
	var sum Key
	if n := testing.AllocsPerRun(100, func() { sum = keyOf(k, "cross_correlation", shape, data) }); n != 0 {
		t.Errorf("a key allocates %v times", n)
	}
	if sum == (Key{}) {
		t.Error("no key")
	}
}
