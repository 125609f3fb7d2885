// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// An authority without a root has its key unlocked all day: that alone renews nothing.
func TestSG03_ARenewalWithoutARootTakesTheWordsOfTheInstallation(t *testing.T) {
	s := start(t, t.TempDir())
	f := founding(t)
	f.Single = true
	if _, err := s.Found(f, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	before, steps := s.count(audit.Intent), len(s.steps())
	for _, words := range []string{"", "no words at all", otherWords(t)} {
		if _, err := s.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 3000, Words: words}); !isCode(err, ca.E3002) {
			t.Errorf("with %q: %v", words, err)
		}
	}
	if s.count(audit.Intent) != before {
		t.Error("something was signed")
	}
	if n := len(s.steps()) - steps; n != 1 {
		t.Errorf("%d leaves tell of one wrong try", n)
	}
	if _, err := s.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 3000, Words: f.Words}); err != nil {
		t.Error(err)
	}
}

// R6: an authority without a root is followed by another such, by the words of the
// installation; no other line gets one.
func TestSG03_ASuccessorWithoutARootTakesTheWordsOfTheInstallation(t *testing.T) {
	s := start(t, t.TempDir())
	f := founding(t)
	f.Single = true
	if _, err := s.Found(f, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	next := signer.Creation{Generation: f.Issuing, Kind: ca.Issuing, PKI: f.PKI, Words: f.Words}
	next.Name, next.Subject = "issuing-g2", ca.Subject{{OID: ca.OIDCommonName, Value: "Lab CA G2"}}
	for want, q := range map[ca.Code]func(*signer.Creation){
		ca.E3002: func(q *signer.Creation) { q.Words = otherWords(t) },
		ca.E2601: func(q *signer.Creation) { q.Name, q.Line = "users-g1", "users" },
	} {
		wrong := next
		q(&wrong)
		if _, err := s.Create(wrong); !isCode(err, want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	made, err := s.Create(next)
	if err != nil {
		t.Fatal(err)
	}
	one := made.Authority
	if x, err := x509.ParseCertificate(one.Certificate); err != nil || x.CheckSignatureFrom(x) != nil || one.State != ca.Standby || one.Parent != one.Name {
		t.Errorf("%s, below %s: %v", one.State, one.Parent, err)
	}
	if _, err := s.Turn(signer.Turn{Authority: one.Name, To: ca.Active}); err != nil {
		t.Error(err)
	}
}

// PF-05: what binds everything below an authority is not lost by a renewal: what cannot be
// written again is not left out.
func TestPF05_ARenewalLeavesOutNoExtensionThatItDoesNotKnow(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	for i, tt := range []struct {
		extension string
		known     bool
	}{
		{"policyConstraints=critical,requireExplicitPolicy:0", false},
		{"inhibitAnyPolicy=critical,0", false},
		{"subjectAltName=DNS:lab.example", false},
		{"1.2.3.4=DER:05:00", false},
		{"nsComment=made with an old guide", true},
	} {
		name := fmt.Sprintf("old%d-g1", i)
		q := c.importing(name, ca.Root, e.makes(name, "", "ec", 4000, rootExtensions+tt.extension+"\n"))
		q.Key = e.key(name)
		c.imports(q)
		renew := func() error {
			_, err := c.Recertify(signer.Recertification{Authority: name, Days: 5000, Words: c.words})
			return err
		}
		if tt.known {
			if err := renew(); err != nil {
				t.Errorf("%s: %v", tt.extension, err)
			}
			continue
		}
		c.untouched(tt.extension, ca.E2601, renew)
	}
}

// PF-06: what an authority signed lives as long as its certificate says; a renewal does
// not take that back unasked.
func TestPF06_ARenewalThatShortensALifeIsAskedForByName(t *testing.T) {
	c := ceremonial(t)
	for _, name := range []string{"issuing-g1", "root-g1"} {
		q := signer.Recertification{Authority: name, Days: 200, Words: c.words}
		c.untouched(name, ca.E2601, func() error { _, err := c.Recertify(q); return err })
	}
	q := signer.Recertification{Authority: "issuing-g1", Days: 200, Words: c.words, Shorten: true}
	if made, err := c.Recertify(q); err != nil || !made.Authority.NotAfter.Before(c.all["issuing-g1"].NotAfter) {
		t.Errorf("%v, until %v", err, made.Authority.NotAfter)
	}
}

// RV-04: the list that a root makes at its renewal is of the root as it is from now on.
func TestRV04_TheListOfARenewedRootLivesAsLongAsItsNewCertificate(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("brief-g1", "", ca.Root)
	q.Days = 3
	c.creates(q)
	made, err := c.Recertify(signer.Recertification{Authority: "brief-g1", Days: 3000, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	l, err := x509.ParseRevocationList(made.Lists["brief-g1"])
	if err != nil {
		t.Fatal(err)
	}
	if life := l.NextUpdate.Sub(l.ThisUpdate); life < 300*24*time.Hour {
		t.Errorf("the list lives %v", life)
	}
	if err := l.CheckSignatureFrom(parsed(t, made.Authority.Certificate)); err != nil {
		t.Error(err)
	}
	if open := c.OpenKeys(); !slices.Equal(open, []string{"issuing-g1"}) {
		t.Errorf("the keys of %v are in memory", open)
	}
}

// R11: a certificate that names its issuer's number verifies by no other certificate of
// the same key: a renewal says so, and a cross-certificate is refused.
func TestR11_WhoNamesItsCertificateIsToldAtARenewalAndNotCrossed(t *testing.T) {
	c := ceremonial(t)
	q := c.creation("issuing-g2", "root-g1", ca.Issuing)
	q.AKI = ca.AKIIssuer
	c.creates(q)
	c.creates(c.creation("root-g2", "", ca.Root))
	made, err := c.Recertify(signer.Recertification{Authority: "issuing-g2", Days: 1100, Words: c.words})
	if err != nil || len(made.Notices) != 1 || !strings.Contains(made.Notices[0], "hand out both") {
		t.Errorf("%v: %q", err, made.Notices)
	}
	c.untouched("a cross-certificate", ca.E2601, func() error {
		_, err := c.Recertify(signer.Recertification{Authority: "issuing-g2", By: "root-g2", Days: 100, Words: c.words})
		return err
	})
}

// SG-03: only another root certifies a key beside its parent: what is below it would lead
// back to itself.
func TestSG03_ACrossCertificateIsByARootThatIsForTheSame(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("middle-g1", "root-g1", ca.Intermediate))
	narrow := c.creation("mail-root-g1", "", ca.Root)
	narrow.Use = []string{"email"}
	c.creates(narrow)
	c.creates(c.creation("root-g2", "", ca.Root))
	for _, tt := range []struct{ of, by string }{
		{"root-g1", "middle-g1"}, {"issuing-g1", "middle-g1"}, {"issuing-g1", "mail-root-g1"}, {"root-g1", "mail-root-g1"},
	} {
		c.untouched(tt.of+" by "+tt.by, ca.E2601, func() error {
			_, err := c.Recertify(signer.Recertification{Authority: tt.of, By: tt.by, Days: 100, Words: c.words})
			return err
		})
	}
	if _, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", By: "root-g2", Days: 100, Words: c.words}); err != nil {
		t.Error(err)
	}
}

// PF-06: nothing outlives the first certificate of its chain to end, not only that of
// whoever signs it.
func TestPF06_NothingOutlivesTheRootThatWasShortened(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("middle-g1", "root-g1", ca.Intermediate))
	made, err := c.Recertify(signer.Recertification{Authority: "root-g1", Days: 20, Words: c.words, Shorten: true})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	end := made.Authority.NotAfter
	for n := range 2 {
		if n > 0 {
			c.restarts()
		}
		h := c.hello(0)
		leaf := c.issued(h, wish(n, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
		if last := parsed(t, leaf.DER).NotAfter; last.After(end) {
			t.Errorf("a certificate lives until %v, and the root until %v", last, end)
		}
	}
	if a := c.creates(c.creation("users-g1", "middle-g1", ca.Issuing)); a.NotAfter.After(end) {
		t.Errorf("an authority lives until %v, and the root until %v", a.NotAfter, end)
	}
	c.untouched("a renewal beyond the root's end", ca.E2601, func() error {
		_, err := c.Recertify(signer.Recertification{Authority: "users-g1", Days: 30, Words: c.words})
		return err
	})
}
