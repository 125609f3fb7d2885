// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
)

// rooted is a generation with a certificate of its own key.
func rooted(t *testing.T, name string) ca.Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Authority{
		Name: name, Line: "root", Kind: ca.Root, State: ca.Active, Parent: name, Certificate: der, Version: 1,
		SPKI: c.RawSubjectPublicKeyInfo, Key: sha256.Sum256(c.RawSubjectPublicKeyInfo), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}

// RO-02: a row whose parts are not of one key, one name and one certificate has a
// fault, and hides no other.
func TestARowThatContradictsItselfIsToldFromOneThatDoesNot(t *testing.T) {
	s := openBook(t, filepath.Join(t.TempDir(), "book.db"))
	mine, theirs := rooted(t, "root-g1"), rooted(t, "root-g1")
	other := rooted(t, "other-g1")
	commit(t, s, 1, ca.Change{Authority: &mine, Event: ca.Event{ID: ca.NewID(1, 0), Kind: "authority", At: testNow}})
	commit(t, s, 2, ca.Change{Authority: &other, Event: ca.Event{ID: ca.NewID(1, 1), Kind: "authority", At: testNow}})
	for name, forge := range map[string]func(*ca.Authority){
		"another certificate":         func(a *ca.Authority) { a.Certificate = theirs.Certificate },
		"another earlier certificate": func(a *ca.Authority) { a.Earlier = [][]byte{theirs.Certificate} },
		"another cross-certificate": func(a *ca.Authority) {
			a.Cross = []ca.CrossCertificate{{By: "other-g1", Certificate: theirs.Certificate}}
		},
		"another key":                   func(a *ca.Authority) { a.SPKI = theirs.SPKI },
		"another key that it names":     func(a *ca.Authority) { a.SPKI, a.Key, a.Certificate = theirs.SPKI, theirs.Key, theirs.Certificate },
		"another name":                  func(a *ca.Authority) { a.Name = "other-g1" },
		"what is no certificate":        func(a *ca.Authority) { a.Certificate = []byte("none") },
		"":                              func(a *ca.Authority) {},
		"another state, with no forger": func(a *ca.Authority) { a.State = ca.Retired },
	} {
		a := mine
		forge(&a)
		document, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.writer.ExecContext(t.Context(), "UPDATE authority SET document = $1 WHERE name = 'root-g1'", string(document)); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Authorities(t.Context())
		if err != nil || len(rows) != 2 || rows[0].Name != "root-g1" || rows[0].Key != mine.Key || rows[1].Fault != nil || !rows[1].Same(other) {
			t.Fatalf("%s: %+v, %v", name, rows, err)
		}
		// A state that agrees with everything else is for the log to contradict.
		if sound := name == "" || a.State == ca.Retired; (rows[0].Fault == nil) != sound {
			t.Errorf("%s: the fault is %v", name, rows[0].Fault)
		}
	}
}
