package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
)

// Keyer computes keys: SHA-256 over a model's digest, its contract, and the names, shapes and bits of its feature
// tensors. Each goroutine needs its own. After the first key it allocates nothing.
//
//	k := NewKeyer(digest, contract)
//	k.Tensor("log_spectrogram", shape, data)
//	key := k.Key()
type Keyer struct {
	hash  hash.Hash
	model [sha256.Size]byte // digest and contract, hashed
	key   Key
	buf   []byte
	begun bool
}

// NewKeyer returns a keyer for the model with this digest and contract (its JSON).
func NewKeyer(digest string, contract []byte) *Keyer {
	k := &Keyer{hash: sha256.New(), buf: make([]byte, 4096)}
	k.number(uint64(len(digest)))
	k.hash.Write([]byte(digest))
	k.hash.Write(contract)
	k.hash.Sum(k.model[:0])
	return k
}

// Tensor adds a tensor to the key under way. Names, shapes and values are told apart by their lengths.
func (k *Keyer) Tensor(name string, shape []int64, data []float32) {
	k.begin()
	k.number(uint64(len(name)))
	k.hash.Write(append(k.buf[:0], name...))
	k.number(uint64(len(shape)))
	for _, n := range shape {
		k.number(uint64(n))
	}
	k.number(uint64(len(data)))
	for len(data) > 0 {
		n := min(len(data), len(k.buf)/4)
		b := k.buf[:4*n]
		for i, x := range data[:n] {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
		}
		k.hash.Write(b)
		data = data[n:]
	}
}

// Key returns the key of the tensors added since the last call.
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
	binary.LittleEndian.PutUint64(k.buf, n)
	k.hash.Write(k.buf[:8])
}
