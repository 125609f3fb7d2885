// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

func called(values ...string) DN {
	var dn DN
	for _, v := range values {
		dn = append(dn, []ca.Attribute{{OID: ca.OIDCommonName, Value: v}})
	}
	return dn
}

// linked is the certificate of an authority by another, or by itself.
func linked(name string, by *Link, use ...string) Link {
	l := Link{
		Certificate: []byte("certificate of " + name), Subject: []byte(name), SPKI: []byte("key of " + name), Key: sha256.Sum256([]byte(name)),
		Title: name, Called: called(name), Serial: []byte(name), SKI: []byte("id of " + name), Fields: ca.Subject{{OID: ca.OIDCommonName, Value: name}},
		NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(10, 0, 0), AsCA: true, PathLen: -1, Lists: true, Use: use, AnyUse: len(use) == 0,
	}
	if by == nil {
		by = &l
	} else {
		l.NotAfter = by.NotAfter.AddDate(0, -1, 0)
	}
	l.Issuer, l.Signer, l.SignerKey = by.Subject, by.Title, by.SKI
	return l
}

func standing(l Link, kind ca.AuthorityKind, parent string) Standing {
	name := l.Title + "-g1"
	if parent == "" {
		parent = name
	}
	return Standing{Link: l, Authority: ca.Authority{
		Name: name, Line: l.Title, Kind: kind, State: ca.Active, Parent: parent, Version: 1, Certificate: l.Certificate, Subject: l.Subject,
		SPKI: l.SPKI, SKI: l.SKI, Key: l.Key, Use: l.Use, NotBefore: l.NotBefore, NotAfter: l.NotAfter,
	}}
}

// lab is a hierarchy of three tiers.
func lab() Hierarchy {
	root := linked("root", nil)
	middle := linked("middle", &root)
	issuing := linked("issuing", &middle, "server", "client")
	issuing.PathLen = 0
	h := Hierarchy{}
	for _, s := range []Standing{standing(root, ca.Root, ""), standing(middle, ca.Intermediate, "root-g1"), standing(issuing, ca.Issuing, "middle-g1")} {
		h[s.Name] = s
	}
	return h
}

// changed gives the lab with one generation changed.
func changed(name string, change func(*Standing)) Hierarchy {
	h := lab()
	s := h[name]
	change(&s)
	h[name] = s
	return h
}

// judged wants a verdict: a code with words of the message, or none.
func judged(t *testing.T, name string, err error, code ca.Code, words string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("%s: refused with %v", name, err)
		}
		return
	}
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != code || p.Fix == "" || !strings.Contains(p.Detail, words) {
		t.Errorf("%s: %+v, want %s about %q", name, err, code, words)
	}
}

func n(number int) *int { return &number }

