// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/softkey"
)

// revoke takes one step of the certificate of an answer.
func (s *site) revoke(h ca.Session, a ca.Answer, step int, why ca.Reason) ca.RevokeAnswer {
	s.t.Helper()
	got, err := s.Revoke(h.Number, []ca.Revoking{{ID: ca.NewID(h.LogNo, a.Index), Step: step, Reason: why, By: "uid:1"}})
	if err != nil || len(got) != 1 {
		s.t.Fatalf("revoke: %v, %v", got, err)
	}
	return got[0]
}

// crl makes a list and gives it in DER and parsed.
func (s *site) crl(h ca.Session, days int) ([]byte, *x509.RevocationList) {
	s.t.Helper()
	return s.listOf(h, "issuing-g1", days)
}

func (s *site) listOf(h ca.Session, authority string, days int) ([]byte, *x509.RevocationList) {
	s.t.Helper()
	all := s.set(h, ca.ListWish{Authority: authority, Days: days})
	return all[0].der, all[0].list
}

// A madeList is a list of a set.
type madeList struct {
	ca.ListBody
	der  []byte
	list *x509.RevocationList
}

// set makes lists and gives them all.
func (s *site) set(h ca.Session, q ca.ListWish) (all []madeList) {
	s.t.Helper()
	if q.Published == 0 {
		q.Published = s.Newest(q.Authority)
	}
	made, err := s.MakeLists(h.Number, q)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range made {
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			s.t.Fatal(err)
		}
		if n, err := c.Octets(); err != nil || n != int64(b.Len()) {
			s.t.Errorf("%d octets are announced (%v), and %d come", n, err, b.Len())
		}
		l, err := x509.ParseRevocationList(b.Bytes())
		if err != nil {
			s.t.Fatal(err)
		}
		if l.Number.Int64() != c.Number || len(l.RevokedCertificateEntries) != c.Entries {
			s.t.Errorf("the list says number %v and has %d entries, not %+v", l.Number, len(l.RevokedCertificateEntries), c.List)
		}
		all = append(all, madeList{c.ListBody, b.Bytes(), l})
	}
	if err := made.Close(); err != nil {
		s.t.Fatal(err)
	}
	return all
}

func wantProblem(t *testing.T, p *ca.Problem, code ca.Code, what string) {
	t.Helper()
	if p == nil || p.Code != code {
		t.Errorf("%s: %+v, want %s", what, p, code)
	}
}

