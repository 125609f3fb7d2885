// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/softkey"
)

const pki = "http://ca.lab.example:8080"

// A ceremony is a founded site and whoever has its recovery words.
type ceremony struct {
	*site
	words string
	all   map[string]ca.Authority // as each call told
	lists map[string][]byte       // the newest that a ceremony made
}

func ceremonial(t testing.TB) *ceremony {
	t.Helper()
	s, made, words := started(t)
	c := &ceremony{site: s, words: words, all: map[string]ca.Authority{}, lists: made.Lists}
	for _, a := range made.Authorities {
		c.all[a.Name] = a
	}
	return c
}

func named(cn string) ca.Subject {
	return ca.Subject{{OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDCommonName, Value: cn}}
}

// creation asks for an authority; its line is the name without its number.
func (c *ceremony) creation(name, parent string, kind ca.AuthorityKind) signer.Creation {
	q := signer.Creation{Kind: kind, Parent: parent, PKI: pki, Words: c.words}
	q.Name, q.Line, q.Subject, q.KeyType, q.Days = name, name[:strings.LastIndex(name, "-g")], named(name), "ecdsa-p256", 1000
	if kind == ca.Issuing {
		q.Use = []string{"server", "client"}
	}
	return q
}

// creates makes an authority, and sees that it is remembered.
func (c *ceremony) creates(q signer.Creation) ca.Authority {
	c.t.Helper()
	made, err := c.Create(q)
	if err != nil {
		c.t.Fatalf("create %s: %v", q.Name, err)
	}
	c.takes(made)
	return made.Authority
}

func (c *ceremony) takes(made signer.Created) {
	c.t.Helper()
	c.all[made.Authority.Name] = made.Authority
	maps.Copy(c.lists, made.Lists)
	c.remembered("after " + made.Authority.Name)
}

func (c *ceremony) turns(name string, to ca.AuthorityState) {
	c.t.Helper()
	turned, err := c.Turn(signer.Turn{Authority: name, To: to})
	if err != nil {
		c.t.Fatalf("%s to %s: %v", name, to, err)
	}
	for _, a := range turned.Authorities {
		c.all[a.Name] = a
	}
	c.remembered(fmt.Sprintf("after %s became %s", name, to))
}

func (c *ceremony) remembered(when string) {
	c.t.Helper()
	if d := c.Remembers(); d != "" {
		c.t.Errorf("%s: %s", when, d)
	}
}

// untouched sees that a call is refused with a code, and that nothing came of it: no
// key, no certificate, no authority, and no session that ended.
func (c *ceremony) untouched(what string, code ca.Code, do func() error) {
	c.t.Helper()
	keys, intents, authorities, h := c.keyFiles(), c.count(audit.Intent), c.count(audit.Authority), c.hello(0)
	if err := do(); !isCode(err, code) {
		c.t.Errorf("%s: %v, want %s", what, err, code)
	}
	if now := c.keyFiles(); !slices.Equal(now, keys) {
		c.t.Errorf("%s: the keys are %v, and were %v", what, now, keys)
	}
	if c.count(audit.Intent) != intents || c.count(audit.Authority) != authorities {
		c.t.Errorf("%s: something came on the log", what)
	}
	if _, err := c.Issue(h.Number, nil); err != nil {
		c.t.Errorf("%s: the session: %v", what, err)
	}
}