// SG-03, SG-04: what a generation may be, and below what.
func TestSG04_WhatANewGenerationMayBe(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      Hierarchy
		change func(*Newcomer)
		code   ca.Code
		words  string
	}{
		{"an issuing one", lab(), func(*Newcomer) {}, "", ""},
		{"the next of its line", lab(), func(n *Newcomer) { n.Line = "issuing" }, "", ""},
		{"a root", lab(), func(n *Newcomer) { n.Kind, n.Parent = ca.Root, "" }, "", ""},
		{"a name that is taken", lab(), func(n *Newcomer) { n.Name = "root-g1" }, ca.E2601, "already"},
		{"a name out of the directory", lab(), func(n *Newcomer) { n.Name = "../g1" }, ca.E2601, "cannot be the name"},
		{"the name of another key", lab(), func(n *Newcomer) { n.Name = "kek" }, ca.E2601, "cannot be the name"},
		{"a line of another kind", lab(), func(n *Newcomer) { n.Line = "root" }, ca.E2601, "of another kind"},
		{"a line whose key is elsewhere", changed("issuing-g1", func(s *Standing) { s.External = true }), func(n *Newcomer) { n.Line = "issuing" }, ca.E2601, "of another kind"},
		{"a line whose bundle has the address of all roots", lab(), func(n *Newcomer) { n.Line = "roots" }, ca.E2601, "cannot be called roots"},
		{"a line whose bundle has no address", lab(), func(n *Newcomer) { n.Line = "bundle" }, ca.E2601, "cannot be called bundle"},
		{"the next of such a line that was made before", changed("issuing-g1", func(s *Standing) { s.Line = "roots" }), func(n *Newcomer) { n.Line = "roots" }, "", ""},
		{"no kind", lab(), func(n *Newcomer) { n.Kind = "leaf" }, ca.E2601, "a root, an intermediate"},
		{"a life of no day", lab(), func(n *Newcomer) { n.Days = 0 }, ca.E2601, "a life of 0 days"},
		{"a life of more than a century", lab(), func(n *Newcomer) { n.Days = maxLife + 1 }, ca.E2601, "a life of"},
		{"an address that needs a certificate", lab(), func(n *Newcomer) { n.PKI = "https://ca.lab.example" }, ca.E2601, "no http://"},
		{"RV-04: more shards than there can be", lab(), func(c *Newcomer) { c.Shards = ca.MaxShards + 1 }, ca.E2601, "no number of shards"},
		{"RV-04: fewer shards than none", lab(), func(c *Newcomer) { c.Shards = -1 }, ca.E2601, "no number of shards"},
		{"RV-04: shards of an intermediate", lab(), func(c *Newcomer) { c.Kind, c.Line, c.Shards = ca.Intermediate, "other", 2 }, ca.E2601, "issuing authority has shards"},
		{"SG-04: room below one that signs online", lab(), func(c *Newcomer) { c.PathLen = n(1) }, ca.E2601, "path length 0"},
		{"no room below one that signs none else", lab(), func(c *Newcomer) { c.Kind, c.PathLen = ca.Intermediate, n(0) }, ca.E2601, "could sign no other"},
		{"below nobody", lab(), func(n *Newcomer) { n.Parent = "nobody" }, ca.E2101, "no authority"},
		{"below an issuing one", lab(), func(n *Newcomer) { n.Parent = "issuing-g1" }, ca.E2601, "signs no authorities"},
		{"below one whose key is elsewhere", changed("middle-g1", func(s *Standing) { s.External = true }), func(*Newcomer) {}, ca.E2601, "is not here"},
		{"below a retired one", changed("middle-g1", func(s *Standing) { s.State = ca.Retired }), func(*Newcomer) {}, ca.E2601, "is retired"},
		{"below what is no CA's certificate", changed("middle-g1", func(s *Standing) { s.Link.NoCA = errors.New("none") }), func(*Newcomer) {}, ca.E2601, "signs no authorities"},
		{"below a path length of 0", changed("middle-g1", func(s *Standing) { s.Link.PathLen = 0 }), func(*Newcomer) {}, ca.E2601, "no authority can be below"},
		{"an issuing one below a path length of 1", changed("middle-g1", func(s *Standing) { s.Link.PathLen = 1 }), func(*Newcomer) {}, "", ""},
		{"an intermediate below a path length of 1", changed("middle-g1", func(s *Standing) { s.Link.PathLen = 1 }), func(n *Newcomer) { n.Kind = ca.Intermediate }, ca.E2601, "only issuing"},
		{"more room than the parent has", changed("middle-g1", func(s *Standing) { s.Link.PathLen = 2 }), func(c *Newcomer) { c.Kind, c.PathLen = ca.Intermediate, n(2) }, ca.E2601, "no room for 2"},
		{"signing itself day by day", lab(), func(n *Newcomer) { n.Parent = "" }, ca.E2601, "signs itself"},
		{"the same in a line of such", changed("issuing-g1", func(s *Standing) { s.Parent = s.Name }), func(n *Newcomer) { n.Line, n.Parent = "issuing", "" }, "", ""},
	} {
		one := Newcomer{Name: "users-g1", Line: "users", Kind: ca.Issuing, Parent: "middle-g1", Days: 1000, PKI: "http://ca.lab.example"}
		c.change(&one)
		err := c.h.Admits(one)
		if err == nil {
			err = c.h.Below(one)
		}
		judged(t, c.name, err, c.code, c.words)
	}
	h := lab()
	if h.Birth("issuing", false) != ca.Standby || h.Birth("users", true) != ca.Standby || h.Birth("users", false) != ca.Active {
		t.Error("the first of a line signs at once, and no other")
	}
	narrow := changed("middle-g1", func(s *Standing) { s.Link.PathLen = 3 })
	for _, c := range []struct {
		n    Newcomer
		want int
	}{{Newcomer{Kind: ca.Issuing, Parent: "middle-g1"}, 0}, {Newcomer{Kind: ca.Intermediate, Parent: "middle-g1"}, 2}, {Newcomer{Kind: ca.Intermediate, Parent: "root-g1"}, -1}, {Newcomer{Kind: ca.Root, PathLen: n(5)}, 5}} {
		if got := narrow.PathLen(c.n); got != c.want {
			t.Errorf("%+v gets path length %d, not %d", c.n, got, c.want)
		}
	}
}

