// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"chancery/encode"
)

// BenchmarkTBS is the encoder alone.
func BenchmarkTBS(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		b.Fatal(err)
	}
	d := draft(b, "ecdsa-p256")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := issuer.TBS(d, leafSerial); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreateCertificate is the library with its signature and self-check,
// BenchmarkSign our encoder with a signature and its verification: the same work.
func BenchmarkCreateCertificate(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	leaf, parent, key := template(draft(b, "ecdsa-p256"), a), parse(b, a.Certificate), keys()["ecdsa-p256"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		b.Fatal(err)
	}
	d, key := draft(b, "ecdsa-p256"), keys()["ecdsa-p256"].(*ecdsa.PrivateKey)
	b.ReportAllocs()
	for b.Loop() {
		tbs, err := issuer.TBS(d, leafSerial)
		if err != nil {
			b.Fatal(err)
		}
		hash := sha256.Sum256(tbs)
		sig, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, hash[:], sig) {
			b.Fatal("the signature is wrong", err)
		}
		if _, err := encode.Certificate(tbs, sig); err != nil {
			b.Fatal(err)
		}
	}
}
