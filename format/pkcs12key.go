// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"hash"
)

// What a key of PKCS#12 is for (RFC 7292 §B.3).
const (
	forKey = 1
	forIV  = 2
	forMAC = 3
)

// pkcs12Key derives octets from a password as RFC 7292 §B.2 does; its letters are
// used here. How much is the number of rounds, and of octets wanted. No library exports it.
func pkcs12Key(newHash func() hash.Hash, id byte, password, salt []byte, much [2]int) []byte {
	rounds, n := much[0], much[1]
	h := newHash()
	v := h.BlockSize()
	d := bytes.Repeat([]byte{id}, v)
	i := append(filled(salt, v), filled(password, v)...)
	var out []byte
	for len(out) < n {
		a := repeated(h, append(bytes.Clone(d), i...), rounds)
		out = append(out, a...)
		b := filled(a, v)[:v]
		for j := 0; j < len(i); j += v {
			addOne(i[j:j+v], b)
		}
	}
	return out[:n]
}

// filled repeats a text up to a whole number of blocks; nothing stays nothing.
func filled(text []byte, block int) []byte {
	n := (len(text) + block - 1) / block * block
	return bytes.Repeat(text, n/max(1, len(text))+1)[:n]
}

// repeated hashes data, and then each hash again.
func repeated(h hash.Hash, data []byte, rounds int) []byte {
	sum := make([]byte, 0, h.Size())
	for range rounds {
		h.Reset()
		h.Write(data)
		data = h.Sum(sum)
	}
	return data
}

// addOne sets a to a + b + 1, as numbers of one length; what overflows is dropped.
func addOne(a, b []byte) {
	carry := 1
	for k := len(a) - 1; k >= 0; k-- {
		carry += int(a[k]) + int(b[k])
		a[k] = byte(carry)
		carry >>= 8
	}
}
