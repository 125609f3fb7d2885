// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// invalidSince gives the invalidity date of the only entry of a list, as another parser
// reads it.
func invalidSince(t *testing.T, l *x509.RevocationList) time.Time {
	t.Helper()
	if len(l.RevokedCertificateEntries) != 1 {
		t.Fatalf("the list has %d entries", len(l.RevokedCertificateEntries))
	}
	for _, e := range l.RevokedCertificateEntries[0].Extensions {
		if e.Id.String() != "2.5.29.24" {
			continue
		}
		var at time.Time
		if rest, err := asn1.UnmarshalWithParams(e.Value, &at, "generalized"); err != nil || len(rest) > 0 || e.Critical {
			t.Fatalf("the invalidity date %x: %v", e.Value, err)
		}
		return at.UTC()
	}
	return time.Time{}
}

// RV-03: while a certificate is held its key gets no other one, by a new order neither; a
// restart knows it, and another key is judged by itself.
func TestRV03_TheKeyOfWhatIsHeldGetsNoOtherCertificate(t *testing.T) {
	s, _, h := founded(t)
	p, csr := profiles(t, h)["server"], csrBy(t, "a.lab.example", p256...)
	one := s.issued(h, wish(1, csr, p))
	two := s.issued(h, wish(2, csr, p))
	n := 2
	asks := func(what string, code ca.Code) {
		t.Helper()
		n++
		switch a := s.one(h, wish(n, csr, p)); {
		case code == "" && a.Problem != nil:
			t.Errorf("%s: %v", what, a.Problem)
		case code != "":
			wantProblem(t, a.Problem, code, what)
		}
	}
	takes := func(a ca.Answer, step int, why ca.Reason) {
		t.Helper()
		if got := s.revoke(h, a, step, why); got.Problem != nil {
			t.Fatalf("step %d, %v: %v", step, why, got.Problem)
		}
	}
	takes(one, 1, ca.CertificateHold)
	asks("held", ca.E2111)
	if a := s.one(h, wish(100, csrBy(t, "a.lab.example", p256...), p)); a.Problem != nil {
		t.Errorf("another key: %v", a.Problem)
	}
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	asks("held, after a restart", ca.E2111)
	takes(two, 1, ca.CertificateHold)
	takes(one, 2, ca.RemoveFromCRL)
	asks("the other one held", ca.E2111)
	takes(two, 2, ca.Superseded)
	asks("none held", "")
}

// SG-11, P9: more steps than a minute takes are refused with a code that says so. What is refused
// or was taken before is none: somebody who asks for it without end keeps nobody from revoking.
func TestSG11_MoreStepsThanAMinuteTakesAreRefused(t *testing.T) {
	s, _, h := founded(t)
	p, csr := profiles(t, h)["server"], csrBy(t, "a.lab.example", p256...)
	wishes := make([]ca.Request, 250) // as many as divide the bound
	for i := range wishes {
		wishes[i] = wish(i+1, csr, p)
	}
	issued, err := s.Issue(h.Number, wishes)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]ca.Revoking, len(issued))
	step := func(n int, why ca.Reason) error {
		for i, a := range issued {
			all[i] = ca.Revoking{ID: ca.NewID(h.LogNo, a.Index), Step: n, Reason: why, By: "uid:1"}
		}
		_, err := s.Revoke(h.Number, all)
		return err
	}
	began := time.Now()
	for range 10_000 / len(all) {
		for _, n := range []int{1, 9} { // the same again, after the first time, and what is none
			if err := errors.Join(step(n, ca.CertificateHold), step(n, ca.CertificateHold)); err != nil {
				t.Fatalf("what takes no step: %v", err)
			}
		}
	}
	n := 1
	for err == nil && n <= 10_000/len(all) {
		n++
		err = step(n, []ca.Reason{ca.RemoveFromCRL, ca.CertificateHold}[n%2])
	}
	if within := time.Since(began) < time.Minute; n <= 10_000/len(all) || within && !isCode(err, ca.E2303) {
		t.Errorf("step %d of %d certificates: %v, want E2303 beyond 10 000", n, len(all), err)
	}
}

// RV-01, RV-03: a hold is on every list until it is taken back, comes again with its own
// date, and is raised to any reason; nothing else has a way back. A restart knows it all.
func TestRV03_AHoldIsTheOnlyStepWithAWayBack(t *testing.T) {
	s, _, h := founded(t)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	step := 0
	takes := func(why ca.Reason, entries int) {
		t.Helper()
		step++
		if a := s.revoke(h, one, step, why); a.Problem != nil {
			t.Fatalf("step %d, %v: %v", step, why, a.Problem)
		}
		again := s.revoke(h, one, step, why)
		if again.Problem != nil {
			t.Errorf("step %d again: %v", step, again.Problem)
		}
		_, l := s.crl(h, 0)
		if len(l.RevokedCertificateEntries) != entries || entries == 1 && l.RevokedCertificateEntries[0].ReasonCode != int(why) {
			t.Errorf("after %v the list has %+v", why, l.RevokedCertificateEntries)
		}
	}
	refused := func(why ca.Reason) {
		t.Helper()
		wantProblem(t, s.revoke(h, one, step+1, why).Problem, ca.E2111, why.String()+" at step "+string(rune('1'+step)))
	}
	takes(ca.CertificateHold, 1)
	refused(ca.CertificateHold)
	takes(ca.RemoveFromCRL, 0)
	refused(ca.RemoveFromCRL)
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != 0 {
		t.Errorf("after a restart the list has %+v", l.RevokedCertificateEntries)
	}
	takes(ca.CertificateHold, 1)
	takes(ca.AffiliationChanged, 1)
	refused(ca.RemoveFromCRL)
	refused(ca.Superseded)
	takes(ca.KeyCompromise, 1)
	refused(ca.RemoveFromCRL)
	refused(ca.KeyCompromise)
	if n := s.count(audit.Revoked); n != 5 {
		t.Errorf("%d REVOKED leaves, want 5", n)
	}
}

