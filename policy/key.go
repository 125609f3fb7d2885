// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strconv"
	"strings"

	"chancery/ca"
)

// The bounds of RSA keys in bits; internal/csr refuses others before any arithmetic.
const (
	minRSA = 2048
	maxRSA = 8192
)

// key checks the key's type against the profile. What makes a key weak was
// judged when the request was read.
func key(v *vetting) error {
	p, c := v.profile, v.csr
	if !slices.ContainsFunc(p.Keys, func(pattern string) bool { return keyMatches(pattern, c.KeyType) }) {
		return ca.Refused(ca.E2204, "profile "+p.Name+" does not take keys of type "+c.KeyType, "make a new key of an accepted type").
			Because("accepted are " + list(p.Keys) + " (rule keys)").At("key")
	}
	// An authority's key in an end-entity certificate would let its holder be both.
	if c.Key == v.authority.Key {
		return ca.Refused(ca.E2204, "this is the key of authority "+v.authority.Name, "make a new key").At("key")
	}
	if refusesKey(v.refused, c.Key) {
		return ca.Refused(ca.E2204, "this key is known to be compromised", "make a new key, and revoke what has this one").
			Because("the policy in force lists it (security rule PF-07)").At("key")
	}
	if v.weak != nil {
		if list := v.weak(c.SPKI); list != "" {
			return WeakKey(list)
		}
	}
	v.draft.SPKI, v.draft.Key, v.draft.KeyType = slices.Clone(c.SPKI), c.Key, c.KeyType
	return nil
}

// WeakKey is the refusal of a key that a list of known ones has.
func WeakKey(list string) *ca.Problem {
	return ca.Refused(ca.E2204, "the private key of this public key is known: it is on the list "+ca.Show(list), "make a new key, on a machine whose OpenSSL is not Debian's of 2006 to 2008, and revoke what has this one").
		Because("anybody can have a key that a weak generator made, or that was published (security rule PF-07)").At("key")
}

// keyMatches compares a key type with a profile's word; an RSA word stands for its
// size and all larger ones up to 8192 bits.
func keyMatches(pattern, keyType string) bool {
	if pattern == keyType {
		return true
	}
	least, ok1 := rsaBits(pattern)
	bits, ok2 := rsaBits(keyType)
	return ok1 && ok2 && bits >= least
}

// rsaBits reads the size in "rsa-3072".
func rsaBits(keyType string) (int, bool) {
	digits, ok := strings.CutPrefix(keyType, "rsa-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= minRSA && n <= maxRSA
}
