// SPDX-License-Identifier: Apache-2.0

// Package hierarchy makes a root, an issuing authority, a draft and answers of OCSP of every
// key type, for the tests of those who write them and of those who check them. No program
// imports it. It knows no signer; package lab has one. Start at Issuing.
package hierarchy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
)

// KeyTypes are all types an authority or a subject may have; RSA in its
// smallest size, for speed.
func KeyTypes() []string {
	return []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"}
}

// Noon is the moment that all validities are counted from.
func Noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Keys gives a key per type, the same for the whole run: making RSA keys is slow.
func Keys() map[string]crypto.Signer { return made() }

var made = sync.OnceValue(func() map[string]crypto.Signer {
	m := make(map[string]crypto.Signer)
	for name, curve := range map[string]elliptic.Curve{
		"ecdsa-p256": elliptic.P256(), "ecdsa-p384": elliptic.P384(), "ecdsa-p521": elliptic.P521(),
	} {
		m[name], _ = ecdsa.GenerateKey(curve, rand.Reader)
	}
	_, m["ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	m["rsa-2048"], _ = rsa.GenerateKey(rand.Reader, 2048)
	return m
})

// SPKI is the SubjectPublicKeyInfo of a key type's key, in DER.
func SPKI(t testing.TB, keyType string) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(Keys()[keyType].Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Sign signs as the signer would, by an algorithm's name (ca.Authority.Algorithm),
// and assembles the certificate.
func Sign(t testing.TB, tbs []byte, algorithm string) []byte {
	t.Helper()
	keyType, _, _ := strings.Cut(algorithm, "+")
	_, hash, err := encode.SignatureAlgorithm(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := crypto.SignMessage(Keys()[keyType], rand.Reader, tbs, hash)
	if err != nil {
		t.Fatal(err)
	}
	der, err := encode.Certificate(tbs, sig)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// RootDraft is a root of the key type that signs itself.
func RootDraft(t testing.TB, keyType string) ca.AuthorityDraft {
	return ca.AuthorityDraft{
		Serial:    "4100010102030405060708090a0b0c0d0e0f10",
		Subject:   ca.Subject{{OID: ca.OIDOrganization, Value: "Büro"}, {OID: ca.OIDCommonName, Value: "Lab Root G1"}},
		SPKI:      SPKI(t, keyType),
		NotBefore: Noon().AddDate(-1, 0, 0), NotAfter: Noon().AddDate(20, 0, 0),
		PathLen: -1,
	}
}

// Authority is what a founding would keep of a signed draft.
func Authority(t testing.TB, name, keyType string, d ca.AuthorityDraft) ca.Authority {
	t.Helper()
	subject, err := encode.SubjectDER(d.Subject)
	if err != nil {
		t.Fatal(err)
	}
	id, err := encode.KeyID(d.SPKI)
	if err != nil {
		t.Fatal(err)
	}
	tbs, err := encode.Authority(d)
	if err != nil {
		t.Fatal(err)
	}
	signer, kind, parent := ca.Authority{KeyType: keyType, Hash: d.Hash}.Algorithm(), ca.Root, name
	if d.Issuer != nil {
		signer, kind, parent = d.Issuer.Algorithm(), ca.Issuing, d.Issuer.Name
		if d.PathLen != 0 {
			kind = ca.Intermediate
		}
	}
	return ca.Authority{
		Name: name, Line: "issuing", Kind: kind, State: ca.Active, Parent: parent,
		Key: sha256.Sum256(d.SPKI), KeyType: keyType, Certificate: Sign(t, tbs, signer),
		Subject: subject, SPKI: d.SPKI, SKI: id, Use: d.Use, NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		CRL: "http://pki.example:8080/pki/" + name + ".crl", Issuer: "http://pki.example:8080/pki/" + name + ".crt",
		OCSP: "http://pki.example:8080/ocsp/" + name, Shards: 1,
		Hash: d.Hash, AKI: d.AKI,
	}
}

// Issuing is an issuing authority of the key type below a root of the same type.
func Issuing(t testing.TB, keyType string) (root, a ca.Authority) {
	root = Authority(t, "root-g1", keyType, RootDraft(t, keyType))
	return root, Authority(t, "issuing-g1", keyType, ca.AuthorityDraft{
		Serial:    "41000101020304050607080900aabbccddeeff",
		Subject:   ca.Subject{{OID: ca.OIDCommonName, Value: "Lab Issuing G1"}},
		SPKI:      SPKI(t, keyType),
		NotBefore: Noon().AddDate(0, -1, 0), NotAfter: Noon().AddDate(5, 0, 0),
		PathLen: 0, Use: []string{"server", "client", "email", "ocsp"}, Issuer: &root,
	})
}

// Draft is an end-entity draft with every type of name.
func Draft(t testing.TB, keyType string) ca.Draft {
	key := SPKI(t, keyType)
	return ca.Draft{
		Subject: ca.Subject{{OID: ca.OIDCountry, Value: "DE"}, {OID: ca.OIDOrganization, Value: "Büro"},
			{OID: ca.OIDCommonName, Value: "nas.lab.example"}},
		Names: []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}, {Type: ca.DNS, Value: "*.lab.example"},
			{Type: ca.Email, Value: "hana@lab.example"}, {Type: ca.IP, Value: "10.0.0.7"}, {Type: ca.IP, Value: "fd00::7"},
			{Type: ca.URI, Value: "spiffe://lab.example/nas"}},
		SPKI: key, Key: sha256.Sum256(key), KeyType: keyType,
		NotBefore: Noon(), NotAfter: Noon().AddDate(0, 0, 90).Add(-time.Second),
		Use: []string{"server", "client"}, Authority: "issuing-g1", Profile: "server",
	}
}

// CertID names a certificate of an authority as OCSP does, by the name of a hash.
func CertID(t testing.TB, a ca.Authority, hash string, serial ca.Serial) ca.CertID {
	t.Helper()
	name, err := encode.NameHash(a.Subject, hash)
	if err != nil {
		t.Fatal(err)
	}
	key, err := encode.KeyHash(a.SPKI, hash)
	if err != nil {
		t.Fatal(err)
	}
	return ca.CertID{Hash: hash, NameHash: name, KeyHash: key, Serial: serial}
}

// SignOCSP signs a response by the key of the type, and assembles it.
func SignOCSP(t testing.TB, r encode.OCSPResponse, keyType string, certificates ...[]byte) []byte {
	t.Helper()
	tbs, err := r.TBS()
	if err != nil {
		t.Fatal(err)
	}
	_, hash, err := encode.SignatureAlgorithm(keyType)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := crypto.SignMessage(Keys()[keyType], rand.Reader, tbs, hash)
	if err != nil {
		t.Fatal(err)
	}
	der, err := encode.SignedOCSP(tbs, keyType, sig, certificates...)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
