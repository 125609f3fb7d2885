// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// chained is a chain of three: what is brought, one above it, and their root.
func chained() []Link {
	top := linked("top", nil)
	mid := linked("mid", &top)
	sub := linked("sub", &mid, "server", "client")
	sub.PathLen = 0
	return []Link{sub, mid, top}
}

// PF-05: a chain is judged as verifiers judge it (RFC 5280 §6.1).
func TestPF05_AChainIsJudgedAsVerifiersDo(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		change func([]Link) []Link
		words  string
	}{
		{"as it should be", func(c []Link) []Link { return c }, ""},
		{"no root", func(c []Link) []Link { return c[:2] }, "is missing"},
		{"another order", func(c []Link) []Link { return []Link{c[0], c[2], c[1]} }, "names"},
		{"a key twice", func(c []Link) []Link { return append(c, c[2]) }, "twice"},
		{"a bad signature", func(c []Link) []Link { c[1].Unsigned = broken; return c }, "was not signed by top"},
		{"another signer's name", func(c []Link) []Link { c[0].Issuer = []byte("x"); return c }, "as its signer"},
		{"another signer's identifier", func(c []Link) []Link { c[0].SignerKey = []byte("x"); return c }, "names another certificate"},
		{"another signer's number", func(c []Link) []Link { c[0].SignerSerial = []byte("x"); return c }, "names another certificate"},
		{"an identifier that cannot be read", func(c []Link) []Link { c[0].SignerUnread = true; return c }, "names another certificate"},
		{"no identifier", func(c []Link) []Link { c[0].SignerKey = nil; return c }, ""},
		{"no CA of ours", func(c []Link) []Link { c[0].NoCA = broken; return c }, "is not the certificate of an authority"},
		{"R43: a root without key usage", func(c []Link) []Link { c[2].NoCA, c[2].Lists = broken, false; return c }, ""},
		{"no CA above", func(c []Link) []Link { c[1].NoCA, c[1].AsCA = broken, false; return c }, "which stands above"},
		{"no lists", func(c []Link) []Link { c[0].Lists = false; return c }, "cRLSign"},
		{"an identifier too long", func(c []Link) []Link { c[0].SKI = make([]byte, 65); return c }, "65 octets"},
		{"one that ended", func(c []Link) []Link { c[0].NotAfter = noon.AddDate(0, 0, -1); return c }, "is valid from"},
		{"one that has not begun", func(c []Link) []Link { c[0].NotBefore = noon.AddDate(0, 0, 1); return c }, "is valid from"},
		{"one that outlives its signer", func(c []Link) []Link { c[0].NotAfter = c[1].NotAfter.AddDate(1, 0, 0); return c }, "outlives mid"},
		{"constraints that cannot be read", func(c []Link) []Link { c[2].ConstraintsUnread = broken; return c }, "cannot be read"},
		{"a critical extension nobody knows", func(c []Link) []Link { c[1].Unknown = []string{"1.2.3"}; return c }, "1.2.3"},
		{"just enough room", func(c []Link) []Link { c[2].PathLen, c[1].PathLen = 2, 1; return c }, ""},
		{"a path length that is spent", func(c []Link) []Link { c[2].PathLen = 1; return c }, "2 authorities are below"},
		{"a name outside", func(c []Link) []Link { c[2].Constraints = limits(t, "dn:O=Other"); return c }, "outside the name constraints"},
		{"a name that cannot be read, and none above asks", func(c []Link) []Link { c[0].NamesUnread = broken; return c }, ""},
		{"a name that cannot be read below constraints", func(c []Link) []Link {
			c[0].NamesUnread = broken
			c[2].Constraints = limits(t, "dns:lab.example")
			return c
		}, "outside the name constraints"},
	} {
		code := ca.E2602
		if c.words == "" {
			code = ""
		}
		judged(t, c.name, soundChain(c.change(chained()), ca.Issuing, noon, true), code, c.words)
	}
	judged(t, "an intermediate alone", soundChain(chained()[2:], ca.Intermediate, noon, true), ca.E2602, "a chain of 1")
	judged(t, "a root below others", soundChain(chained(), ca.Root, noon, true), ca.E2602, "a chain of 3")
}