func (c *ceremony) keyFiles() (names []string) {
	c.t.Helper()
	all, err := os.ReadDir(filepath.Join(c.Dir, "keys"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// restarts ends the signer and starts it again.
func (c *ceremony) restarts() {
	c.t.Helper()
	dir := c.Dir
	c.stop()
	c.site = start(c.t, dir)
	c.remembered("after a restart")
}

// verifies has OpenSSL judge a certificate by those above it, the trusted one last.
func (c *ceremony) verifies(leaf []byte, above []string, flags ...string) {
	c.t.Helper()
	if out, err := c.openssl(leaf, above, flags...); err != nil {
		c.t.Errorf("openssl verify by %v: %v\n%s", above, err, out)
	}
}

func (c *ceremony) openssl(leaf []byte, above []string, flags ...string) (string, error) {
	c.t.Helper()
	var untrusted [][]byte
	for _, name := range above[:len(above)-1] {
		untrusted = append(untrusted, c.all[name].Certificate)
	}
	return verifiedBy(c.t, leaf, untrusted, c.all[above[len(above)-1]].Certificate, flags...)
}

func verifiedBy(t testing.TB, leaf []byte, untrusted [][]byte, anchor []byte, flags ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	writePEM(t, in("leaf.pem"), leaf)
	writePEM(t, in("above.pem"), untrusted...)
	writePEM(t, in("root.pem"), anchor)
	args := append([]string{"verify", "-x509_strict", "-CAfile", in("root.pem")}, flags...)
	if len(untrusted) > 0 {
		args = append(args, "-untrusted", in("above.pem"))
	}
	out, err := exec.CommandContext(t.Context(), "openssl", append(args, in("leaf.pem"))...).CombinedOutput()
	return string(out), err
}

func otherWords(t testing.TB) string {
	t.Helper()
	words, err := softkey.NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return words.Reveal()
}

// R14, SG-03: authorities of every kind and depth, that OpenSSL takes for a chain; a
// restart finds them, and the keys of those that sign day by day.
func TestSG03_AuthoritiesAreMadeToAnyDepth(t *testing.T) {
	c := ceremonial(t)
	root := c.creation("deep-root-g1", "", ca.Root)
	root.KeyType, root.Days = "ed25519", 7000
	c.creates(root)
	above := []string{"deep-root-g1"}
	for i, keyType := range []string{"ecdsa-p384", "ecdsa-p256", "ed25519"} {
		q := c.creation(fmt.Sprintf("middle%d-g1", i), above[0], ca.Intermediate)
		q.KeyType = keyType
		q.Days = 3000
		c.creates(q)
		above = append([]string{q.Name}, above...)
	}
	q := c.creation("users-g1", above[0], ca.Issuing)
	q.Use = []string{"client"}
	users := c.creates(q)
	if users.State != ca.Active || users.Version != 1 || users.Parent != above[0] || users.CRL != pki+"/pki/users-g1.crl" {
		t.Errorf("users-g1 is %+v", users)
	}
	c.verifies(users.Certificate, above)
	for _, name := range above {
		if c.lists[name] == nil {
			t.Errorf("%s has no list", name)
		}
	}
	if open := c.OpenKeys(); !slices.Equal(open, []string{"issuing-g1", "users-g1"}) {
		t.Errorf("the keys of %v are in memory", open)
	}
	c.restarts()
	if open := c.OpenKeys(); !slices.Equal(open, []string{"issuing-g1", "users-g1"}) {
		t.Errorf("after a restart the keys of %v are in memory", open)
	}
}

// A parent that is retiring signs authorities still, and whoever asks is told.
func TestWhoeverMakesAnAuthorityBelowARetiringOneIsTold(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("middle-g1", "root-g1", ca.Intermediate))
	for _, want := range []int{0, 1} {
		if want == 1 {
			c.turns("middle-g1", ca.Retiring)
		}
		made, err := c.Create(c.creation(fmt.Sprintf("users-g%d", want+1), "middle-g1", ca.Issuing))
		if err != nil {
			t.Fatal(err)
		}
		told := slices.ContainsFunc(made.Notices, func(n string) bool { return strings.HasPrefix(n, "middle-g1 is retiring") })
		if told != (want == 1) {
			t.Errorf("%q", made.Notices)
		}
	}
}

// R43: each key type signs, with each hash, as root and as issuing authority; R11: in
// both forms of the authority key identifier.
func TestR43_EachKeyTypeHashAndIdentifierFormMakesAnAuthority(t *testing.T) {
	c := ceremonial(t)
	p := profiles(t, c.hello(0))["server"]
	for n, tt := range []struct {
		keyType string
		hash    ca.Hash
		form    ca.AKIForm
	}{
		{"ecdsa-p256", "", ca.AKIKeyID}, {"ecdsa-p384", ca.SHA512, ca.AKIIssuer}, {"ed25519", "", ca.AKIIssuer}, {"rsa-3072", ca.SHA384, ""},
	} {
		root := c.creation(fmt.Sprintf("kind%d-root-g1", n), "", ca.Root)
		root.KeyType, root.Hash, root.AKI, root.Days = tt.keyType, tt.hash, tt.form, 4000
		if c.creates(root); t.Failed() {
			continue
		}
		q := c.creation(fmt.Sprintf("issuing-g%d", n+2), root.Name, ca.Issuing)
		q.KeyType, q.Hash, q.AKI = tt.keyType, tt.hash, tt.form
		if a := c.creates(q); a.State != ca.Standby {
			t.Errorf("%s is %s beside an active one", a.Name, a.State)
		}
		c.turns(q.Name, ca.Active)
		leaf := c.issued(c.hello(0), wish(n, csrBy(t, "a.lab.example", p256...), p))
		c.verifies(leaf.DER, []string{q.Name, root.Name})
		renewed, err := c.Recertify(signer.Recertification{Authority: q.Name, Days: 1100, Words: c.words})
		if err != nil {
			t.Fatal(err)
		}
		c.takes(renewed)
		leaf = c.issued(c.hello(0), wish(n+100, csrBy(t, "a.lab.example", p256...), p))
		c.verifies(leaf.DER, []string{q.Name, root.Name})
	}
}

// R15, R16: what an authority is limited to stands in its certificate, and binds it.
func TestPF05_ConstraintsAndPoliciesStandInTheCertificateAndBind(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("narrow-g1", "root-g1", ca.Intermediate)
	var err error
	if q.Constraints, err = ca.ParseConstraints([]string{"dns:lab.example", "!dns:secret.lab.example"}); err != nil {
		t.Fatal(err)
	}
	q.Policies = []ca.CertPolicy{{OID: "1.3.6.1.4.1.99999.1", CPS: "http://ca.lab.example/cps"}}
	c.creates(q)
	below := c.creation("issuing-g2", "narrow-g1", ca.Issuing)
	below.Policies = q.Policies
	c.creates(below)
	c.turns("issuing-g2", ca.Active)
	for _, again := range []bool{false, true} {
		if again {
			c.restarts()
		}
		h := c.hello(0)
		p := profiles(t, h)["server"]
		base := 0
		if again {
			base = 10
		}
		leaf := c.issued(h, wish(base, csrBy(t, "a.lab.example", p256...), p))
		c.verifies(leaf.DER, []string{"issuing-g2", "narrow-g1", "root-g1"})
		if a := c.one(h, wish(base+1, csrBy(t, "secret.lab.example", p256...), p)); a.Problem == nil || a.Problem.Code != ca.E2114 {
			t.Errorf("an excluded name: %+v", a.Problem)
		}
	}
	renewed, err := c.Recertify(signer.Recertification{Authority: "narrow-g1", Days: 2000, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(renewed)
	out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-noout", "-text", "-in", c.pem("narrow-g1")).Output()
	for _, want := range []string{"DNS:lab.example", "DNS:secret.lab.example", "1.3.6.1.4.1.99999.1", "http://ca.lab.example/cps"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("the renewed certificate lacks %s: %v\n%s", want, err, out)
		}
	}
}

func (c *ceremony) pem(name string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), name+".pem")
	writePEM(c.t, path, c.all[name].Certificate)
	return path
}

// SG-03, SG-04: what cannot be leaves nothing behind, and is told as a problem: any
// other error would end the signer.
func TestSG04_WhatIsRefusedLeavesNoKeyAndNoLeaf(t *testing.T) {
	c := ceremonial(t)
	none, one, three, under := 0, 1, 3, -1
	short := c.creation("short-g1", "root-g1", ca.Intermediate)
	short.PathLen = &one
	c.creates(short)
	c.creates(c.creation("old-g1", "root-g1", ca.Issuing))
	c.creates(c.creation("old-g2", "root-g1", ca.Issuing))
	c.turns("old-g2", ca.Active)
	c.turns("old-g1", ca.Retired)
	for _, tt := range []struct {
		what string
		code ca.Code
		turn func(*signer.Creation)
	}{
		{"a name that is taken", ca.E2601, func(q *signer.Creation) { q.Name = "issuing-g1" }},
		{"the name of a retired one", ca.E2601, func(q *signer.Creation) { q.Name = "old-g1" }},
		{"a name out of the directory", ca.E2601, func(q *signer.Creation) { q.Name = "../../g2" }},
		{"a name with a dot", ca.E2601, func(q *signer.Creation) { q.Name = "log.auto" }},
		{"the name of the log's key", ca.E2601, func(q *signer.Creation) { q.Name = "log" }},
		{"the name of the key-encryption key", ca.E2601, func(q *signer.Creation) { q.Name = "kek" }},
		{"no name", ca.E2601, func(q *signer.Creation) { q.Name = "" }},
		{"a name that is too long", ca.E2601, func(q *signer.Creation) { q.Name = strings.Repeat("a", 61) }},
		{"a line of another kind", ca.E2601, func(q *signer.Creation) { q.Line = "root" }},
		{"a line out of the directory", ca.E2601, func(q *signer.Creation) { q.Line = "/etc" }},
		{"another kind", ca.E2601, func(q *signer.Creation) { q.Kind = "leaf" }},
		{"no parent", ca.E2101, func(q *signer.Creation) { q.Parent = "nobody" }},
		{"a parent that signs no authorities", ca.E2601, func(q *signer.Creation) { q.Parent = "issuing-g1" }},
		{"no life", ca.E2601, func(q *signer.Creation) { q.Days = 0 }},
		{"a life too long", ca.E2601, func(q *signer.Creation) { q.Days = 1 << 40 }},
		{"no address", ca.E2601, func(q *signer.Creation) { q.PKI = "" }},
		{"an encrypted address", ca.E2601, func(q *signer.Creation) { q.PKI = "https://ca.lab.example" }},
		{"an address that is none", ca.E2601, func(q *signer.Creation) { q.PKI = "http://a b\n" }},
		{"an issuing authority with a path length", ca.E2601, func(q *signer.Creation) { q.PathLen = &one }},
		{"a path length below zero", ca.E2601, func(q *signer.Creation) { q.Kind, q.PathLen = ca.Intermediate, &under }},
		{"an intermediate that could sign nothing", ca.E2601, func(q *signer.Creation) { q.Kind, q.PathLen = ca.Intermediate, &none }},
		{"an intermediate below a path length of 1", ca.E2601, func(q *signer.Creation) { q.Kind, q.Parent, q.Use = ca.Intermediate, "short-g1", nil }},
		{"no use", ca.E3004, func(q *signer.Creation) { q.Use = nil }},
		{"a use that is none", ca.E1101, func(q *signer.Creation) { q.Use = []string{"any"} }},
		{"no subject", ca.E2120, func(q *signer.Creation) { q.Subject = nil }},
		{"a country that is none", ca.E2120, func(q *signer.Creation) { q.Subject = ca.Subject{{OID: ca.OIDCountry, Value: "Germany"}} }},
		{"an empty name", ca.E2120, func(q *signer.Creation) { q.Subject = ca.Subject{{OID: ca.OIDCommonName}} }},
		{"a weak key", ca.E2204, func(q *signer.Creation) { q.KeyType = "rsa-2048" }},
		{"a key of no type", ca.E2204, func(q *signer.Creation) { q.KeyType = "dsa" }},
		{"a hash that does not fit the key", ca.E2601, func(q *signer.Creation) { q.KeyType, q.Hash = "ed25519", ca.SHA512 }},
		{"an identifier of no form", ca.E2601, func(q *signer.Creation) { q.AKI = "issuer:never" }},
		{"constraints that are none", ca.E2113, func(q *signer.Creation) { q.Constraints = ca.NameConstraints{Permitted: []ca.Subtree{{}}} }},
		{"a policy that is none", ca.E1101, func(q *signer.Creation) { q.Policies = []ca.CertPolicy{{OID: "one"}} }},
		{"no words", ca.E3002, func(q *signer.Creation) { q.Words = "" }},
	} {
		q := c.creation("next-g1", "root-g1", ca.Issuing)
		tt.turn(&q)
		c.untouched(tt.what, tt.code, func() error { _, err := c.Create(q); return err })
	}
	middle := c.creation("middle-g1", "root-g1", ca.Intermediate)
	middle.PathLen = &three
	c.creates(middle)
	q := c.creation("next-g1", "middle-g1", ca.Intermediate)
	q.PathLen = &three
	c.untouched("no room for the path length", ca.E2601, func() error { _, err := c.Create(q); return err })
	q = c.creation("next-g1", "root-g1", ca.Intermediate)
	q.OwnWords = "some words"
	c.untouched("own words that are none", ca.E3002, func() error { _, err := c.Create(q); return err })

	// KY-06: wrong words are counted.
	before := len(c.steps())
	q = c.creation("next-g1", "root-g1", ca.Issuing)
	q.Words = otherWords(t)
	c.untouched("wrong words", ca.E3002, func() error { _, err := c.Create(q); return err })
	c.untouched("wrong words for a renewal", ca.E3002, func() error {
		_, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 2000, Words: q.Words})
		return err
	})
	if n := len(c.steps()); n != before+2 {
		t.Errorf("%d leaves tell of two tries", n-before)
	}
	if _, err := c.Lock(); err != nil {
		t.Fatal(err)
	}
	keys := c.keyFiles()
	if _, err := c.Create(c.creation("next-g1", "root-g1", ca.Issuing)); !isCode(err, ca.E3001) {
		t.Errorf("with locked keys: %v", err)
	}
	if !slices.Equal(keys, c.keyFiles()) {
		t.Error("a key was left behind")
	}
	// A root and an intermediate authority need none of the locked keys.
	c.creates(c.creation("next-g1", "root-g1", ca.Intermediate))
	if _, err := c.Unlock(signer.Unlocking{}); err != nil {
		t.Fatal(err)
	}
	c.restarts()
}