// PF-05: names that verifiers take for one are one (RFC 5280 §7.1).
func TestPF05_NamesThatVerifiersTakeForOneAreOne(t *testing.T) {
	pair := func(a, b ca.Attribute) DN { return DN{{a, b}} }
	cn, o := ca.Attribute{OID: ca.OIDCommonName, Value: "Lab CA"}, ca.Attribute{OID: ca.OIDOrganization, Value: "Lab"}
	for _, c := range []struct {
		name string
		a, b DN
		same bool
	}{
		{"itself", called("Lab CA"), called("Lab CA"), true},
		{"case", called("Lab CA"), called("LAB ca"), true},
		{"case beyond ASCII", called("Prüfstelle Ω"), called("PRÜFSTELLE ω"), true},
		{"spaces within and at the ends", called("Lab CA"), called(" Lab   CA "), true},
		{"what nobody sees", called("Lab CA"), called("Lab\u200b CA"), true},
		{"another string type", DN{{{OID: ca.OIDCommonName, Value: "Lab", Type: 12}}}, DN{{{OID: ca.OIDCommonName, Value: "Lab", Type: 19}}}, true},
		{"another letter", called("Lab CA"), called("Lab CB"), false},
		{"no space for one", called("Lab CA"), called("LabCA"), false},
		{"one field more", called("Lab CA"), called("Lab CA", "x"), false},
		{"another order", called("a", "b"), called("b", "a"), false},
		{"fields that stand together, in any order", pair(cn, o), pair(o, cn), true},
		{"fields that stand together, and apart", pair(cn, o), DN{{cn}, {o}}, false},
		{"another field", DN{{cn}}, DN{{{OID: ca.OIDOrganization, Value: cn.Value}}}, false},
	} {
		if SameName(c.a, c.b) != c.same || SameName(c.b, c.a) != c.same {
			t.Errorf("%s: %v and %v", c.name, c.a, c.b)
		}
	}
	judged(t, "a free name", lab().FreeName(called("users")), "", "")
	judged(t, "a name in other letters", lab().FreeName(called("ROOT ")), ca.E2601, "root-g1 has this name")
}

// BK-05: the states of a line follow each other, and only one generation is active.
func TestBK05_WhatAGenerationMayBecome(t *testing.T) {
	next := standing(linked("issuing", nil), ca.Issuing, "middle-g1")
	next.Name, next.State = "issuing-g2", ca.Standby
	h := lab().with(next)
	turned, err := h.Turns(Turning{Authority: "issuing-g2", To: ca.Active}, noon)
	if err != nil || len(turned) != 2 || turned[0].State != ca.Active || turned[1].State != ca.Retiring || turned[1].Version != 2 || turned[0].Activated != 1 {
		t.Errorf("%+v, %v", turned, err)
	}
	for _, c := range []struct {
		name  string
		h     Hierarchy
		q     Turning
		code  ca.Code
		words string
	}{
		{"nobody", h, Turning{Authority: "x", To: ca.Active}, ca.E2101, "no authority"},
		{"active twice", h, Turning{Authority: "root-g1", To: ca.Active}, ca.E2603, "is active and cannot"},
		{"an activation that broke off, again", changed("issuing-g1", func(*Standing) {}).with(Standing{Authority: ca.Authority{Name: "b", Line: "issuing", State: ca.Active}}), Turning{Authority: "issuing-g1", To: ca.Active}, "", ""},
		{"retired while it signs", h, Turning{Authority: "issuing-g1", To: ca.Retired}, ca.E2603, "cannot become"},
		{"one with something below", changed("middle-g1", func(s *Standing) { s.State = ca.Retiring }), Turning{Authority: "middle-g1", To: ca.Retired}, ca.E2603, "stands above issuing-g1"},
		{"the same by its name", changed("middle-g1", func(s *Standing) { s.State = ca.Retiring }), Turning{Authority: "middle-g1", To: ca.Retired, Confirm: "middle-g1"}, "", ""},
		{"one that ended", h.with(func() Standing { s := next; s.NotAfter = noon; return s }()), Turning{Authority: "issuing-g2", To: ca.Active}, ca.E2603, "ended on"},
		{"one whose key is elsewhere", changed("root-g1", func(s *Standing) { s.External = true }), Turning{Authority: "root-g1", To: ca.Retiring}, ca.E2603, "cannot become"},
	} {
		_, err := c.h.Turns(c.q, noon)
		judged(t, c.name, err, c.code, c.words)
	}
}