// RFC 5280 §5.3.2: the date stands on the list, in the leaf, and after a restart; it never
// moves to later, and is never in the future.
func TestAnInvalidityDateStandsOnTheList(t *testing.T) {
	s, _, h := founded(t)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	revoke := func(step int, why ca.Reason, since time.Time) *ca.Problem {
		t.Helper()
		got, err := s.Revoke(h.Number, []ca.Revoking{{ID: ca.NewID(h.LogNo, one.Index), Step: step, Reason: why, By: "uid:1", InvalidSince: since}})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Problem
	}
	day := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	for what, since := range map[string]time.Time{
		"the future": time.Now().Add(time.Hour).Truncate(time.Second), "before 1970": time.Unix(-1, 0), "half a second": day.Add(time.Second / 2),
	} {
		wantProblem(t, revoke(1, ca.Superseded, since), ca.E2111, what)
	}
	if p := revoke(1, ca.Unspecified, day); p != nil {
		t.Fatal(p)
	}
	if _, l := s.crl(h, 0); !invalidSince(t, l).Equal(day) || l.RevokedCertificateEntries[0].ReasonCode != 0 {
		t.Errorf("the list says %v", l.RevokedCertificateEntries)
	}
	wantProblem(t, revoke(2, ca.KeyCompromise, day.Add(time.Second)), ca.E2111, "a later date")
	wantProblem(t, revoke(2, ca.KeyCompromise, time.Time{}), ca.E2111, "no date any more")
	if p := revoke(2, ca.KeyCompromise, day.AddDate(0, 0, -1)); p != nil {
		t.Fatal(p)
	}
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	if _, l := s.crl(h, 0); !invalidSince(t, l).Equal(day.AddDate(0, 0, -1)) || l.RevokedCertificateEntries[0].ReasonCode != int(ca.KeyCompromise) {
		t.Errorf("after a restart the list says %v", l.RevokedCertificateEntries)
	}
}

// RV-03: a hold of a certificate whose key is condemned stays: before and after a restart,
// and where one batch condemns the key and takes the hold back. What is held can still be
// revoked for the compromise, and a repeated call is answered as before.
func TestRV03_AHoldOfACondemnedKeyIsNotTakenBack(t *testing.T) {
	s, _, h := founded(t)
	p := profiles(t, h)["server"]
	csr := csrBy(t, "a.lab.example", p256...)
	one, two := s.issued(h, wish(1, csr, p)), s.issued(h, wish(2, csr, p))
	three := s.issued(h, wish(3, csr, p))
	for _, c := range []ca.Answer{one, three} {
		if a := s.revoke(h, c, 1, ca.CertificateHold); a.Problem != nil {
			t.Fatal(a.Problem)
		}
	}
	if a := s.revoke(h, three, 2, ca.RemoveFromCRL); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	id := func(a ca.Answer) ca.ID { return ca.NewID(h.LogNo, a.Index) }
	got, err := s.Revoke(h.Number, []ca.Revoking{
		{ID: id(one), Step: 2, Reason: ca.RemoveFromCRL, By: "uid:1"}, {ID: id(two), Step: 1, Reason: ca.KeyCompromise, By: "uid:1"},
	})
	if err != nil || got[1].Problem != nil {
		t.Fatal(err, got)
	}
	wantProblem(t, got[0].Problem, ca.E2111, "a hold taken back beside the key's compromise")
	wantProblem(t, s.revoke(h, one, 2, ca.RemoveFromCRL).Problem, ca.E2111, "a hold taken back after it")
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	wantProblem(t, s.revoke(h, one, 2, ca.RemoveFromCRL).Problem, ca.E2111, "after a restart")
	if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != 2 {
		t.Errorf("the list has %+v", l.RevokedCertificateEntries)
	}
	if a := s.revoke(h, three, 2, ca.RemoveFromCRL); a.Problem != nil {
		t.Errorf("what was answered before the compromise, asked again: %v", a.Problem)
	}
	if a := s.revoke(h, one, 2, ca.KeyCompromise); a.Problem != nil {
		t.Error(a.Problem)
	}
}

// RV-01: the signer itself holds a certificate only where the policy in force says so; what
// was held before is released whatever it says.
func TestRV01_TheSignerHoldsOnlyWhatMayBeHeld(t *testing.T) {
	s, _, h := founded(t)
	held := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	free := s.issued(h, wish(2, csrBy(t, "b.lab.example", p256...), profiles(t, h)["server"]))
	if a := s.revoke(h, held, 1, ca.CertificateHold); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	b, _ := s.risen()
	for i := range b.Profiles {
		b.Profiles[i].Document = strings.Replace(b.Profiles[i].Document, "hold = true\n", "", 1)
	}
	next, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
		t.Fatal(err)
	}
	h = s.hello(0)
	if a := s.revoke(h, free, 1, ca.CertificateHold); a.Problem == nil || a.Problem.Code != ca.E2111 {
		t.Errorf("it is held: %+v", a)
	}
	if a := s.revoke(h, held, 1, ca.CertificateHold); a.Problem != nil {
		t.Errorf("the same step again: %v", a.Problem)
	}
	if a := s.revoke(h, held, 2, ca.RemoveFromCRL); a.Problem != nil {
		t.Errorf("what was held is not released: %v", a.Problem)
	}
	if a := s.revoke(h, free, 1, ca.Superseded); a.Problem != nil {
		t.Errorf("for another reason: %v", a.Problem)
	}
}
