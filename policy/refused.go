// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"slices"

	"chancery/ca"
)

// MaxRefusedKeys bounds the keys that a policy refuses: a third of the largest bundle.
// Whole lists of what became known elsewhere have millions.
const MaxRefusedKeys = 5000

// refusesKey tells whether a key is on the policy's list of compromised ones (security
// rule PF-07), which is in order.
func refusesKey(refused []ca.Digest, key ca.Digest) bool {
	_, found := slices.BinarySearchFunc(refused, key, compareDigests)
	return found
}

func compareDigests(a, b ca.Digest) int { return bytes.Compare(a[:], b[:]) }

// RefuseKeys gives the bundle with keys on its list of compromised ones, and without
// others; each is the SHA-256 of a SubjectPublicKeyInfo.
func (b Bundle) RefuseKeys(add, remove []ca.Digest) Bundle {
	all := slices.DeleteFunc(slices.Concat(b.RefusedKeys, add), func(key ca.Digest) bool { return slices.Contains(remove, key) })
	slices.SortFunc(all, compareDigests)
	b.RefusedKeys = slices.Compact(all)
	return b
}

// checkRefused wants the list in order, so that it has one form and is searched fast.
func (b Bundle) checkRefused() error {
	if len(b.RefusedKeys) > MaxRefusedKeys {
		return badBundle(fmt.Sprintf("it refuses more than %d keys", MaxRefusedKeys))
	}
	for i, key := range b.RefusedKeys {
		if key.IsZero() || i > 0 && compareDigests(b.RefusedKeys[i-1], key) >= 0 {
			return badBundle("its refused keys are not in order, or one stands twice")
		}
	}
	return nil
}

// Rules are what a request under a profile is judged by, if an authority signs: the
// bundle's own part of them added.
func (b Bundle) Rules(p ca.Profile, a ca.Authority) Rules {
	return Rules{Profile: p, Authority: a, Grants: b.Grants, RefusedKeys: b.RefusedKeys}
}
