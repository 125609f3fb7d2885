// SPDX-License-Identifier: Apache-2.0

package status

import (
	"hash/maphash"
	"slices"

	"chancery/ca"
	"chancery/internal/ocsp"
)

// issuers are the authorities as OCSP names them. It is immutable.
type issuers struct {
	all []ca.Authority
	// by has the place of an authority by the digests of its name and key, in every hash.
	by map[string]int
}

// newIssuers digests the names and keys of authorities whose keys are here. One that cannot
// be digested is left out: nobody can ask about it.
func newIssuers(all []ca.Authority) *issuers {
	n := &issuers{all: all, by: map[string]int{}}
	for i, a := range all {
		if a.External {
			continue
		}
		for _, hash := range ca.CertIDHashes() {
			if id, err := ocsp.CertID(hash, a.Subject, a.SPKI, "01"); err == nil {
				n.by[string(id.NameHash)+string(id.KeyHash)] = i
			}
		}
	}
	return n
}

// find gives the place of the authority that a CertID names, -1 if it is none of ours.
// The digests of two hashes are of different lengths, so that none is taken for another.
func (n *issuers) find(id *ca.CertID) int {
	var room [128]byte
	if at, ok := n.by[string(append(append(room[:0], id.NameHash...), id.KeyHash...))]; ok {
		return at
	}
	return -1
}

// forms is how many CertIDs name the same certificate: by each hash, with and without
// parameters.
const forms = 8

// A key says which answer is kept: of which authority, by which form of a CertID, about
// which serial number.
type key struct {
	sum    uint64 // of the rest
	by     uint16
	form   byte
	size   byte // of the serial number in octets
	serial [20]byte
}

// seed makes sums that strangers cannot foresee.
var seed = maphash.MakeSeed()

// digest is the sum of a key.
func (k key) digest() uint64 {
	k.sum = 0
	return maphash.Comparable(seed, k)
}

// keyFor is the key of an authority's certificate in a form.
func keyFor(by int, form byte, serial ca.Serial) key {
	k := key{by: uint16(by), form: form}
	k.size = byte(copy(k.serial[:], serial.Bytes()))
	k.sum = k.digest()
	return k
}

// keyOf is the key of what is asked of an authority.
func keyOf(by int, id *ca.CertID) key {
	form := byte(slices.Index(ca.CertIDHashes(), id.Hash)) << 1
	if id.Parameters {
		form |= 1
	}
	return keyFor(by, form, id.Serial)
}