// R16: usages are allowed all the way up.
func TestR16_UsagesAreThoseOfTheWholeChain(t *testing.T) {
	c := chained()
	if use, err := usesAbove([]string{"server"}, c); err != nil || !slices.Equal(use, []string{"server"}) {
		t.Error(use, err)
	}
	c[1].Use, c[1].AnyUse = []string{"client", "email"}, false
	_, err := usesAbove([]string{"server"}, c)
	judged(t, "more than above", err, ca.E2602, "mid above it is not")
	if use, err := usesAbove(nil, c); err != nil || !slices.Equal(use, c[1].Use) {
		t.Error("what is for anything is for", use, err)
	}
	c[1].UseUnread = errors.New("broken")
	_, err = usesAbove(nil, c)
	judged(t, "usages that cannot be read", err, ca.E2602, "not to be taken")
}

// R26: what is brought gets names, states and a parent; those above are external.
func TestR26_WhatAChainFromElsewhereMakes(t *testing.T) {
	known := lab().with(standing(chained()[2], ca.Root, ""))
	for _, c := range []struct {
		name   string
		h      Hierarchy
		change func(*Bringing, []Link)
		want   string
		code   ca.Code
		words  string
	}{
		{"all new", lab(), func(*Bringing, []Link) {}, "a<b b<b sub-g1<a", "", ""},
		{"below a root that is known", known, func(b *Bringing, _ []Link) { b.Above = b.Above[:1] }, "a<top-g1 sub-g1<a", "", ""},
		{"no name for one above", lab(), func(b *Bringing, _ []Link) { b.Above = b.Above[:1] }, "", ca.E2602, "needs a name"},
		{"one name for two", lab(), func(b *Bringing, _ []Link) { b.Above = []string{"a", "a"} }, "", ca.E2602, "needs a name"},
		{"the name of a line", lab(), func(b *Bringing, _ []Link) { b.Above[0] = "issuing" }, "", ca.E2602, "needs a name"},
		{"its own name", lab(), func(b *Bringing, _ []Link) { b.Above[0] = b.Name }, "", ca.E2602, "needs a name"},
		{"no identifier", lab(), func(_ *Bringing, c []Link) { c[0].SKI = nil }, "", ca.E2602, "no subject key identifier"},
		{"a use that it has not", lab(), func(b *Bringing, _ []Link) { b.Use = []string{"email"} }, "", ca.E2602, "is not for"},
		{"any use", lab(), func(_ *Bringing, c []Link) { c[0].UseUnread = errors.New("any") }, "", ca.E2602, "not to be taken"},
		{"a name that is another's here", lab(), func(_ *Bringing, c []Link) { c[0].Called = called("Root") }, "", ca.E2602, "root-g1 has the name"},
		{"a name twice in the chain", lab(), func(_ *Bringing, c []Link) { c[1].Called = called("SUB") }, "", ca.E2602, "two authorities"},
		{"the name of one here above it", lab(), func(_ *Bringing, c []Link) { c[2].Called = called("root") }, "", ca.E2602, "root-g1 has the name"},
	} {
		b := Bringing{Newcomer: Newcomer{Name: "sub-g1", Line: "sub", Kind: ca.Issuing, Days: 1, PKI: "http://ca.lab.example"}, Above: []string{"a", "b"}}
		chain := chained()
		c.change(&b, chain)
		all, err := c.h.Brought(b, chain, chain)
		judged(t, c.name, err, c.code, c.words)
		if got := strings.Join(named(all), " "); err == nil && got != c.want {
			t.Errorf("%s: makes %s, not %s", c.name, got, c.want)
		}
	}
}

