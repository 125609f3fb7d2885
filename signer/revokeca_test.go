// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// checked has OpenSSL judge a certificate by those above it and by lists, in DER.
func (c *ceremony) checked(leaf []byte, above []string, flag string, lists ...[]byte) string {
	c.t.Helper()
	dir := c.t.TempDir()
	args := []string{flag}
	for i, der := range lists {
		name := filepath.Join(dir, string(rune('a'+i))+".pem")
		cmd := exec.CommandContext(c.t.Context(), "openssl", "crl", "-inform", "DER", "-out", name)
		cmd.Stdin = bytes.NewReader(der)
		if out, err := cmd.CombinedOutput(); err != nil {
			c.t.Fatalf("openssl crl: %v\n%s", err, out)
		}
		args = append(args, "-CRLfile", name)
	}
	out, _ := c.openssl(leaf, above, args...)
	return out
}

// BK-05: what a retired generation signed can be revoked, and its list says so, also
// after a restart, and also while it was locked in between.
func TestBK05_ARetiredGenerationListsOn(t *testing.T) {
	c := ceremonial(t)
	h := c.hello(0)
	p := profiles(t, h)["server"]
	a, b := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), p)), c.issued(h, wish(2, csrBy(t, "b.lab.example", p256...), p))
	c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	c.turns("issuing-g2", ca.Active)
	c.turns("issuing-g1", ca.Retired)
	above := []string{"issuing-g1", "root-g1"}
	for i, one := range []ca.Answer{a, b} {
		if i > 0 {
			c.restarts()
			if _, err := c.Lock(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Unlock(signer.Unlocking{}); err != nil {
				t.Fatal(err)
			}
		}
		h = c.hello(0)
		before, _ := c.listOf(h, "issuing-g1", 0)
		if out := c.checked(one.DER, above, "-crl_check", before); !strings.Contains(out, ": OK") {
			t.Errorf("before: %s", out)
		}
		if got := c.revoke(h, one, 1, ca.Superseded); got.Problem != nil {
			t.Fatalf("%+v", got.Problem)
		}
		now, l := c.listOf(h, "issuing-g1", 0)
		if out := c.checked(one.DER, above, "-crl_check", now); !strings.Contains(out, "certificate revoked") || len(l.RevokedCertificateEntries) != i+1 {
			t.Errorf("%d entries: %s", len(l.RevokedCertificateEntries), out)
		}
	}
}

// BK-05: a sealed generation that is retired lists with its words, until its own
// certificate has ended.
func TestBK05_ARetiredRootListsAtCeremoniesUntilItEnds(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	c.turns("root-g2", ca.Active)
	if _, err := c.Turn(signer.Turn{Authority: "root-g1", To: ca.Retired, Confirm: "root-g1"}); err != nil {
		t.Fatal(err)
	}
	q := signer.RootListing{Authority: "root-g1", Words: c.words}
	made, err := c.ListRoot(q)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := x509.ParseRevocationList(made.Lists[made.Authority]); err != nil || l.CheckSignatureFrom(parsed(t, c.all["root-g1"].Certificate)) != nil {
		t.Errorf("%+v, %v", l, err)
	}
	c.untouched("a certificate by a retired root", ca.E2601, func() error {
		_, err := c.Create(c.creation("issuing-g9", "root-g1", ca.Issuing))
		return err
	})
	dir, end := c.Dir, c.all["root-g1"].NotAfter
	c.stop()
	later := unopened(dir)
	later.Now = func() time.Time { return end.Add(time.Minute) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, later)
	if _, err := c.ListRoot(q); !isCode(err, ca.E3004) {
		t.Errorf("after its end: %v", err)
	}
}

// revokesCA revokes an authority, and sees that it is remembered.
func (c *ceremony) revokesCA(name string, why ca.Reason) signer.AuthorityRevoked {
	c.t.Helper()
	made, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: name, Reason: why, Words: c.words}, 7)
	if err != nil {
		c.t.Fatalf("revoke %s: %v", name, err)
	}
	c.all[name] = made.Authority
	maps.Copy(c.lists, made.Lists)
	c.remembered("after " + name + " was revoked")
	return made
}