// R29: an empty numbered list of each authority is there from the founding. RV-03:
// steps go one way. RV-04: numbers rise. OpenSSL refuses what is on the list.
func TestRV03RV04_WhatIsRevokedIsOnEveryListFromThenOn(t *testing.T) {
	s, f, h := founded(t)
	p := profiles(t, h)["server"]
	dir := t.TempDir()
	csr := csrBy(t, "a.lab.example", p256...)
	var issued []ca.Answer
	for i := range 3 {
		issued = append(issued, s.issued(h, wish(i+1, csr, p)))
	}
	first, err := x509.ParseRevocationList(f.Lists["issuing-g1"])
	if err != nil || first.Number.Sign() <= 0 || len(first.RevokedCertificateEntries) != 0 {
		t.Fatalf("the first list: %+v, %v", first, err)
	}

	a := s.revoke(h, issued[0], 1, ca.Superseded)
	if a.Problem != nil {
		t.Fatal(a.Problem)
	}
	if again := s.revoke(h, issued[0], 1, ca.Superseded); again.Problem != nil || again.Index != a.Index || !bytes.Equal(again.Leaf, a.Leaf) {
		t.Errorf("the same step again: %+v, want leaf %d", again, a.Index)
	}
	wantProblem(t, s.revoke(h, issued[0], 1, ca.KeyCompromise).Problem, ca.E2111, "another reason for a step that was taken")
	wantProblem(t, s.revoke(h, issued[0], 2, ca.PrivilegeWithdrawn).Problem, ca.E2111, "a reason that is no higher")
	wantProblem(t, s.revoke(h, issued[0], 3, ca.KeyCompromise).Problem, ca.E2111, "a step left out")
	wantProblem(t, s.revoke(h, issued[1], 2, ca.KeyCompromise).Problem, ca.E2111, "a second step without a first")
	wantProblem(t, s.revoke(h, issued[1], 1, ca.Reason(7)).Problem, ca.E1401, "a reason that is none")
	wantProblem(t, s.revoke(h, issued[1], 1, ca.RemoveFromCRL).Problem, ca.E2111, "the end of a hold that nobody placed")
	wantProblem(t, s.revoke(h, ca.Answer{Index: a.Index}, 1, ca.Superseded).Problem, ca.E2101, "a leaf that is no intent")
	wantProblem(t, s.revoke(h, ca.Answer{Index: 1 << 40}, 1, ca.Superseded).Problem, ca.E2101, "a leaf that is not there")
	if _, err := s.Revoke(h.Number-1, nil); !isCode(err, ca.E1402) {
		t.Errorf("a closed session: %v", err)
	}

	_, l := s.crl(h, 0)
	if l.Number.Cmp(first.Number) <= 0 || len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].ReasonCode != int(ca.Superseded) {
		t.Errorf("the list: %+v", l)
	}
	at := l.RevokedCertificateEntries[0].RevocationTime
	if raised := s.revoke(h, issued[0], 2, ca.KeyCompromise); raised.Problem != nil {
		t.Fatal(raised.Problem)
	}
	der, l2 := s.crl(h, 1)
	if e := l2.RevokedCertificateEntries; len(e) != 1 || e[0].ReasonCode != int(ca.KeyCompromise) || !e[0].RevocationTime.Equal(at) {
		t.Errorf("after the reason was raised: %+v", e)
	}
	if l2.NextUpdate.Sub(l2.ThisUpdate) != 24*time.Hour || l2.Number.Cmp(l.Number) <= 0 {
		t.Errorf("for a day: %v to %v, number %v after %v", l2.ThisUpdate, l2.NextUpdate, l2.Number, l.Number)
	}
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1", Days: 11}); !isCode(err, ca.E2112) {
		t.Errorf("a list for eleven days: %v", err)
	}
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "root-g1", Days: 1}); !isCode(err, ca.E3001) {
		t.Errorf("a list of the sealed root: %v", err)
	}

	// RV-03: the key of the first is blocked for ever; all three have it.
	if a := s.one(h, wish(9, csr, p)); a.Problem == nil || a.Problem.Code != ca.E2204 {
		t.Errorf("a compromised key was certified: %+v", a.Problem)
	}
	if a := s.one(h, wish(10, csrBy(t, "b.lab.example", p256...), p)); a.Problem != nil {
		t.Errorf("another key is refused: %+v", a.Problem)
	}

	// OpenSSL reads lists and chain.
	root, issuing := f.Authorities[0].Certificate, f.Authorities[1].Certificate
	writePEM(t, filepath.Join(dir, "root.pem"), root)
	writePEM(t, filepath.Join(dir, "issuing.pem"), issuing)
	var lists []byte
	for _, one := range [][]byte{f.Lists["root-g1"], der} {
		lists = append(lists, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: one})...)
	}
	if err := os.WriteFile(filepath.Join(dir, "lists.pem"), lists, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{0: "certificate revoked", 1: ": OK"} {
		leaf := filepath.Join(dir, "leaf.pem")
		writePEM(t, leaf, issued[i].DER)
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", filepath.Join(dir, "lists.pem"),
			"-CAfile", filepath.Join(dir, "root.pem"), "-untrusted", filepath.Join(dir, "issuing.pem"), leaf).CombinedOutput()
		if (err == nil) != (want == ": OK") || !strings.Contains(string(out), want) {
			t.Errorf("certificate %d: %v, want %q\n%s", i, err, want, out)
		}
	}

	// A restart remembers it all.
	number := l2.Number
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	if repeated := s.revoke(h, issued[0], 2, ca.KeyCompromise); repeated.Problem != nil {
		t.Errorf("after a restart the step is not known: %+v", repeated)
	}
	if a := s.one(h, wish(11, csr, p)); a.Problem == nil || a.Problem.Code != ca.E2204 {
		t.Errorf("after a restart a compromised key was certified: %+v", a.Problem)
	}
	_, l3 := s.crl(h, 0)
	if l3.Number.Cmp(number) <= 0 || len(l3.RevokedCertificateEntries) != 1 || !l3.RevokedCertificateEntries[0].RevocationTime.Equal(at) {
		t.Errorf("after a restart: %+v", l3)
	}
	if n := s.count(audit.Revoked); n != 2 {
		t.Errorf("%d REVOKED leaves, want 2", n)
	}
}

