// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	"chancery/ca"
)

// PF-07: a key on the policy's list is refused under every profile.
func TestPF07_AKeyOnThePolicysListIsRefused(t *testing.T) {
	key := good().csr.Key
	for _, c := range []struct {
		name  string
		known []ca.Digest
		code  ca.Code
	}{
		{"no list", nil, ""},
		{"others", []ca.Digest{{1}, {0xff}}, ""},
		{"among others", []ca.Digest{{0, 1}, key, {0xff, 0xff}}, ca.E2204},
		{"alone", []ca.Digest{key}, ca.E2204},
	} {
		w := good()
		b := goodBundle().RefuseKeys(c.known, nil)
		_, err := Vet(b.Rules(w.profile, w.authority), w.request, w.csr, w.now)
		if c.code == "" && err != nil || c.code != "" && (problem(t, err).Code != c.code || problem(t, err).Field != "key") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestABundleHasItsRefusedKeysInOrder(t *testing.T) {
	b := goodBundle().RefuseKeys([]ca.Digest{{3}, {1}, {3}, {2}}, []ca.Digest{{2}})
	if !slices.Equal(b.RefusedKeys, []ca.Digest{{1}, {3}}) {
		t.Errorf("the list is %v", b.RefusedKeys)
	}
	document, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseBundle(document); err != nil || !slices.Equal(again.RefusedKeys, b.RefusedKeys) {
		t.Errorf("read again as %v, %v", again.RefusedKeys, err)
	}
	for name, keys := range map[string][]ca.Digest{"out of order": {{3}, {1}}, "twice": {{1}, {1}}, "no key": {{}}, "too many": make([]ca.Digest, MaxRefusedKeys+1)} {
		b.RefusedKeys = keys
		if _, err := b.Marshal(); err == nil || problem(t, err).Code != ca.E2121 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
