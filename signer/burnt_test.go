// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// half revokes the certificate of issuing-g1 as a power cut leaves it that comes before
// the leaf which retires the generation.
func (c *ceremony) half(why ca.Reason) {
	c.t.Helper()
	der := parsed(c.t, c.all["issuing-g1"].Certificate)
	serial, err := ca.SerialFromBytes(der.SerialNumber.Bytes())
	if err != nil {
		c.t.Fatal(err)
	}
	var intent int64
	for _, r := range c.leaves() {
		if l, err := audit.ParseLeaf(r.Leaf); err == nil && l.Kind == audit.Intent && l.Serial == serial {
			intent = l.Index
		}
	}
	body, err := json.Marshal(ca.RevokedBody{Intent: intent, Reason: why, By: "uid:7", NotAfter: der.NotAfter, Key: c.all["issuing-g1"].Key})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Put(journal.Entry{Leaf: audit.Leaf{Kind: audit.Revoked, Issuer: c.all["root-g1"].Key, Serial: serial, Step: 1}, Body: body}); err != nil {
		c.t.Fatal(err)
	}
	c.restarts()
}

// RV-03: the key of a request that was certified as a server's, and revoked as
// compromised, becomes no authority's, and no dry run says that it will.
func TestRV03_ABurntKeyBecomesNoAuthority(t *testing.T) {
	c := ceremonial(t)
	req, err := c.ExportCSR(signer.KeyRequest{Name: "users-g1", Kind: ca.Issuing, Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "a.lab.example"}}, KeyType: "ecdsa-p256"})
	if err != nil {
		t.Fatal(err)
	}
	h := c.hello(0)
	a := c.issued(h, wish(1, req.DER, profiles(t, h)["server"]))
	if got := c.revoke(h, a, 1, ca.KeyCompromise); got.Problem != nil {
		t.Fatal(got.Problem)
	}
	for _, dry := range []bool{true, false} {
		q := c.creation("users-g1", "root-g1", ca.Issuing)
		q.DryRun = dry
		c.untouched("an authority with a burnt key", ca.E2204, func() error {
			_, err := c.Create(q)
			return err
		})
	}
}

// RV-03: nor does a burnt key go on as one, though its generation is not retired yet: it
// is not certified, activated or used, and the same revocation makes that whole.
func TestRV03_ABurntKeyIsNotUsedOn(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	c.turns("issuing-g2", ca.Active)
	c.turns("issuing-g2", ca.Retiring)
	c.turns("issuing-g1", ca.Active)
	c.half(ca.KeyCompromise)
	h := c.hello(0)
	if a := c.one(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E2204 {
		t.Errorf("signed with a burnt key: %+v", a.Problem)
	}
	for _, dry := range []bool{true, false} {
		c.untouched("a renewal", ca.E2204, func() error {
			_, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words, DryRun: dry})
			return err
		})
	}
	c.turns("issuing-g2", ca.Active)
	for _, dry := range []bool{true, false} {
		c.untouched("an activation", ca.E2204, func() error {
			_, err := c.Turn(signer.Turn{Authority: "issuing-g1", To: ca.Active, DryRun: dry})
			return err
		})
	}
	if out := c.revokesCA("issuing-g1", ca.KeyCompromise); out.Authority.State != ca.Retired {
		t.Errorf("%+v", out.Authority)
	}
}

// BK-06: a revocation that a power cut left half done is made whole by one for another
// reason, too: the certificate stays revoked as it was, and its generation is retired.
func TestBK06_AHalfDoneRevocationIsMadeWholeForAnotherReason(t *testing.T) {
	c := ceremonial(t)
	c.half(ca.Superseded)
	out := c.revokesCA("issuing-g1", ca.CessationOfOperation)
	if a := out.Authority; a.State != ca.Retired || len(a.Revoked) != 1 || a.Revoked[0].Reason != ca.Superseded || c.count(audit.Revoked) != 1 || !listed(t, out.Lists["root-g1"], a.Certificate) {
		t.Errorf("%+v", out.Authority.Revoked)
	}
	h := c.hello(0)
	if a := c.one(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E3004 {
		t.Errorf("it signs: %+v", a.Problem)
	}
	c.untouched("once more", ca.E2111, func() error {
		_, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "issuing-g1", Reason: ca.CessationOfOperation, Words: c.words}, 7)
		return err
	})
}

// BK-06: whoever has the key has all its certificates: a compromise takes all that one
// issuer signed, whichever was named, and says who else signed some.
func TestBK06_ACompromiseIsOfEveryCertificateOfTheKey(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	earlier := ca.Digest(sha256.Sum256(c.all["issuing-g1"].Certificate))
	for _, q := range []signer.Recertification{{Days: 1900}, {Days: 700, By: "root-g2"}} {
		q.Authority, q.Words = "issuing-g1", c.words
		made, err := c.Recertify(q)
		if err != nil {
			t.Fatal(err)
		}
		c.takes(made)
	}
	w := signer.AuthorityRevoking{Authority: "issuing-g1", By: "root-g2", Reason: ca.KeyCompromise, Words: c.words}
	out, err := c.RevokeAuthority(w, 7)
	if err != nil || out.Authority.State != ca.Retired || !strings.Contains(strings.Join(out.Notices, "\n"), "root-g1 certified the key of issuing-g1 too, and has not revoked that: chancery ca revoke issuing-g1 --reason keyCompromise") {
		t.Fatalf("%v, %v", out.Notices, err)
	}
	w.By, w.Certificate = "", &earlier
	out, err = c.RevokeAuthority(w, 7)
	if err != nil || len(out.Serials) != 2 || !listed(t, out.Lists["root-g1"], out.Authority.Certificate) || !listed(t, out.Lists["root-g1"], out.Authority.Earlier[0]) {
		t.Errorf("%v, %v", out.Serials, err)
	}
	if strings.Contains(strings.Join(out.Notices, "\n"), "certified the key") {
		t.Errorf("all are revoked: %v", out.Notices)
	}
	c.restarts()
}

// BK-05: one whose key is not at hand is not activated while those of others are: its
// line would stop.
func TestBK05_WhatCannotSignIsNotActivated(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	dir := c.Dir
	c.stop()
	if err := os.Remove(filepath.Join(dir, "keys", "issuing-g2.key")); err != nil {
		t.Fatal(err)
	}
	c.site = start(t, dir)
	for _, dry := range []bool{true, false} {
		c.untouched("an activation", ca.E3004, func() error {
			_, err := c.Turn(signer.Turn{Authority: "issuing-g2", To: ca.Active, DryRun: dry})
			return err
		})
	}
	h := c.hello(0)
	c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
}
