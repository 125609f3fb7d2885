// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// BK-05, architecture §6: every state against every target.
func TestBK05_AGenerationTurnsOnlyAsItsLifeGoes(t *testing.T) {
	c := ceremonial(t)
	line := []string{"issuing-g1", "issuing-g2", "issuing-g3"}
	c.creates(c.creation(line[1], "root-g1", ca.Issuing))
	c.creates(c.creation(line[2], "root-g1", ca.Issuing))
	refused := func(name string, to ca.AuthorityState) {
		t.Helper()
		c.untouched(fmt.Sprintf("%s is %s, to %s", name, c.all[name].State, to), ca.E2603, func() error {
			_, err := c.Turn(signer.Turn{Authority: name, To: to})
			return err
		})
	}
	// except tries all that a generation may not become.
	except := func(name string, may ...ca.AuthorityState) {
		t.Helper()
		for _, to := range []ca.AuthorityState{ca.Standby, ca.Active, ca.Retiring, ca.Retired, "", "gone"} {
			if !slices.Contains(may, to) {
				refused(name, to)
			}
		}
	}
	is := func(states ...ca.AuthorityState) {
		t.Helper()
		for i, want := range states {
			if got := c.all[line[i]].State; got != want {
				t.Errorf("%s is %s, not %s", line[i], got, want)
			}
		}
	}
	is(ca.Active, ca.Standby, ca.Standby)
	except(line[0], ca.Retiring)
	except(line[1], ca.Active, ca.Retired)
	c.turns(line[1], ca.Active)
	is(ca.Retiring, ca.Active, ca.Standby)
	except(line[0], ca.Active, ca.Retired)
	c.turns(line[0], ca.Active) // taken back
	is(ca.Active, ca.Retiring, ca.Standby)
	c.turns(line[0], ca.Retiring) // the line rests
	h := c.hello(0)
	if a := c.one(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E3004 {
		t.Errorf("nobody is active, and somebody signed: %+v", a.Problem)
	}
	c.turns(line[0], ca.Active)
	is(ca.Active, ca.Retiring, ca.Standby)
	if n := c.all[line[1]].Version; n != 3 {
		t.Errorf("version %d after two turns", n)
	}
	c.turns(line[1], ca.Active)
	c.restarts()
	c.turns(line[0], ca.Retired)
	c.turns(line[2], ca.Retired)
	is(ca.Retired, ca.Active, ca.Retired)
	except(line[0])
	h = c.hello(0)
	if a := c.one(h, wish(2, csrBy(t, "b.lab.example", p256...), profiles(t, h)["server"])); a.Problem != nil || parsed(t, a.DER).Issuer.CommonName != line[1] {
		t.Errorf("%+v", a.Problem)
	}
	c.untouched("a request for a retired one", ca.E3004, func() error {
		_, err := c.ExportCSR(signer.KeyRequest{Name: line[0], Kind: ca.Issuing, Subject: named("x")})
		return err
	})
	c.untouched("nobody", ca.E2101, func() error { _, err := c.Turn(signer.Turn{Authority: "nobody", To: ca.Active}); return err })
	c.restarts()
}

// A power cut can leave the first leaf of an activation alone, at the end of a segment:
// the one activated last signs, though the other was renewed since it was made, and the
// same call makes it whole.
func TestAnActivationThatWasCutInTwoIsMadeWhole(t *testing.T) {
	c := ceremonial(t)
	half := c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	c.turns("issuing-g2", ca.Active)
	c.turns("issuing-g1", ca.Active)
	if one, two := c.all["issuing-g1"], c.all["issuing-g2"]; !one.NewerThan(two) || two.NewerThan(one) {
		t.Errorf("activated as number %d and %d", one.Activated, two.Activated)
	}
	dir := c.Dir
	c.stop()
	later := unopened(dir)
	later.Now = func() time.Time { return time.Now().Add(time.Hour) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, later)
	made, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	if half = c.all["issuing-g2"]; !made.Authority.NotBefore.After(half.NotBefore) || made.Authority.Activated == 0 {
		t.Fatalf("%+v", made.Authority)
	}
	half.State, half.Activated = ca.Active, made.Authority.Activated+1
	half.Version++
	body, err := json.Marshal(half)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(journal.Entry{Leaf: audit.Leaf{Kind: audit.Authority, Issuer: half.Key}, Body: body}); err != nil {
		t.Fatal(err)
	}
	c.stop()
	later = unopened(dir)
	later.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, later)
	h := c.hello(0)
	a := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	c.verifies(a.DER, []string{"issuing-g2", "root-g1"}, "-no_check_time")
	c.turns("issuing-g2", ca.Active)
	if s := c.all["issuing-g1"].State; s != ca.Retiring {
		t.Errorf("issuing-g1 is %s", s)
	}
}

