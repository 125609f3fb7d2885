// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// A subject of mutation: bytes that pass, and the check they pass.
type specimen struct {
	name  string
	tbs   []byte
	check func([]byte) error
}

// specimens are leaves of every key type, one without subject, a root and an
// issuing authority, and responders: every shape the builder has.
func specimens(t testing.TB) []specimen {
	t.Helper()
	var list []specimen
	for _, keyType := range keyTypes {
		w := good(t, keyType)
		list = append(list, specimen{"leaf " + keyType, w.tbs, w.check})
	}
	for _, keyType := range []string{"ecdsa-p256", "rsa-2048", "ed25519"} {
		w := extended(t, keyType)
		list = append(list, specimen{"leaf with everything, " + keyType, w.tbs, w.check})
	}
	w := good(t, "ecdsa-p256")
	w.draft.Subject, w.profile.Subject = nil, ca.SubjectRules{}
	w.tbs = build(t, w)
	list = append(list, specimen{"leaf without subject", w.tbs, w.check})
	// R11: the form that names the issuer's certificate too.
	w = good(t, "ecdsa-p256")
	w.authority.AKI, w.authority.Hash = ca.AKIIssuer, ca.SHA512
	w.authority.CRL, w.authority.Issuer, w.authority.OCSP = "", "", "" // R143: none if unset
	w.tbs = build(t, w)
	list = append(list, specimen{"leaf with the issuer's certificate named", w.tbs, w.check})
	root, _ := issuing(t, "ecdsa-p256")
	middle := rootDraft(t, "ecdsa-p384")
	middle.Issuer, middle.PathLen, middle.Use = &root, 0, []string{"server", "client"}
	full := middle
	full.AKI, full.Constraints, full.Policies = ca.AKIIssuer, everyConstraint(t), somePolicies()
	named := rootDraft(t, "ecdsa-p521")
	named.AKI, named.Hash, named.Constraints.Excluded = ca.AKIIssuer, ca.SHA256, full.Constraints.Excluded
	for name, d := range map[string]ca.AuthorityDraft{"root": rootDraft(t, "ecdsa-p384"), "issuing": middle, "issuing with everything": full, "root named": named} {
		tbs, err := encode.Authority(d)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, specimen{name, tbs, func(b []byte) error { return check.Authority(b, d) }})
	}
	_, plain := issuing(t, "ecdsa-p256")
	byName := plain
	byName.AKI = ca.AKIIssuer
	for name, d := range map[string]ca.ResponderDraft{"responder": responderDraft(t, plain), "responder, issuer named": responderDraft(t, byName), "root's responder": responderDraft(t, root)} {
		tbs, err := encode.Responder(d)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, specimen{name, tbs, func(b []byte) error { return check.Responder(b, d) }})
	}
	for _, s := range list {
		if err := s.check(s.tbs); err != nil {
			t.Fatalf("%s is refused unchanged: %v", s.name, err)
		}
	}
	return list
}

// refused fails the test if changed bytes pass.
func (s specimen) refused(t *testing.T, what string, tbs []byte) {
	t.Helper()
	if !bytes.Equal(tbs, s.tbs) && s.check(tbs) == nil {
		t.Errorf("%s passes", what)
	}
}

// Every octet, each of its bits and all of them; every octet left out, doubled
// or followed by another; every cut.
func TestLN01EveryOctetCounts(t *testing.T) {
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			b := bytes.Clone(s.tbs)
			for i := range b {
				for _, x := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
					b[i] ^= x
					if s.check(b) == nil {
						t.Errorf("octet %d of %d turned by %02x passes", i, len(b), x)
					}
					b[i] ^= x
				}
				if s.check(b[:i]) == nil {
					t.Errorf("cut to %d octets it passes", i)
				}
				s.refused(t, "an octet left out", slices.Delete(bytes.Clone(b), i, i+1))
				s.refused(t, "an octet doubled", slices.Insert(bytes.Clone(b), i, b[i]))
				s.refused(t, "a zero put in", slices.Insert(bytes.Clone(b), i, 0))
			}
			s.refused(t, "an octet behind", append(bytes.Clone(b), 0))
		})
	}
}

