package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Keyer computes keys: SHA-256 over a model's digest, its contract, and all that its answer to a capture depends on. Each
// goroutine needs its own. After the first key it allocates nothing.
//
//	k := NewKeyer(digest, contract)
//	k.Add(facts)
//	k.Add(samples)
//	key := k.Key()
type Keyer struct {
	hash  hash.Hash
	model [sha256.Size]byte // digest and contract, hashed
	key   Key
	buf   [8]byte
	begun bool
}

// NewKeyer returns a keyer for the model with this digest and contract (its JSON).
func NewKeyer(digest string, contract []byte) *Keyer {
	k := &Keyer{hash: sha256.New()}
	k.number(uint64(len(digest)))
	k.hash.Write([]byte(digest))
	k.hash.Write(contract)
	k.hash.Sum(k.model[:0])
	return k
}

// Add adds bytes to the key under way. What is added apart is told apart, by its length.
func (k *Keyer) Add(b []byte) {
	k.begin()
	k.number(uint64(len(b)))
	k.hash.Write(b)
}

// Key returns the key of what was added since the last call.
func (k *Keyer) Key() Key {
	k.begin()
	k.hash.Sum(k.key[:0])
	k.begun = false
	return k.key
}

func (k *Keyer) begin() {
	if k.begun {
		return
	}
	k.hash.Reset()
	k.hash.Write(k.model[:])
	k.begun = true
}

func (k *Keyer) number(n uint64) {
	binary.LittleEndian.PutUint64(k.buf[:], n)
	k.hash.Write(k.buf[:])
}
