// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
)

// lists are small lists with every shape an entry has: no reason, a reason, serial
// numbers with and without an octet for the sign, both forms of time.
func lists(t testing.TB) []specimen {
	t.Helper()
	e := revoked(3)
	e = append(e, ca.Entry{Serial: "410001ffffffff0102030405060708090a0b0c", At: noon.AddDate(24, 0, 0), Reason: ca.AACompromise})
	e = append([]ca.Entry{{Serial: "01", At: noon}, {Serial: "80", At: noon, Reason: ca.Superseded}}, e...)
	var list []specimen
	for _, keyType := range keyTypes {
		_, a := issuing(t, keyType)
		for name, e := range map[string][]ca.Entry{" empty": nil, " one": e[:1], " several": e} {
			l := goodList(a, e)
			if name == " empty" {
				l.NextUpdate = noon.AddDate(40, 0, 0)
			}
			list = append(list, specimen{keyType + name, listTBS(t, l, e), func(b []byte) error { return checkList(l, b) }})
		}
	}
	_, a := issuing(t, "ed25519")
	for name, turn := range kinds() {
		l := goodList(a, e)
		turn(&l)
		e := slices.Clone(e)
		if l.Base > 0 {
			e[1].Reason = ca.RemoveFromCRL
		}
		l.Revoked = each(e)
		list = append(list, specimen{name, listTBS(t, l, e), func(b []byte) error { return checkList(l, b) }})
	}
	for _, s := range list {
		if err := s.check(s.tbs); err != nil {
			t.Fatalf("%s is refused unchanged: %v", s.name, err)
		}
	}
	return list
}

// kinds make a list one of another kind than a bare complete one.
func kinds() map[string]func(*check.List) {
	return map[string]func(*check.List){
		"delta":       func(l *check.List) { l.Base = 300 },
		"shard":       func(l *check.List) { l.Point = "http://pki.example/pki/issuing-g1.s200.crl" },
		"authorities": func(l *check.List) { l.Authorities = true },
		"with delta":  func(l *check.List) { l.Freshest = "http://pki.example/pki/issuing-g1.delta.crl" },
	}
}

// No kind of list passes for another, or for one of another scope or base.
func TestAListOfOneKindIsNoOther(t *testing.T) {
	_, a := issuing(t, "ed25519")
	e := revoked(3)
	all := kinds()
	all["bare"] = func(*check.List) {}
	all["another delta"] = func(l *check.List) { l.Base = 301 }
	all["another shard"] = func(l *check.List) { l.Point = "http://pki.example/pki/issuing-g1.s201.crl" }
	all["with another delta"] = func(l *check.List) { l.Freshest = "http://pki.example/pki/issuing-g2.delta.crl" }
	for made, make := range all {
		l := goodList(a, e)
		make(&l)
		tbs := listTBS(t, l, e)
		for wanted, want := range all {
			l := goodList(a, e)
			want(&l)
			if err := checkList(l, tbs); (err == nil) != (made == wanted) {
				t.Errorf("%s wanted, and %s made: %v", wanted, made, err)
			}
		}
	}
	l := goodList(a, e)
	l.Base, l.Point = 1, "http://pki.example/s.crl"
	if checkList(l, listTBS(t, goodList(a, e), e)) == nil {
		t.Error("a list of two kinds is wanted and passes")
	}
}

// Each bit of every octet, and every value once; every octet left out, doubled or followed by another;
// every cut. No two lists, and no two answers of OCSP, say the same: DER and the field's
// order see to it.
func TestEveryOctetOfAListCounts(t *testing.T) {
	for _, s := range append(lists(t), answers(t)...) {
		values := []byte{1, 2, 4, 8, 16, 32, 64, 128, 255}
		if s.name == "ecdsa-p256 several" { // all of them once: the others differ in key and length
			values = values[:0]
			for x := range 255 {
				values = append(values, byte(x+1))
			}
		}
		b := bytes.Clone(s.tbs)
		for i := range b {
			for _, x := range values {
				b[i] ^= x
				if s.check(b) == nil {
					t.Errorf("%s: octet %d of %d turned by %02x passes", s.name, i, len(b), x)
				}
				b[i] ^= x
			}
			if s.check(b[:i]) == nil {
				t.Errorf("%s: cut to %d octets it passes", s.name, i)
			}
			s.refused(t, "an octet left out", slices.Delete(bytes.Clone(b), i, i+1))
			s.refused(t, "an octet doubled", slices.Insert(bytes.Clone(b), i, b[i]))
			s.refused(t, "a zero put in", slices.Insert(bytes.Clone(b), i, 0))
		}
		s.refused(t, "an octet behind", append(bytes.Clone(b), 0))
	}
}