// lists are those that a ceremony made, and that of an issuing authority.
func (c *ceremony) listsWith(name string) [][]byte {
	der, _ := c.listOf(c.hello(0), name, 0)
	return append(slices.Collect(maps.Values(c.lists)), der)
}

// BK-06: an authority that its parent revoked is refused by whoever checks all lists,
// and its sibling is not; the generation is retired, its key never certified again, and
// its own list goes on. The same call again changes nothing.
func TestBK06_AnAuthorityIsRevokedByItsParent(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("users-g1", "root-g1", ca.Issuing))
	h := c.hello(0)
	p := profiles(t, h)["server"]
	bad := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), p))
	made, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
	above := []string{"issuing-g1", "root-g1"}
	if out := c.checked(bad.DER, above, "-crl_check_all", c.listsWith("issuing-g1")...); !strings.Contains(out, ": OK") {
		t.Fatalf("before: %s", out)
	}
	before := len(c.leaves())
	dry, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "issuing-g1", Reason: ca.CACompromise, DryRun: true}, 7)
	if err != nil || len(c.leaves()) != before {
		t.Errorf("a dry run left %d leaves: %v", len(c.leaves())-before, err)
	}
	first := c.revokesCA("issuing-g1", ca.CACompromise)
	if !slices.Equal(dry.Serials, first.Serials) || !slices.Equal(dry.Notices, first.Notices) || dry.Authority.State != ca.Retired || dry.Lists != nil {
		t.Errorf("the dry run said %+v", dry)
	}
	if len(first.Serials) != 2 || first.Authority.State != ca.Retired || len(first.Authority.Revoked) != 1 || !strings.Contains(strings.Join(first.Notices, " "), "nobody signs for line issuing") {
		t.Errorf("%+v", first)
	}
	if got := c.count(audit.Revoked); got != 2 {
		t.Errorf("%d leaves for two certificates of the key", got)
	}
	if a := c.one(c.hello(0), wish(2, csrBy(t, "b.lab.example", p256...), p)); a.Problem == nil || a.Problem.Code != ca.E3004 {
		t.Errorf("it signs: %+v", a)
	}
	c.restarts()
	if out := c.checked(bad.DER, above, "-crl_check_all", c.listsWith("issuing-g1")...); !strings.Contains(out, "certificate revoked") {
		t.Errorf("after: %s", out)
	}
	c.turns("issuing-g2", ca.Active)
	good := c.issued(c.hello(0), wish(3, csrBy(t, "c.lab.example", p256...), p))
	if out := c.checked(good.DER, []string{"issuing-g2", "root-g1"}, "-crl_check_all", c.listsWith("issuing-g2")...); !strings.Contains(out, ": OK") {
		t.Errorf("its sibling: %s", out)
	}
	leaves, session := c.count(audit.Revoked)+c.count(audit.Authority), c.hello(0)
	again := c.revokesCA("issuing-g1", ca.CACompromise)
	if !slices.Equal(again.Serials, first.Serials) || again.Authority.Version != first.Authority.Version || c.count(audit.Revoked)+c.count(audit.Authority) != leaves {
		t.Errorf("again: %+v", again)
	}
	if _, err := c.Issue(session.Number, nil); err != nil {
		t.Errorf("the session ended though nothing changed: %v", err)
	}
	if l, err := x509.ParseRevocationList(again.Lists["root-g1"]); err != nil || len(l.RevokedCertificateEntries) != 2 || l.RevokedCertificateEntries[0].ReasonCode != int(ca.CACompromise) {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := c.Turn(signer.Turn{Authority: "issuing-g1", To: ca.Active}); !isCode(err, ca.E2603) {
		t.Errorf("activated again: %v", err)
	}
	c.restarts()
}