// R2, IS-10: a generation that is activated signs from the next batch on, without a
// restart, and the older one only its list; however many batches are under way.
func TestIS10_ActivationNeverFallsWithinABatch(t *testing.T) {
	c := ceremonial(t)
	p := profiles(t, c.hello(0))["server"]
	c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	var csrs [][]byte
	for range 3 {
		csrs = append(csrs, csrBy(t, "a.lab.example", p256...))
	}
	session, done := c.hello(0).Number, make(chan error, 1)
	seen := map[ca.Digest]int{}
	begun := make(chan struct{})
	go func() {
		var last error
		for n := 0; last == nil && n < 1000; n += 4 {
			var batch []ca.Request
			for i := range 4 {
				batch = append(batch, wish(1000+n+i, csrs[i%3], p))
			}
			var answers []ca.Answer
			if answers, last = c.Issue(session, batch); last != nil {
				break
			}
			issuers := map[ca.Digest]bool{}
			for _, a := range answers {
				if a.Problem != nil {
					last = a.Problem
					break
				}
				l, err := audit.ParseLeaf(a.Leaf)
				last = errors.Join(last, err)
				issuers[l.Issuer] = true
				seen[l.Issuer]++
			}
			if len(issuers) != 1 {
				last = fmt.Errorf("one batch has %d issuers", len(issuers))
			}
			if n == 8 {
				close(begun)
			}
		}
		done <- last
	}()
	<-begun
	if _, err := c.Turn(signer.Turn{Authority: "issuing-g2", To: ca.Active}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !isCode(err, ca.E1402) {
		t.Errorf("the batches ended with %v", err)
	}
	if len(seen) != 1 {
		t.Errorf("a session that was closed had %d issuers", len(seen))
	}
	h := c.hello(0)
	a := c.issued(h, wish(1, csrs[0], p))
	c.verifies(a.DER, []string{"issuing-g2", "root-g1"})
	for _, name := range []string{"issuing-g1", "issuing-g2"} {
		if _, l := c.listOf(h, name, 0); l == nil {
			t.Errorf("%s has no list", name)
		}
	}
	c.remembered("at the end")
}
