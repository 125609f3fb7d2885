// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// Every leaf can be proven to be on the log, to whoever has its key and nothing else; one
// octet of another leaf, or another place, and the proof is none.
func TestALeafIsProvenToBeOnTheLog(t *testing.T) {
	s, f, h := founded(t)
	a := s.issued(h, wish(1, csrBy(t, "nas.lab.example", p256...), profiles(t, h)["server"]))
	s.stop() // which signs a last checkpoint
	s = start(t, s.Dir)
	log, err := audit.ParseLogID(f.Log)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Prove(a.Index)
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.ParseCheckpoint(p.Checkpoint, log, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	path := make([]audit.Hash, len(p.Path))
	for i, one := range p.Path {
		path[i] = audit.Hash(one)
	}
	if string(p.Leaf) != string(a.Leaf) || len(path) == 0 {
		t.Fatalf("the proof is of %q", p.Leaf)
	}
	if err := audit.CheckInclusion(path, a.Index, c.Size, c.Root, p.Leaf); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]func() error{
		"another leaf": func() error {
			return audit.CheckInclusion(path, a.Index, c.Size, c.Root, append(slices.Clone(p.Leaf), 32))
		},
		"another place": func() error { return audit.CheckInclusion(path, a.Index-1, c.Size, c.Root, p.Leaf) },
		"a shorter path": func() error {
			return audit.CheckInclusion(path[1:], a.Index, c.Size, c.Root, p.Leaf)
		},
	} {
		if wrong() == nil {
			t.Errorf("%s is proven too", name)
		}
	}
	var none *ca.Problem
	for _, index := range []int64{-1, 1 << 40} {
		if _, err := s.Prove(index); !errors.As(err, &none) {
			t.Errorf("leaf %d: %v", index, err)
		}
	}
}

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
