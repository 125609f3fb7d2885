// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// PF-07: a key that no certificate gets is none to sign certificates with.
func TestPF07_AWeakOrBurntKeyMakesNoAuthority(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	e.openssl("genrsa", "-3", "-out", "sub.key", "2048")
	e.openssl("req", "-new", "-key", "sub.key", "-subj", "/O=E/CN=sub", "-out", "sub.csr")
	q := c.importing("issuing-g2", ca.Issuing, e.signs("sub", "root", 2000, issuingExtensions), root)
	q.Key = e.key("sub")
	c.untouched("RSA with exponent 3", ca.E2204, func() error { _, err := c.Import(q); return err })

	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"a.lab.example"}}, k)
	if err != nil {
		t.Fatal(err)
	}
	h := c.hello(0)
	leaf := c.issued(h, wish(1, request, profiles(t, h)["server"]))
	if a, err := c.Revoke(h.Number, []ca.Revoking{{ID: ca.NewID(h.LogNo, leaf.Index), Step: 1, Reason: ca.KeyCompromise, By: "x"}}); err != nil || a[0].Problem != nil {
		t.Fatalf("revoke: %v %v", a, err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Bad"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: make([]byte, 20),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	q = c.importing("bad-g1", ca.Root, der)
	if q.Key, err = x509.MarshalPKCS8PrivateKey(k); err != nil {
		t.Fatal(err)
	}
	c.untouched("a key revoked as compromised", ca.E2204, func() error { _, err := c.Import(q); return err })
	r := signer.Resigning{Import: q, Parent: "root-g1", ParentWords: c.words, Days: 100}
	r.Kind, r.Use = ca.Issuing, []string{"server"}
	c.untouched("a key revoked as compromised, certified anew", ca.E2204, func() error { _, err := c.Resign(r); return err })
}

// SG-03: the words that seal a key are those of the installation, or said to be others;
// those of a second try must open what the first one sealed.
func TestSG03_WordsThatSealAKeyAreProvenOrSaidToBeNew(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	other := otherWords(t)
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	q := c.importing("old-g1", ca.Root, root)
	q.Key, q.Words = e.key("root"), other
	c.untouched("an import with other words", ca.E3002, func() error { _, err := c.Import(q); return err })
	ask := signer.KeyRequest{Name: "pol-g1", Kind: ca.Intermediate, Subject: named("pol-g1"), KeyType: "ecdsa-p256", Words: other}
	c.untouched("a request with other words", ca.E3002, func() error { _, err := c.ExportCSR(ask); return err })
	made := c.creation("next-g1", "", ca.Root)
	made.Words = other
	c.untouched("a root with other words", ca.E3002, func() error { _, err := c.Create(made); return err })

	ask.Words, ask.OwnWords = "", other
	if _, err := c.ExportCSR(ask); err != nil {
		t.Errorf("a request with words of its own: %v", err)
	}
	ask.Words, ask.OwnWords = other, ""
	if _, err := c.ExportCSR(ask); err != nil {
		t.Errorf("a second request: %v", err)
	}

	// The first try dies when the key is sealed.
	dir := c.Dir
	c.stop()
	image := filepath.Join(t.TempDir(), "image")
	duplicate(t, dir, image)
	c.site = start(t, dir)
	q.Words, q.OwnWords = "", other
	c.imports(q)
	c.stop()
	duplicate(t, filepath.Join(dir, "keys", "old-g1.key"), filepath.Join(image, "keys", "old-g1.key"))
	c.site = start(t, image)
	q.Words, q.OwnWords = c.words, ""
	c.untouched("a second try with other words", ca.E3002, func() error { _, err := c.Import(q); return err })
	q.Words = other
	if _, err := c.Import(q); err != nil {
		t.Fatalf("a second try with the same words: %v", err)
	}
	c.inherits(signer.Inheritance{Authority: "old-g1", None: true})
	if _, err := c.ListRoot(signer.RootListing{Authority: "old-g1", Words: other}); err != nil {
		t.Errorf("these words do not open it: %v", err)
	}
}

// A key that waits for its certificate keeps its name: no authority above another one
// takes it, whose import it would block.
func TestSG03_TheNameOfAKeyThatWaitsIsNobodyElses(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	if _, err := c.ExportCSR(signer.KeyRequest{Name: "next-g1", Kind: ca.Issuing, Subject: named("next"), KeyType: "ecdsa-p256"}); err != nil {
		t.Fatal(err)
	}
	q := c.importing("issuing-g2", ca.Issuing, e.makes("sub", "root", "ec", 2000, issuingExtensions), root)
	q.Key, q.Above = e.key("sub"), []string{"next-g1"}
	c.untouched("its name for a root elsewhere", ca.E2602, func() error { _, err := c.Import(q); return err })
	q.Above = []string{"corp"}
	c.imports(q)
}

// SG-03, R144: a key from elsewhere that is certified anew by words of the parent alone is
// sealed by them; what died between key and certificate is repeated by the same call.
func TestSG03_ACertificationAnewThatDiedIsRepeated(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	e.makes("root", "", "ec", 4000, rootExtensions)
	sub := e.makes("sub", "root", "ec", 2000, "subjectKeyIdentifier=hash\n")
	q := signer.Resigning{Import: c.importing("mid-g1", ca.Intermediate, sub), Parent: "root-g1", ParentWords: c.words, Days: 500}
	q.Words, q.Key = "", e.key("sub")
	sealed := q.Import
	sealed.OwnWords, sealed.Key = c.words, e.key("sub")
	if err := c.Bring(sealed); err != nil {
		t.Fatal(err)
	}
	c.restarts()
	other := q
	other.ParentWords, other.Key = otherWords(t), e.key("sub")
	c.untouched("other words", ca.E3002, func() error { _, err := c.Resign(other); return err })
	made, err := c.Resign(q)
	if err != nil {
		t.Fatalf("the same call again: %v", err)
	}
	c.takes(made)
	c.inherits(signer.Inheritance{Authority: "mid-g1", None: true})
	if _, err := c.ListRoot(signer.RootListing{Authority: "mid-g1", Words: c.words}); err != nil {
		t.Errorf("the parent's words do not open it: %v", err)
	}
}