// BK-05: what stands above a generation that lives is retired by its name only, whoever
// asks the signer.
func TestBK05_WhatStandsAboveOthersRetiresByItsNameOnly(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("middle-g1", "root-g1", ca.Intermediate)
	c.creates(q)
	c.creates(c.creation("users-g1", "middle-g1", ca.Issuing))
	c.turns("middle-g1", ca.Retiring)
	for _, confirm := range []string{"", "users-g1"} {
		c.untouched("confirmed by "+confirm, ca.E2603, func() error {
			_, err := c.Turn(signer.Turn{Authority: "middle-g1", To: ca.Retired, Confirm: confirm})
			return err
		})
	}
	if _, err := c.Turn(signer.Turn{Authority: "middle-g1", To: ca.Retired, Confirm: "middle-g1"}); err != nil {
		t.Error(err)
	}
}

// A renewal keeps everything but number and dates; what was signed before and is
// signed after verifies by both certificates.
func TestARenewalKeepsKeyNameAndLimits(t *testing.T) {
	c := ceremonial(t)
	h := c.hello(0)
	p := profiles(t, h)["server"]
	before := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), p))
	for n, name := range []string{"issuing-g1", "root-g1", "issuing-g1"} {
		old := c.all[name]
		made, err := c.Recertify(signer.Recertification{Authority: name, Days: 1900 + 8000*(n%2), Words: c.words})
		if err != nil {
			t.Fatal(err)
		}
		c.takes(made)
		now := c.all[name]
		if now.Version != old.Version+1 || len(now.Earlier) != len(old.Earlier)+1 || !bytes.Equal(now.Earlier[len(now.Earlier)-1], old.Certificate) {
			t.Errorf("%s has version %d and %d earlier certificates", name, now.Version, len(now.Earlier))
		}
		x, y := parsed(t, old.Certificate), parsed(t, now.Certificate)
		if !bytes.Equal(x.RawSubjectPublicKeyInfo, y.RawSubjectPublicKeyInfo) || !bytes.Equal(x.RawSubject, y.RawSubject) || !bytes.Equal(x.SubjectKeyId, y.SubjectKeyId) ||
			x.MaxPathLen != y.MaxPathLen || x.MaxPathLenZero != y.MaxPathLenZero || len(x.ExtKeyUsage) != len(y.ExtKeyUsage) || x.SerialNumber.Cmp(y.SerialNumber) == 0 {
			t.Errorf("%s was renewed into something else", name)
		}
		if !y.NotAfter.Equal(now.NotAfter) || !y.NotBefore.Equal(now.NotBefore) {
			t.Errorf("%s says another life than its certificate", name)
		}
		h = c.hello(0)
		after := c.issued(h, wish(10+n, csrBy(t, "a.lab.example", p256...), p))
		for _, leaf := range [][]byte{before.DER, after.DER} {
			c.verifies(leaf, []string{"issuing-g1", "root-g1"})
			if out, err := verifiedBy(t, leaf, [][]byte{c.all["issuing-g1"].Earlier[0]}, c.all["root-g1"].Certificate); err != nil {
				t.Errorf("by the earlier certificate: %v\n%s", err, out)
			}
		}
	}
	c.restarts()
	for _, tt := range []struct {
		what string
		code ca.Code
		q    signer.Recertification
	}{
		{"nobody", ca.E2101, signer.Recertification{Authority: "nobody", Days: 1}},
		{"no life", ca.E2601, signer.Recertification{Authority: "issuing-g1"}},
		{"a life beyond the parent's", ca.E2601, signer.Recertification{Authority: "issuing-g1", Days: 15000}},
		{"by its own parent", ca.E2601, signer.Recertification{Authority: "issuing-g1", Days: 9, By: "root-g1"}},
		{"by itself", ca.E2601, signer.Recertification{Authority: "issuing-g1", Days: 9, By: "issuing-g1"}},
		{"by nobody", ca.E2601, signer.Recertification{Authority: "issuing-g1", Days: 9, By: "nobody"}},
	} {
		tt.q.Words = c.words
		c.untouched(tt.what, tt.code, func() error { _, err := c.Recertify(tt.q); return err })
	}
}

