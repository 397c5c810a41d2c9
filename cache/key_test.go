package cache

import "testing"

func keyOf(k *Keyer, parts ...[]byte) Key {
	for _, part := range parts {
		k.Add(part)
	}
	return k.Key()
}

func TestKeyTellsApart(t *testing.T) {
	data := make([]byte, 5000)
	base := NewKeyer("sha256:1", []byte(`{"a":1}`))
	want := keyOf(base, []byte("facts"), data)
	if again := keyOf(base, []byte("facts"), data); again != want {
		t.Error("the same gave two keys")
	}
	if other := keyOf(NewKeyer("sha256:1", []byte(`{"a":1}`)), []byte("facts"), data); other != want {
		t.Error("two keyers of one model gave two keys")
	}
	changed := append([]byte(nil), data...)
	changed[4999] = 1
	others := map[string]Key{
		"digest":        keyOf(NewKeyer("sha256:2", []byte(`{"a":1}`)), []byte("facts"), data),
		"contract":      keyOf(NewKeyer("sha256:1", []byte(`{"a":2}`)), []byte("facts"), data),
		"digest's end":  keyOf(NewKeyer("sha256:1{", []byte(`"a":1}`)), []byte("facts"), data),
		"first part":    keyOf(base, []byte("fact"), data),
		"border":        keyOf(base, []byte("facts\x00"), data[1:]),
		"last bit":      keyOf(base, []byte("facts"), changed),
		"one byte less": keyOf(base, []byte("facts"), data[:4999]),
		"a part more":   keyOf(base, []byte("facts"), data, nil),
		"no part":       base.Key(),
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
	got := keyOf(NewKeyer("d", []byte("{}")), []byte("x"), []byte{1, 2})
	if want := "40b03b1e4124ab76ad59e1658e056ca121baa566571b24122f2941714824cfaa"; hexOf(got) != want {
		t.Errorf("key is %s, want %s", hexOf(got), want)
	}
}

func TestKeyAllocatesNothing(t *testing.T) {
	k, facts, samples := NewKeyer("d", nil), make([]byte, 99), make([]byte, 9999)
	var sum Key
	if n := testing.AllocsPerRun(100, func() {
		k.Add(facts)
		k.Add(samples)
		sum = k.Key()
	}); n != 0 {
		t.Errorf("a key allocates %v times", n)
	}
	if sum == (Key{}) {
		t.Error("no key")
	}
}