// Every element of the tree, whole extensions and single fields alike, with all
// lengths put right again: what a wrong builder would write.
func TestMutatedStructureIsRefused(t *testing.T) {
	null, truth, falsity := leafNode(5), leafNode(1, 0xff), leafNode(1, 0)
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			root, mutants := tree(t, s.tbs), 0
			walk(root, "", func(parent *node, i int, path string) {
				self, kids := parent.kids[i], parent.kids
				try := func(what string, kids []*node) {
					mutants++
					bend(parent, kids, func() { s.refused(t, path+" "+what, root.der()) })
				}
				without := slices.Delete(slices.Clone(kids), i, i+1)
				try("dropped", without)
				try("doubled", slices.Insert(slices.Clone(kids), i, self))
				try("moved to the front", slices.Insert(slices.Clone(without), 0, self))
				try("moved to the end", append(slices.Clone(without), self))
				if i > 0 {
					swapped := slices.Clone(kids)
					swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
					try("swapped with its neighbour", swapped)
				}
				for what, other := range map[string]*node{
					"replaced by NULL": null, "replaced by TRUE": truth, "emptied": {tag: self.tag},
					"with another tag":        {tag: self.tag ^ 1, kids: self.kids, body: self.body},
					"with its class turned":   {tag: self.tag ^ 0x80, kids: self.kids, body: self.body},
					"constructed or not":      {tag: self.tag ^ 0x20, kids: self.kids, body: self.body},
					"wrapped in itself":       {tag: self.tag, kids: []*node{self}},
					"with an extra octet":     {tag: self.tag, body: append(content(self), 0)},
					"with a first octet less": {tag: self.tag, body: content(self)[min(1, len(content(self))):]},
				} {
					replaced := slices.Clone(kids)
					replaced[i] = other
					try(what, replaced)
				}
				for what, extra := range map[string]*node{"followed by NULL": null, "followed by TRUE": truth, "followed by FALSE": falsity} {
					try(what, slices.Insert(slices.Clone(kids), i+1, extra))
				}
			})
			if mutants < 500 {
				t.Errorf("only %d mutants were made", mutants)
			}
		})
	}
}

// content is a node's content octets, in a slice of its own.
func content(n *node) []byte {
	c := bytes.Clone(n.body)
	for _, k := range n.kids {
		c = append(c, k.der()...)
	}
	return c
}

// DER alone passes: every element with its length in a longer form, and every
// constructed one of indefinite length, says the same in BER and is refused.
func TestLN01BERIsRefused(t *testing.T) {
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			root := tree(t, s.tbs)
			refuse := func(n *node, path string) (long, indefinite []byte) {
				c := content(n)
				long = append([]byte{n.tag, 0x83, 0, byte(len(c) >> 8), byte(len(c))}, c...)
				if len(c) < 0x80 {
					long = append([]byte{n.tag, 0x81, byte(len(c))}, c...)
				} else if len(c) < 0x100 {
					long = append([]byte{n.tag, 0x82, 0, byte(len(c))}, c...)
				}
				return long, append(append([]byte{n.tag, 0x80}, c...), 0, 0)
			}
			for _, b := range func() [][]byte { l, i := refuse(root, ""); return [][]byte{l, i} }() {
				s.refused(t, "the whole", b)
			}
			walk(root, "", func(parent *node, i int, path string) {
				long, indefinite := refuse(parent.kids[i], path)
				for what, b := range map[string][]byte{" in a longer form": long, " of indefinite length": indefinite} {
					var all []byte
					for k, kid := range parent.kids {
						if k == i {
							all = append(all, b...)
						} else {
							all = append(all, kid.der()...)
						}
					}
					kids := parent.kids
					parent.kids, parent.body = nil, all
					s.refused(t, path+what, root.der())
					parent.kids, parent.body = kids, nil
				}
			})
		})
	}
}

// Extensions one by one: dropped, doubled, criticality turned either way, FALSE
// written out, value replaced, and one more of each kind added.
func TestMutatedExtensionsAreRefused(t *testing.T) {
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			root := tree(t, s.tbs)
			list := root.kids[len(root.kids)-1].kids[0]
			for i, e := range list.kids {
				oid, value := e.kids[0], e.kids[len(e.kids)-1]
				name := fmt.Sprintf("extension %d", i)
				for what, kids := range map[string][]*node{
					"critical": {oid, leafNode(1, 0xff), value}, "not critical": {oid, value},
					"FALSE in full": {oid, leafNode(1, 0), value}, "TRUE as 01": {oid, leafNode(1, 1), value},
					"without value": {oid}, "an empty value": {oid, leafNode(4)}, "value twice": append(slices.Clone(e.kids), value),
				} {
					bend(e, kids, func() { s.refused(t, name+" "+what, root.der()) })
				}
				for k, other := range list.kids {
					bend(e, append(slices.Clone(e.kids[:len(e.kids)-1]), other.kids[len(other.kids)-1]), func() {
						s.refused(t, name+" with another's value", root.der())
					})
					bend(list, slices.Insert(slices.Clone(list.kids), k, e), func() { s.refused(t, name+" twice", root.der()) })
				}
			}
		})
	}
}