// Every element of the tree with all lengths put right again: what a wrong encoder
// would write.
func TestMutatedListsAreRefused(t *testing.T) {
	null, truth := leafNode(5), leafNode(1, 0xff)
	for _, s := range append(lists(t), answers(t)...) {
		root, mutants := tree(t, s.tbs), 0
		walk(root, "", func(parent *node, i int, path string) {
			self, kids := parent.kids[i], parent.kids
			try := func(what string, kids []*node) {
				mutants++
				bend(parent, kids, func() { s.refused(t, s.name+path+" "+what, root.der()) })
			}
			without := slices.Delete(slices.Clone(kids), i, i+1)
			try("dropped", without)
			try("doubled", slices.Insert(slices.Clone(kids), i, self))
			try("moved to the front", slices.Insert(slices.Clone(without), 0, self))
			try("moved to the end", append(slices.Clone(without), self))
			for what, other := range map[string]*node{
				"replaced by NULL": null, "emptied": {tag: self.tag},
				"with another tag":        {tag: self.tag ^ 1, kids: self.kids, body: self.body},
				"with its class turned":   {tag: self.tag ^ 0x80, kids: self.kids, body: self.body},
				"constructed or not":      {tag: self.tag ^ 0x20, kids: self.kids, body: self.body},
				"wrapped in itself":       {tag: self.tag, kids: []*node{self}},
				"with an extra octet":     {tag: self.tag, body: append(content(self), 0)},
				"with a zero in front":    {tag: self.tag, body: append([]byte{0}, content(self)...)},
				"with a first octet less": {tag: self.tag, body: content(self)[min(1, len(content(self))):]},
			} {
				replaced := slices.Clone(kids)
				replaced[i] = other
				try(what, replaced)
			}
			for what, extra := range map[string]*node{"followed by NULL": null, "followed by TRUE": truth,
				"followed by an empty list": {tag: 0x30}, "followed by an empty scope": {tag: 0xa0}} {
				try(what, slices.Insert(slices.Clone(kids), i+1, extra))
			}
			// BER says the same in a longer form, and of a length it does not tell.
			c := content(self)
			long := append([]byte{self.tag, 0x83, 0, byte(len(c) >> 8), byte(len(c))}, c...)
			if len(c) < 0x80 {
				long = append([]byte{self.tag, 0x81, byte(len(c))}, c...)
			}
			for what, b := range map[string][]byte{" in a longer form": long, " of no length": append(append([]byte{self.tag, 0x80}, c...), 0, 0)} {
				var all []byte
				for k, kid := range kids {
					if k == i {
						all = append(all, b...)
					} else {
						all = append(all, kid.der()...)
					}
				}
				parent.kids, parent.body = nil, all
				s.refused(t, s.name+path+what, root.der())
				parent.kids, parent.body = kids, nil
			}
		})
		if mutants < 200 {
			t.Errorf("%s: only %d mutants were made", s.name, mutants)
		}
	}
}

// Without the entries to hold them against, what passes with an octet turned is a
// good list of other entries: read by the library and encoded again, it is the same.
func TestAListThatPassesByItsFormIsCanonical(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	e := revoked(5)
	l := goodList(a, e)
	l.Revoked = nil
	tbs, passed := listTBS(t, l, e), 0
	for i := range tbs {
		for _, x := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			tbs[i] ^= x
			if checkList(l, tbs) == nil {
				passed++
				canonical(t, l, tbs)
			}
			tbs[i] ^= x
		}
	}
	if passed == 0 {
		t.Error("nothing passed: entries can be others")
	}
}

// canonical fails the test unless the library reads in the bytes what l says, and
// the encoder makes the same bytes of what the library read.
func canonical(t *testing.T, l check.List, tbs []byte) {
	t.Helper()
	read, err := x509.ParseRevocationList(wholeList(t, tbs, l.Issuer.KeyType))
	if err != nil {
		t.Fatalf("crypto/x509 refuses what passes: %v\n%x", err, tbs)
	}
	if read.Number.Int64() != l.Number || !read.ThisUpdate.Equal(l.ThisUpdate) || !read.NextUpdate.Equal(l.NextUpdate) ||
		int64(len(read.RevokedCertificateEntries)) != l.Entries || !bytes.Equal(read.RawIssuer, l.Issuer.Subject) {
		t.Fatalf("crypto/x509 reads something else: %x", tbs)
	}
	var e []ca.Entry
	for _, r := range read.RevokedCertificateEntries {
		serial, err := ca.SerialFromBytes(r.SerialNumber.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		one := ca.Entry{Serial: serial, At: r.RevocationTime, Reason: ca.Reason(r.ReasonCode)}
		for _, x := range r.Extensions {
			if x.Id.String() == "2.5.29.24" {
				if _, err := asn1.UnmarshalWithParams(x.Value, &one.InvalidSince, "generalized"); err != nil {
					t.Fatal(err)
				}
			}
		}
		e = append(e, one)
	}
	if again := listTBS(t, l, e); !bytes.Equal(again, tbs) {
		t.Fatalf("it is not the one encoding:\n%x\n%x", tbs, again)
	}
}

// FuzzCRL feeds arbitrary bytes. Law: what passes is what the encoder makes of
// what crypto/x509 reads in it.
func FuzzCRL(f *testing.F) {
	// Each worker is a process of its own: with random keys no other's seed would pass.
	key, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	if err != nil {
		f.Fatal(err)
	}
	d := rootDraft(f, "ed25519")
	d.SPKI = key
	a := authority(f, "root-g1", "ed25519", d)
	for _, n := range []int{0, 1, 5} {
		for kind := range 5 {
			l := fuzzList(a, 8*n+kind)
			f.Add(byte(8*n+kind), listTBS(f, l, revoked(n)))
		}
	}
	f.Fuzz(func(t *testing.T, n byte, tbs []byte) {
		if l := fuzzList(a, int(n)); checkList(l, tbs) == nil {
			canonical(t, l, tbs)
		}
	})
}

// fuzzList is a list of n/8 entries, whatever they are, of one of five kinds.
func fuzzList(a ca.Authority, n int) check.List {
	l := check.List{Issuer: a, Number: 900, ThisUpdate: noon, NextUpdate: noon.Add(time.Hour), Entries: int64(n / 8)}
	for kind, turn := range []string{"bare", "delta", "shard", "authorities", "with delta"} {
		if turn := kinds()[turn]; kind == n%8 && turn != nil {
			turn(&l)
		}
	}
	return l
}