// Revoking works while the keys are locked; a list waits for them.
func TestKY07_ASealedSignerRevokes(t *testing.T) {
	s, _, h := founded(t)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	if _, err := s.Lock(); err != nil {
		t.Fatal(err)
	}
	h = s.hello(0)
	if a := s.revoke(h, one, 1, ca.KeyCompromise); a.Problem != nil {
		t.Errorf("a sealed signer does not revoke: %+v", a.Problem)
	}
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1"}); !isCode(err, ca.E3001) {
		t.Errorf("a sealed signer made a list: %v", err)
	}
	if _, err := s.Unlock(signer.Unlocking{}); err != nil {
		t.Fatal(err)
	}
	if _, l := s.crl(s.hello(0), 0); len(l.RevokedCertificateEntries) != 1 {
		t.Error("the list after unlocking lacks what was revoked before")
	}
}

// A root's list is made with its words, for one signature; a wrong word is noted.
func TestARootsListIsMadeWithItsWords(t *testing.T) {
	s := start(t, t.TempDir())
	how := founding(t)
	f, err := s.Found(how, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	first, err := x509.ParseRevocationList(f.Lists["root-g1"])
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(f.Authorities[0].Certificate)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.ListRoot(signer.RootListing{Authority: "root-g1", Words: how.Words})
	if err != nil {
		t.Fatal(err)
	}
	l, err := x509.ParseRevocationList(made.Lists["root-g1"])
	if err != nil || l.CheckSignatureFrom(root) != nil || l.Number.Cmp(first.Number) <= 0 || l.Number.Int64() != made.Number || l.NextUpdate.Sub(l.ThisUpdate) != 365*24*time.Hour {
		t.Errorf("the list: %+v, %v", l, err)
	}
	// The front is told, to hold what is published against it.
	if told := s.hello(0).SealedLists; len(told) != 2 || told["root-g1"] != made.Number || told["root-g1.arl"] != made.Number {
		t.Errorf("hello tells of the lists %v", told)
	}
	other, err := softkey.NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := s.count(audit.Key)
	for want, q := range map[ca.Code]signer.RootListing{
		ca.E3002: {Authority: "root-g1", Words: other.Reveal()},
		ca.E2101: {Authority: "issuing-g1", Words: how.Words},
		ca.E2112: {Authority: "root-g1", Words: how.Words, Days: 366},
	} {
		if _, err := s.ListRoot(q); !isCode(err, want) {
			t.Errorf("%+v: %v, want %s", q, err, want)
		}
	}
	if n := s.count(audit.Key); n != keys+1 {
		t.Errorf("%d KEY leaves tell of the wrong words, want 1", n-keys)
	}
	h := s.hello(0)
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "root-g1", Days: 1}); !isCode(err, ca.E3001) {
		t.Errorf("the root's key stayed open: %v", err)
	}
}

func isCode(err error, code ca.Code) bool {
	var p *ca.Problem
	return errors.As(err, &p) && p.Code == code
}

// RV-05, SG-11: an entry stays until it was on a list made after the certificate's
// end, also when the clock was ahead for a while; and no list is made that lives too
// long or has a number again.
func TestSG11RV05_AnEntryStaysUntilAListAfterItsEnd(t *testing.T) {
	s, _, h := founded(t)
	p := profiles(t, h)["server"]
	q := wish(1, csrBy(t, "a.lab.example", p256...), p)
	q.NotAfter = time.Now().Add(25 * time.Hour)
	one := s.issued(h, q)
	if a := s.revoke(h, one, 1, ca.Superseded); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	var off atomic.Int64 // of the clock
	dir := s.Dir
	s.stop()
	next := unopened(dir)
	next.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, next)
	h = s.hello(0)
	entries := func(want int, what string) {
		t.Helper()
		if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != want {
			t.Errorf("%s the list has %d entries, want %d", what, len(l.RevokedCertificateEntries), want)
		}
	}
	entries(1, "before its end")
	off.Store(int64(26 * time.Hour))
	entries(1, "first after its end")
	off.Store(int64(27 * time.Hour))
	entries(0, "then")
	off.Store(0)
	if _, err := s.ResetTime(os.Getuid()); err != nil {
		t.Fatal(err)
	}
	entries(1, "when the clock was set back")
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1", Days: 11}); !isCode(err, ca.E2112) {
		t.Errorf("a list for eleven days: %v", err)
	}
}