// BK-06: what cannot be is refused before anything happens, with what to do.
func TestBK06_WhatCannotRevokeAnAuthorityLeavesNothing(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	var none ca.Digest
	for _, tt := range []struct {
		what string
		code ca.Code
		says string
		q    signer.AuthorityRevoking
	}{
		{"nobody", ca.E2101, "", signer.AuthorityRevoking{Authority: "nobody"}},
		{"a root", ca.E2111, "retire root-g1", signer.AuthorityRevoking{Authority: "root-g1"}},
		{"by nobody", ca.E2101, "", signer.AuthorityRevoking{Authority: "issuing-g1", By: "nobody"}},
		{"by a root that did not sign it", ca.E2111, "has signed no certificate", signer.AuthorityRevoking{Authority: "issuing-g1", By: "root-g2"}},
		{"a hold", ca.E2111, "reason", signer.AuthorityRevoking{Authority: "issuing-g1", Reason: ca.CertificateHold}},
		{"a certificate it does not have", ca.E2111, "is valid", signer.AuthorityRevoking{Authority: "issuing-g1", Certificate: &none}},
		{"wrong words", ca.E3002, "", signer.AuthorityRevoking{Authority: "issuing-g1", Words: otherWords(t)}},
	} {
		if tt.q.Words == "" {
			tt.q.Words = c.words
		}
		leaves := c.count(audit.Revoked)
		c.untouched(tt.what, tt.code, func() error {
			_, err := c.RevokeAuthority(tt.q, 7)
			if err == nil || !strings.Contains(err.Error(), tt.says) && !strings.Contains(fixOf(err), tt.says) {
				t.Errorf("%s: %v", tt.what, err)
			}
			return err
		})
		if c.count(audit.Revoked) != leaves || len(c.leaves()) == 0 {
			t.Errorf("%s: something is revoked", tt.what)
		}
	}
	c.revokesCA("issuing-g1", ca.Superseded)
	c.untouched("another reason", ca.E2111, func() error {
		_, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "issuing-g1", Reason: ca.CessationOfOperation, Words: c.words}, 7)
		return err
	})
	if raised := c.revokesCA("issuing-g1", ca.KeyCompromise); raised.Authority.Revoked[0].Reason != ca.KeyCompromise {
		t.Errorf("%+v", raised.Authority.Revoked)
	}
	c.restarts()
}