// PF-05: a new certificate changes no more than dates, and what is below goes on standing.
func TestPF05_WhatTakesThePlaceOfACertificate(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      Hierarchy
		change func(*Link)
		code   ca.Code
		words  string
	}{
		{"a longer life", lab(), func(*Link) {}, "", ""},
		{"another key", lab(), func(l *Link) { l.SPKI = []byte("x") }, ca.E2602, "another key"},
		{"the same", lab(), func(l *Link) { l.Certificate = []byte("certificate of middle") }, ca.E2602, "already"},
		{"another name", lab(), func(l *Link) { l.Subject = []byte("x") }, ca.E2602, "another name"},
		{"another identifier", lab(), func(l *Link) { l.SKI = []byte("x") }, ca.E2602, "another name or key identifier"},
		{"a shorter life", lab(), func(l *Link) { l.NotAfter = noon.AddDate(1, 0, 0) }, ca.E2602, "ends on"},
		{"of a retired one", changed("middle-g1", func(s *Standing) { s.State = ca.Retired }), func(*Link) {}, ca.E2602, "is retired"},
		{"no room for what is below", lab(), func(l *Link) { l.PathLen = 0 }, ca.E2602, "issuing-g1, which is below"},
		{"uses that what is below has not", lab(), func(l *Link) { l.Use, l.AnyUse = []string{"email"}, false }, ca.E2602, "issuing-g1, which is below"},
		{"constraints that what is below breaks", lab(), func(l *Link) { l.Constraints = limits(t, "dn:O=Other") }, ca.E2602, "issuing-g1, which is below"},
	} {
		root := c.h["root-g1"].Link
		next := linked("middle", &root)
		next.Certificate = []byte("a new one")
		c.change(&next)
		a, err := c.h.Replaces(c.h["middle-g1"], ca.Intermediate, []Link{next, root}, noon)
		judged(t, c.name, err, c.code, c.words)
		if err == nil && (a.Version != 2 || len(a.Earlier) != 1 || string(a.Certificate) != "a new one") {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
	// By another root, those so far are cross-certificates.
	other := linked("other", nil)
	h := lab().with(standing(other, ca.Root, ""))
	next := linked("middle", &other)
	next.Certificate, next.NotAfter = []byte("a new one"), next.NotAfter.AddDate(0, 0, 1)
	a, err := h.Replaces(h["middle-g1"], ca.Intermediate, []Link{next, other}, noon)
	if err != nil || a.Parent != "other-g1" || len(a.Earlier) != 0 || len(a.Cross) != 1 || a.Cross[0].By != "root-g1" {
		t.Errorf("%+v, %v", a, err)
	}
}

// PF-05: a chain stands with the certificates that are in force here; if only the brought
// one of an ancestor would hold it, the command that brings that one is named.
func TestPF05_AnAncestorsNewCertificateIsBroughtFirst(t *testing.T) {
	narrow := changed("middle-g1", func(s *Standing) { s.Link.PathLen = 0 })
	root := narrow["root-g1"].Link
	newer := linked("middle", &root)
	newer.Certificate = []byte("a newer one")
	sub := linked("sub", &newer, "server")
	_, err := narrow.SoundHere([]Link{sub, newer, root}, ca.Issuing, noon, true)
	var p *ca.Problem
	judged(t, "a newer one", err, ca.E2602, "does not hold with the certificate that middle-g1 has here")
	if errors.As(err, &p); !strings.Contains(p.Fix, "chancery ca import-cert middle-g1 FILE") {
		t.Errorf("the fix is %q", p.Fix)
	}
	// One that could not take the place of the present one is no way on.
	older := newer
	older.NotAfter = newer.NotAfter.AddDate(-1, 0, 0)
	sub.NotAfter = older.NotAfter
	_, err = narrow.SoundHere([]Link{sub, older, root}, ca.Issuing, noon, true)
	judged(t, "an older one", err, ca.E2602, "does not hold with the certificate that middle-g1 has here")
	if errors.As(err, &p); strings.Contains(p.Fix, "import-cert") {
		t.Errorf("the fix is %q", p.Fix)
	}
	renamed := newer
	renamed.Subject = []byte("other")
	sub.Issuer, sub.Signer = renamed.Subject, "other"
	_, err = narrow.SoundHere([]Link{sub, renamed, root}, ca.Issuing, noon, true)
	judged(t, "another name", err, ca.E2602, "known here under another name")
	judged(t, "a number twice", lab().FreeSerials([]Link{{Issuer: []byte("root"), Serial: []byte("middle"), Title: "x"}}), ca.E2602, "the serial number")
}
