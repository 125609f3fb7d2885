// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"encoding/json"
	"errors"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// No version of the policy is lost when another takes its place: each is found by any leaf
// that was written under it, before and after a start.
func TestEveryPolicyThatWasInForceIsFound(t *testing.T) {
	s, _, h := founded(t)
	type issue struct{ leaf, version int64 }
	var all []issue
	version := int64(1)
	for n := range 4 {
		a := s.issued(h, wish(n, csrBy(t, "nas.lab.example", p256...), profiles(t, h)["server"]))
		all = append(all, issue{a.Index, version})
		b, next := s.risen()
		if _, err := s.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
			t.Fatal(err)
		}
		h, version = s.hello(0), b.Version
	}
	look := func(when string) {
		t.Helper()
		for _, one := range all {
			page, err := s.Policies(one.leaf)
			if err != nil || int64(len(page)) != one.version {
				t.Fatalf("%s, before leaf %d: %d policies, %v", when, one.leaf, len(page), err)
			}
			for i, r := range page {
				var body ca.BundleBody
				var b struct{ Version int64 }
				if err := errors.Join(json.Unmarshal(r.Body, &body), json.Unmarshal(body.Document, &b)); err != nil {
					t.Fatal(err)
				}
				if b.Version != one.version-int64(i) || r.Index >= one.leaf {
					t.Errorf("%s, before leaf %d: policy %d at leaf %d in place %d", when, one.leaf, b.Version, r.Index, i)
				}
			}
		}
	}
	look("at once")
	s.stop()
	s = start(t, s.Dir)
	look("after a start")
	if page, err := s.Policies(0); err != nil || len(page) > 0 {
		t.Errorf("before the first leaf there are %d, %v", len(page), err)
	}
}