// BK-06: a power cut between the leaves, or before the list, leaves what the same call
// makes whole.
func TestBK06_ARevocationThatWasCutInTwoIsMadeWhole(t *testing.T) {
	c := ceremonial(t)
	der := parsed(t, c.all["issuing-g1"].Certificate)
	serial, err := ca.SerialFromBytes(der.SerialNumber.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var intent int64
	for _, r := range c.leaves() {
		if l, err := audit.ParseLeaf(r.Leaf); err == nil && l.Kind == audit.Intent && l.Serial == serial {
			intent = l.Index
		}
	}
	body, err := json.Marshal(ca.RevokedBody{Intent: intent, Reason: ca.KeyCompromise, By: "uid:7", NotAfter: der.NotAfter, Key: c.all["issuing-g1"].Key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(journal.Entry{Leaf: audit.Leaf{Kind: audit.Revoked, Issuer: c.all["root-g1"].Key, Serial: serial, Step: 1}, Body: body}); err != nil {
		t.Fatal(err)
	}
	c.restarts()
	made := c.revokesCA("issuing-g1", ca.KeyCompromise)
	if made.Authority.State != ca.Retired || c.count(audit.Revoked) != 1 || made.Lists["root-g1"] == nil {
		t.Errorf("%+v", made.Authority)
	}
	if l, err := x509.ParseRevocationList(made.Lists["root-g1"]); err != nil || len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].SerialNumber.Cmp(new(big.Int).SetBytes(serial.Bytes())) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

// BK-06: a root that cross-certified another revokes that alone; the other stays what
// it is.
func TestBK06_ACrossCertificateIsRevokedByWhoSignedIt(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	made, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", By: "root-g2", Days: 700, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	out, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "issuing-g1", By: "root-g2", Reason: ca.CessationOfOperation, Words: c.words}, 7)
	if err != nil {
		t.Fatal(err)
	}
	c.all["issuing-g1"] = out.Authority
	maps.Copy(c.lists, out.Lists)
	if out.Authority.State != ca.Active || len(out.Serials) != 1 || len(out.Authority.Revoked) != 1 || out.Authority.Revoked[0].By != "root-g2" || len(out.Notices) != 0 {
		t.Errorf("%+v", out)
	}
	if got := c.checked(leaf.DER, []string{"issuing-g1", "root-g1"}, "-crl_check_all", c.listsWith("issuing-g1")...); !strings.Contains(got, ": OK") {
		t.Errorf("by its parent: %s", got)
	}
	l, err := x509.ParseRevocationList(out.Lists["root-g2"])
	if err != nil || len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].SerialNumber.Cmp(parsed(t, out.Authority.Cross[0].Certificate).SerialNumber) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	c.restarts()
}

func fixOf(err error) string {
	p, ok := err.(*ca.Problem) //nolint:errorlint // as it was made
	if !ok {
		return ""
	}
	return p.Fix
}

// BK-06: an authority that was made while the clock was ahead is found on the log after
// the clock was set right.
func TestBK06_AnAuthorityThatWasMadeByAClockAheadIsRevoked(t *testing.T) {
	c := ceremonial(t)
	dir := c.Dir
	c.stop()
	ahead := unopened(dir)
	ahead.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	if err := ahead.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, ahead)
	c.creates(c.creation("users-g1", "root-g1", ca.Issuing))
	c.stop()
	c.site = start(t, dir)
	if _, err := c.ResetTime(os.Getuid()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.creates(c.creation(fmt.Sprintf("people-g%d", i+1), "root-g1", ca.Issuing))
	}
	for _, name := range []string{"users-g1", "people-g2", "issuing-g1"} {
		if made := c.revokesCA(name, ca.Superseded); len(made.Serials) != 1 {
			t.Errorf("%s: %v", name, made.Serials)
		}
	}
}

// BK-06: an earlier certificate of a key is revoked alone; the present one is not, and
// signs on.
func TestBK06_AnEarlierCertificateIsRevokedAlone(t *testing.T) {
	c := ceremonial(t)
	earlier := ca.Digest(sha256.Sum256(c.all["issuing-g1"].Certificate))
	made, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	out, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "issuing-g1", Reason: ca.Superseded, Certificate: &earlier, Words: c.words}, 7)
	if err != nil || len(out.Serials) != 1 || out.Authority.State != ca.Active || len(out.Authority.Revoked) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	maps.Copy(c.lists, out.Lists)
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	if got := c.checked(leaf.DER, []string{"issuing-g1", "root-g1"}, "-crl_check_all", c.listsWith("issuing-g1")...); !strings.Contains(got, ": OK") {
		t.Errorf("by the present one: %s", got)
	}
	// All of them, for another reason: the one that is revoked stays as it is.
	all := c.revokesCA("issuing-g1", ca.CessationOfOperation)
	if len(all.Serials) != 1 || all.Authority.State != ca.Retired || c.count(audit.Revoked) != 2 {
		t.Errorf("%+v", all)
	}
}

// BK-06: what a key signed elsewhere before it came here is on its list, though the log
// has no INTENT of it.
func TestBK06_AnAuthorityThatWasMadeElsewhereIsRevoked(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	sub := e.makes("sub", "root", "ec", 2000, issuingExtensions)
	q := c.importing("corp-g1", ca.Root, root)
	q.Key = e.key("root")
	made, err := c.Import(q)
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	q = c.importing("users-g1", ca.Issuing, sub, root)
	q.Key, q.Above = e.key("sub"), nil
	if made, err = c.Import(q); err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	if first := c.revokesCA("users-g1", ca.CACompromise); first.Lists["corp-g1"] != nil || len(first.Notices) == 0 {
		t.Errorf("a list before it is known what was revoked elsewhere: %v", first.Notices)
	}
	if _, err := c.Inherit(signer.Inheritance{Authority: "corp-g1", None: true}); err != nil {
		t.Fatal(err)
	}
	c.restarts()
	made.Lists = c.revokesCA("users-g1", ca.CACompromise).Lists
	l, err := x509.ParseRevocationList(made.Lists["corp-g1"])
	if err != nil || len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].SerialNumber.Cmp(parsed(t, sub).SerialNumber) != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	if got := c.count(audit.Revoked); got != 1 {
		t.Errorf("%d leaves", got)
	}
	q.Name, q.Line = "again-g1", "again"
	c.untouched("the key once more", ca.E2204, func() error { _, err := c.Import(q); return err })
}