// PF-06, SG-03: who certifies a key anew, and for how long.
func TestPF06_WhoRenewsAndCrossesWhat(t *testing.T) {
	other := standing(linked("other", nil), ca.Root, "")
	mail := standing(linked("mail", nil, "email"), ca.Root, "")
	with := func(h Hierarchy) Hierarchy { return h.with(other).with(mail) }
	for _, c := range []struct {
		name  string
		h     Hierarchy
		q     Renewal
		code  ca.Code
		words string
	}{
		{"a renewal", lab(), Renewal{Authority: "issuing-g1", Days: 3600}, "", ""},
		{"a renewal that is shorter", lab(), Renewal{Authority: "issuing-g1", Days: 30}, ca.E2601, "it would end on"},
		{"the same, as it was asked for", lab(), Renewal{Authority: "issuing-g1", Days: 30, Shorten: true}, "", ""},
		{"one beyond its chain", lab(), Renewal{Authority: "issuing-g1", Days: 9999}, ca.E2601, "outlive"},
		{"a root beyond itself", lab(), Renewal{Authority: "root-g1", Days: 9999}, "", ""},
		{"nobody", lab(), Renewal{Authority: "x", Days: 9}, ca.E2101, "no authority"},
		{"by another root", lab(), Renewal{Authority: "issuing-g1", By: "other-g1", Days: 9}, "", ""},
		{"by its parent", lab(), Renewal{Authority: "issuing-g1", By: "middle-g1", Days: 9}, ca.E2601, "already"},
		{"by an intermediate", lab(), Renewal{Authority: "root-g1", By: "middle-g1", Days: 9}, ca.E2601, "is no root"},
		{"by an issuing one", lab(), Renewal{Authority: "root-g1", By: "issuing-g1", Days: 9}, ca.E2601, "signs no authorities"},
		{"by one that is for another use", lab(), Renewal{Authority: "issuing-g1", By: "mail-g1", Days: 9}, ca.E2601, "other extended key usages"},
		{"one that names its own certificate", changed("issuing-g1", func(s *Standing) { s.AKI = ca.AKIIssuer }), Renewal{Authority: "issuing-g1", By: "other-g1", Days: 9}, ca.E2601, "names its own"},
		{"a retired one", changed("issuing-g1", func(s *Standing) { s.State = ca.Retired }), Renewal{Authority: "issuing-g1", Days: 3600}, ca.E2601, "is retired"},
		{"a signer elsewhere", changed("middle-g1", func(s *Standing) { s.External = true }), Renewal{Authority: "issuing-g1", Days: 3600}, ca.E2601, "is not here"},
		{"too many", changed("issuing-g1", func(s *Standing) { s.Earlier = make([][]byte, maxCross) }), Renewal{Authority: "issuing-g1", Days: 3600}, ca.E2601, "as many certificates"},
		{"outside the constraints above", changed("middle-g1", func(s *Standing) { s.Constraints = limits(t, "dn:O=Other") }), Renewal{Authority: "issuing-g1", Days: 3600}, ca.E2114, ""},
	} {
		a, p, err := with(c.h).Certifies(c.q)
		if err == nil {
			d := ca.AuthorityDraft{Subject: a.Link.Fields, Use: a.Use, PathLen: a.Link.PathLen, NotBefore: noon, NotAfter: noon.Add(time.Duration(c.q.Days) * day)}
			if p.Name != a.Name {
				d.Issuer = &p.Authority
			}
			_, err = a.VetRenewal(d, c.q)
		}
		judged(t, c.name, err, c.code, c.words)
	}
}

// R144, SG-04: a key from elsewhere is certified here as its issuer allows.
func TestR144_WhatAKeyFromElsewhereIsCertifiedFor(t *testing.T) {
	middle := lab()["middle-g1"].Authority
	for _, c := range []struct {
		name   string
		change func(*ca.AuthorityDraft)
		code   ca.Code
	}{
		{"as it should be", func(*ca.AuthorityDraft) {}, ""},
		{"for nothing, online", func(d *ca.AuthorityDraft) { d.Use = nil }, ca.E3004},
		{"for more than its issuer", func(d *ca.AuthorityDraft) { d.Issuer.Use = []string{"email"} }, ca.E3004},
		{"longer than its issuer", func(d *ca.AuthorityDraft) { d.NotAfter = noon.AddDate(30, 0, 0) }, ca.E2601},
		{"outside the constraints", func(d *ca.AuthorityDraft) { d.Issuer.Constraints = limits(t, "dn:O=Other") }, ca.E2114},
	} {
		up := middle
		d := ca.AuthorityDraft{Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "x"}}, Use: []string{"server"}, Issuer: &up, NotAfter: noon.AddDate(1, 0, 0)}
		c.change(&d)
		_, err := VetResigned(d)
		judged(t, c.name, err, c.code, "")
	}
}

func named(all []ca.Authority) (out []string) {
	for _, a := range all {
		out = append(out, a.Name+"<"+a.Parent)
	}
	slices.Sort(out)
	return out
}

// One above an authority from elsewhere has a line of its own name.
func TestOneAboveHasANameWhoseLineHasAnAddress(t *testing.T) {
	of := Newcomer{Name: "users-g1", Line: "users"}
	for name, want := range map[string]bool{"world": true, "users": false, "users-g1": false, "issuing": false, "issuing-g1": false, "kek": false, "roots": false, "bundle": false} {
		if got := lab().free(name, of); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
