// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// A holder has a key, and certificates of it.
type holder struct {
	key  ed25519.PrivateKey
	spki []byte
	csr  []byte
}

func newHolder(t *testing.T, name string) holder {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err1 := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, key)
	spki, err2 := x509.MarshalPKIXPublicKey(key.Public())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return holder{key, spki, csr}
}

// step is one that the holder's statement about a certificate is for.
func (o holder) step(t *testing.T, h ca.Session, of ca.Answer, why ca.Reason) ca.Revoking {
	t.Helper()
	return o.stepUntil(t, h, of, why, time.Now().Add(time.Hour))
}

func (o holder) stepUntil(t *testing.T, h ca.Session, of ca.Answer, why ca.Reason, until time.Time) ca.Revoking {
	t.Helper()
	l, err := audit.ParseLeaf(of.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	name := ca.Certificate{Authority: "issuing-g1", Serial: l.Serial}.PublicName()
	p := ca.KeyProof{Statement: ca.Statement{Certificate: name, Reason: why, Until: until.Truncate(time.Second)}.String(), Algorithm: "ed25519", SPKI: o.spki}
	if p.Signature, err = o.key.Sign(rand.Reader, []byte(p.Statement), crypto.Hash(0)); err != nil {
		t.Fatal(err)
	}
	e := ca.Evidence{Of: ca.NewID(h.LogNo, of.Index), Key: &p}
	return ca.Revoking{ID: e.Of, Step: 1, Reason: why, By: e.By(name), Evidence: &e}
}

// R95, RV-01, RV-03, PR-03: the signer judges the proof of a key's holder by its own log
// alone, and the log keeps it. A front that was taken over can neither make one nor say that
// there was one.
func TestRV01_TheSignerJudgesWhatAnOwnerBrings(t *testing.T) {
	s, _, h := founded(t)
	server := profiles(t, h)["server"]
	mine, other := newHolder(t, "a.lab.example"), newHolder(t, "b.lab.example")
	a, again := s.one(h, wish(1, mine.csr, server)), s.one(h, wish(2, mine.csr, server))
	b := s.one(h, wish(3, other.csr, server))
	takes := func(w ca.Revoking) *ca.Problem {
		t.Helper()
		got, err := s.Revoke(h.Number, []ca.Revoking{w})
		if err != nil || len(got) != 1 {
			t.Fatalf("revoke: %v, %v", got, err)
		}
		return got[0].Problem
	}
	changed := func(change func(*ca.Revoking)) ca.Revoking {
		w := mine.step(t, h, a, ca.Superseded)
		change(&w)
		return w
	}
	idOf := func(x ca.Answer) ca.ID { return ca.NewID(h.LogNo, x.Index) }
	for name, w := range map[string]ca.Revoking{
		"a claim without evidence":      changed(func(w *ca.Revoking) { w.Evidence = nil }),
		"evidence of nothing":           changed(func(w *ca.Revoking) { w.Evidence.Key = nil }),
		"another certificate of it":     changed(func(w *ca.Revoking) { w.ID = idOf(again) }),
		"somebody else's certificate":   changed(func(w *ca.Revoking) { w.ID = idOf(b) }),
		"called his":                    changed(func(w *ca.Revoking) { w.ID, w.Evidence.Of = idOf(b), idOf(b) }),
		"his key in its place":          changed(func(w *ca.Revoking) { w.Evidence.Key.SPKI = other.spki }),
		"a signature that was cut":      changed(func(w *ca.Revoking) { w.Evidence.Key.Signature = w.Evidence.Key.Signature[:63] }),
		"a reason that was raised":      changed(func(w *ca.Revoking) { w.Reason = ca.KeyCompromise }),
		"a hold in place of the end":    changed(func(w *ca.Revoking) { w.Reason = ca.CertificateHold }),
		"a date that he did not state":  changed(func(w *ca.Revoking) { w.InvalidSince = time.Unix(1_500_000_000, 0).UTC() }),
		"in the name of an account":     changed(func(w *ca.Revoking) { w.By = "uid:1000" }),
		"another's statement about his": func() ca.Revoking { w := other.step(t, h, a, ca.Superseded); return w }(),
	} {
		wantProblem(t, takes(w), ca.E1309, name)
	}
	if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != 0 {
		t.Fatalf("after all that the list has %+v", l.RevokedCertificateEntries)
	}
	good := mine.step(t, h, a, ca.Superseded)
	for range 2 { // its answer may have been lost
		if p := takes(good); p != nil {
			t.Fatal(p)
		}
	}
	// Raised by the one who holds it, and all of the key with it; nobody else's.
	burnt := mine.step(t, h, a, ca.KeyCompromise)
	burnt.Step = 2
	twin := mine.step(t, h, a, ca.KeyCompromise)
	twin.ID = idOf(again)
	foreign := twin
	foreign.ID = idOf(b)
	if p := takes(burnt); p != nil {
		t.Error(p)
	}
	if p := takes(twin); p != nil {
		t.Error(p)
	}
	wantProblem(t, takes(foreign), ca.E1309, "somebody else's with the compromised ones")
	if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != 2 {
		t.Errorf("the list has %+v", l.RevokedCertificateEntries)
	}
	var kept []ca.RevokedBody
	for _, r := range s.leaves() {
		if l, err := audit.ParseLeaf(r.Leaf); err == nil && l.Kind == audit.Revoked {
			var body ca.RevokedBody
			if err := json.Unmarshal(r.Body, &body); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, body)
		}
	}
	if len(kept) != 3 || !reflect.DeepEqual(kept[0].Evidence, good.Evidence) || kept[0].By != good.By || kept[2].Evidence.Of != idOf(a) {
		t.Errorf("the log keeps %+v", kept)
	}
}

