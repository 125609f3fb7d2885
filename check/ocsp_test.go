// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// goodAnswer has each status, each hash, both forms of its identifier, serial numbers
// with and without an octet for the sign, and a CertID of another issuer.
func goodAnswer(t testing.TB, a ca.Authority, responder []byte) check.OCSPWant {
	t.Helper()
	single := func(hash string, serial ca.Serial) ca.OCSPSingle {
		return ca.OCSPSingle{CertID: certID(t, a, hash, serial), ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 1)}
	}
	list := []ca.OCSPSingle{single("sha1", "410001699999990102030405060708090a0b0c"), single("sha256", "80"),
		single("sha384", "01"), single("sha512", "7f00000000000000000000000000000000000000"), single("sha1", "02")}
	list[0].CertID.Parameters = true
	list[1].Status, list[1].RevokedAt, list[1].Reason = ca.OCSPRevoked, noon.AddDate(0, -1, 0), ca.CertificateHold
	list[2].Status, list[2].RevokedAt = ca.OCSPRevoked, noon.AddDate(30, 0, 0)
	list[3].NextUpdate = noon.AddDate(40, 0, 0)
	list[4].Status, list[4].CertID.NameHash = ca.OCSPUnknown, make([]byte, 20)
	return check.OCSPWant{Issuer: &a, Responder: responder, ProducedAt: noon.Add(time.Second), Singles: list, Nonce: bytes.Repeat([]byte{0xa5}, 32)}
}

func answerTBS(t testing.TB, w check.OCSPWant) []byte {
	t.Helper()
	hash, err := encode.KeyHash(w.Responder, "sha1")
	if err != nil {
		t.Fatal(err)
	}
	tbs, err := encode.OCSPResponse{KeyHash: hash, ProducedAt: w.ProducedAt, Singles: w.Singles, Nonce: w.Nonce}.TBS()
	if err != nil {
		t.Fatal(err)
	}
	return tbs
}

// answers are responses of each shape: by the authority's own key and by another's, with
// and without a nonce, for one certificate and for several.
func answers(t testing.TB) []specimen {
	t.Helper()
	_, a := issuing(t, "ecdsa-p256")
	all := goodAnswer(t, a, spki(t, "ecdsa-p384"))
	one := all
	one.Singles, one.Nonce, one.Responder = all.Singles[:1], nil, a.SPKI
	short := one
	short.Singles, short.Nonce = all.Singles[2:3], []byte{7}
	var list []specimen
	for name, w := range map[string]check.OCSPWant{"answers": all, "one answer": one, "a revoked one": short} {
		s := specimen{name, answerTBS(t, w), func(b []byte) error { return check.OCSP(b, w) }}
		if err := s.check(s.tbs); err != nil {
			t.Fatalf("%s is refused unchanged: %v", name, err)
		}
		list = append(list, s)
	}
	return list
}