func parsed(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Whoever trusts the old root accepts the new one by its cross-certificate, and
// whoever trusts the new one needs none.
func TestACrossCertificateLeadsToEitherRoot(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	c.creates(c.creation("issuing-g2", "root-g2", ca.Issuing))
	made, err := c.Recertify(signer.Recertification{Authority: "root-g2", By: "root-g1", Days: 700, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	if len(made.Lists) != 2 || made.Lists["root-g1"] == nil || made.Lists["root-g1.arl"] == nil {
		t.Error("the one that signed made no list")
	}
	c.turns("issuing-g2", ca.Active)
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	c.verifies(leaf.DER, []string{"issuing-g2", "root-g2"})
	cross := c.all["root-g2"].Cross
	if len(cross) != 1 || cross[0].By != "root-g1" {
		t.Fatalf("%+v", cross)
	}
	out, err := verifiedBy(t, leaf.DER, [][]byte{c.all["issuing-g2"].Certificate, cross[0].Certificate}, c.all["root-g1"].Certificate)
	if err != nil {
		t.Errorf("by the cross-certificate: %v\n%s", err, out)
	}
	c.untouched("a signer that may not sign this one", ca.E2601, func() error {
		_, err := c.Recertify(signer.Recertification{Authority: "root-g2", By: "issuing-g1", Days: 9, Words: c.words})
		return err
	})
	c.restarts()
}

// An authority whose end has come makes no list, and is not activated; asking for it
// does not end the signer.
func TestAnAuthorityThatHasEndedMakesNoList(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("brief-g1", "root-g1", ca.Issuing)
	q.Days = 2
	c.creates(q)
	q.Name, q.Subject = "brief-g2", named("brief-g2")
	c.creates(q)
	dir := c.Dir
	c.stop()
	later := unopened(dir)
	later.Now = func() time.Time { return time.Now().Add(72 * time.Hour) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, later)
	h := c.hello(0)
	if _, err := c.MakeLists(h.Number, ca.ListWish{Authority: "brief-g1"}); !isCode(err, ca.E3004) {
		t.Errorf("a list: %v", err)
	}
	if _, err := c.Turn(signer.Turn{Authority: "brief-g2", To: ca.Active}); !isCode(err, ca.E2603) {
		t.Errorf("activated: %v", err)
	}
	if _, l := c.crl(c.hello(0), 0); l == nil {
		t.Error("another authority makes no list")
	}
}

// RV-04: an intermediate authority's list is made like a root's, with the words.
func TestRV04_AnIntermediatesListIsMadeWithItsWords(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("middle-g1", "root-g1", ca.Intermediate)
	q.OwnWords, q.Days = otherWords(t), 100
	middle := c.creates(q)
	for _, restarted := range []bool{false, true} {
		if restarted {
			c.restarts()
		}
		if _, err := c.MakeLists(c.hello(0).Number, ca.ListWish{Authority: "middle-g1"}); !isCode(err, ca.E3001) {
			t.Errorf("without words: %v", err)
		}
		if _, err := c.ListRoot(signer.RootListing{Authority: "middle-g1", Words: c.words}); !isCode(err, ca.E3002) {
			t.Errorf("with the root's words: %v", err)
		}
		made, err := c.ListRoot(signer.RootListing{Authority: "middle-g1", Words: q.OwnWords})
		if err != nil {
			t.Fatal(err)
		}
		l, err := x509.ParseRevocationList(made.Lists[made.Authority])
		if err != nil || l.CheckSignatureFrom(parsed(t, middle.Certificate)) != nil || l.NextUpdate.After(middle.NotAfter) {
			t.Errorf("the list: %+v, %v", l, err)
		}
	}
}