// RV-01, RV-03: the date that stands goes along with an owner's statement that has none, and no
// other does: a front that was taken over does not say since when in an owner's name.
func TestRV01_TheSignerTakesNoDateThatAnOwnerDidNotState(t *testing.T) {
	s, _, h := founded(t)
	mine := newHolder(t, "a.lab.example")
	a := s.one(h, wish(1, mine.csr, profiles(t, h)["server"]))
	day := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	step := func(w ca.Revoking) *ca.Problem {
		t.Helper()
		got, err := s.Revoke(h.Number, []ca.Revoking{w})
		if err != nil || len(got) != 1 {
			t.Fatalf("revoke: %v, %v", got, err)
		}
		return got[0].Problem
	}
	if p := step(ca.Revoking{ID: ca.NewID(h.LogNo, a.Index), Step: 1, Reason: ca.Superseded, By: "uid:1000", InvalidSince: day}); p != nil {
		t.Fatal(p)
	}
	burnt := mine.step(t, h, a, ca.KeyCompromise)
	burnt.Step = 2
	for _, since := range []time.Time{day.Add(-time.Second), time.Unix(1, 0).UTC()} {
		burnt.InvalidSince = since
		wantProblem(t, step(burnt), ca.E1309, "since "+since.String())
	}
	burnt.InvalidSince = day
	for range 2 { // its answer may have been lost
		if p := step(burnt); p != nil {
			t.Fatal(p)
		}
	}
}

// R95, RV-03: what an owner proved is known after a restart, also that nobody certifies the
// key again; a statement that was kept too long, and one about what has ended, do nothing.
func TestR95_AProofOutlivesARestartAndNotItsCertificate(t *testing.T) {
	s, _, h := founded(t)
	server := profiles(t, h)["server"]
	mine, short := newHolder(t, "a.lab.example"), newHolder(t, "b.lab.example")
	a := s.one(h, wish(1, mine.csr, server))
	q := wish(2, short.csr, server)
	q.NotAfter = time.Now().Add(25 * time.Hour)
	b := s.one(h, q)
	takes := func(w ca.Revoking) *ca.Problem {
		t.Helper()
		got, err := s.Revoke(h.Number, []ca.Revoking{w})
		if err != nil || len(got) != 1 {
			t.Fatalf("revoke: %v, %v", got, err)
		}
		return got[0].Problem
	}
	old, gone := mine.step(t, h, a, ca.KeyCompromise), short.stepUntil(t, h, b, ca.Superseded, time.Now().Add(48*time.Hour))
	if p := takes(old); p != nil {
		t.Fatal(p)
	}
	s.stop()
	next := unopened(s.Dir)
	next.Now = func() time.Time { return time.Now().Add(26 * time.Hour) }
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, next)
	h = s.hello(0)
	wantProblem(t, takes(old), ca.E2111, "a statement that was kept too long")
	wantProblem(t, takes(gone), ca.E2111, "a certificate that has ended")
	again := mine.stepUntil(t, h, a, ca.KeyCompromise, time.Now().Add(48*time.Hour))
	if p := takes(again); p != nil {
		t.Errorf("what it proved before: %v", p)
	}
	wantProblem(t, s.one(h, wish(3, mine.csr, server)).Problem, ca.E2204, "the key once more")
}