// The encoder is told one thing and the checker another: each field is refused.
func TestSG11AnAnswerThatDiffersIsRefused(t *testing.T) {
	_, a := issuing(t, "ed25519")
	_, other := issuing(t, "ecdsa-p256")
	good := goodAnswer(t, a, spki(t, "rsa-2048"))
	tbs := answerTBS(t, good)
	one := func(i int, change func(*ca.OCSPSingle)) func(*check.OCSPWant) {
		return func(w *check.OCSPWant) { change(&w.Singles[i]) }
	}
	for name, change := range map[string]func(*check.OCSPWant){
		"another responder":           func(w *check.OCSPWant) { w.Responder = a.SPKI },
		"another issuer":              func(w *check.OCSPWant) { w.Issuer = &other },
		"no issuer":                   func(w *check.OCSPWant) { w.Issuer = nil },
		"another moment":              func(w *check.OCSPWant) { w.ProducedAt = noon },
		"one answer less":             func(w *check.OCSPWant) { w.Singles = w.Singles[:4] },
		"one answer more":             func(w *check.OCSPWant) { w.Singles = append(w.Singles, w.Singles[0]) },
		"none":                        func(w *check.OCSPWant) { w.Singles = nil },
		"another nonce":               func(w *check.OCSPWant) { w.Nonce = []byte{1} },
		"no nonce":                    func(w *check.OCSPWant) { w.Nonce = nil },
		"another order":               func(w *check.OCSPWant) { w.Singles[0], w.Singles[1] = w.Singles[1], w.Singles[0] },
		"good and is not":             one(1, func(s *ca.OCSPSingle) { s.Status, s.RevokedAt, s.Reason = ca.OCSPGood, time.Time{}, 0 }),
		"revoked and is not":          one(0, func(s *ca.OCSPSingle) { s.Status, s.RevokedAt = ca.OCSPRevoked, noon }),
		"unknown and is not":          one(0, func(s *ca.OCSPSingle) { s.Status = ca.OCSPUnknown }),
		"no status":                   one(0, func(s *ca.OCSPSingle) { s.Status = 3 }),
		"another reason":              one(1, func(s *ca.OCSPSingle) { s.Reason = ca.KeyCompromise }),
		"no reason":                   one(1, func(s *ca.OCSPSingle) { s.Reason = ca.Unspecified }),
		"a reason":                    one(2, func(s *ca.OCSPSingle) { s.Reason = ca.Superseded }),
		"a reason that revokes not":   one(1, func(s *ca.OCSPSingle) { s.Reason = ca.RemoveFromCRL }),
		"another time of it":          one(1, func(s *ca.OCSPSingle) { s.RevokedAt = noon }),
		"good, with a reason":         one(0, func(s *ca.OCSPSingle) { s.Reason = ca.Superseded }),
		"this update":                 one(0, func(s *ca.OCSPSingle) { s.ThisUpdate = noon.Add(time.Second) }),
		"next update":                 one(0, func(s *ca.OCSPSingle) { s.NextUpdate = noon.Add(time.Hour) }),
		"another serial":              one(0, func(s *ca.OCSPSingle) { s.CertID.Serial = "03" }),
		"no serial":                   one(0, func(s *ca.OCSPSingle) { s.CertID.Serial = "" }),
		"another hash":                one(0, func(s *ca.OCSPSingle) { s.CertID.Hash = "sha256" }),
		"no hash":                     one(0, func(s *ca.OCSPSingle) { s.CertID.Hash = "md5" }),
		"no parameters":               one(0, func(s *ca.OCSPSingle) { s.CertID.Parameters = false }),
		"parameters":                  one(1, func(s *ca.OCSPSingle) { s.CertID.Parameters = true }),
		"another key":                 one(0, func(s *ca.OCSPSingle) { s.CertID.KeyHash = make([]byte, 20) }),
		"another name":                one(0, func(s *ca.OCSPSingle) { s.CertID.NameHash = make([]byte, 20) }),
		"a digest of another length":  one(0, func(s *ca.OCSPSingle) { s.CertID.KeyHash = s.CertID.KeyHash[:19] }),
		"a certificate more, by half": func(w *check.OCSPWant) { w.Singles = slices.Insert(w.Singles, 2, w.Singles[4]) },
	} {
		w := good
		w.Singles = slices.Clone(good.Singles)
		change(&w)
		if check.OCSP(tbs, w) == nil {
			t.Errorf("%s passes", name)
		}
	}
	// What names another issuer may be unknown, and nothing else.
	foreign := good
	foreign.Singles = slices.Clone(good.Singles)
	foreign.Singles[4].Status = ca.OCSPGood
	if check.OCSP(answerTBS(t, foreign), foreign) == nil {
		t.Error("a certificate of another issuer is good")
	}
}

// SG-02: what a responder's certificate can be given wrong is refused.
func TestAResponderThatDiffersIsRefused(t *testing.T) {
	root, a := issuing(t, "ecdsa-p384")
	good := responderDraft(t, a)
	tbs, err := encode.Responder(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := check.Responder(tbs, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ca.ResponderDraft){
		"another issuer":  func(d *ca.ResponderDraft) { d.Issuer = &root },
		"no issuer":       func(d *ca.ResponderDraft) { d.Issuer = nil },
		"another serial":  func(d *ca.ResponderDraft) { d.Serial = "02" },
		"another subject": func(d *ca.ResponderDraft) { d.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "X"}} },
		"no subject":      func(d *ca.ResponderDraft) { d.Subject = nil },
		"another key":     func(d *ca.ResponderDraft) { d.SPKI = spki(t, "ed25519") },
		"another begin":   func(d *ca.ResponderDraft) { d.NotBefore = noon.Add(time.Second) },
		"another end":     func(d *ca.ResponderDraft) { d.NotAfter = noon },
	} {
		d := good
		change(&d)
		if check.Responder(tbs, d) == nil {
			t.Errorf("%s passes", name)
		}
	}
	for name, change := range map[string]func(*ca.ResponderDraft){
		"a life longer than its issuer's": func(d *ca.ResponderDraft) { d.NotAfter = a.NotAfter.Add(time.Second) },
		"a life before its issuer's":      func(d *ca.ResponderDraft) { d.NotBefore = a.NotBefore.Add(-time.Second) },
		"the issuer's own key":            func(d *ca.ResponderDraft) { d.SPKI = a.SPKI },
	} {
		d := good
		change(&d)
		tbs, err := encode.Responder(d)
		if err != nil {
			t.Fatal(err)
		}
		if check.Responder(tbs, d) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// responderDraft answers for an authority with a key of another type than its own.
func responderDraft(t testing.TB, a ca.Authority) ca.ResponderDraft {
	t.Helper()
	key := "ecdsa-p256"
	if a.KeyType == key {
		key = "ed25519"
	}
	return ca.ResponderDraft{Issuer: &a, Serial: "410001699999990102030405060708090a0b0c",
		Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "Lab Issuing G1 OCSP"}}, SPKI: spki(t, key),
		NotBefore: noon, NotAfter: noon.AddDate(0, 0, 30)}
}
