// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"

	"chancery/ca"

	"software.sslmate.com/src/go-pkcs12"
)

// fuzzWork keeps one input below a tenth of a second.
const fuzzWork = 20_000

// FuzzRead: whatever Read takes can be written as PEM and read back the same, and so can its
// certificates and lists as P7B, its certificates as JKS; all else is a Problem with a code.
func FuzzRead(f *testing.F) {
	w := the()
	for _, key := range []string{"p256", "ed25519"} {
		parsed := must(x509.ParsePKCS8PrivateKey(w.keys[key]))
		leaf, middle := &x509.Certificate{Raw: w.leaves[key]}, []*x509.Certificate{{Raw: w.middle}}
		for _, e := range []*pkcs12.Encoder{pkcs12.Modern2023, pkcs12.Modern2026, pkcs12.LegacyDES, pkcs12.LegacyRC2} {
			file := must(e.WithIterations(1).Encode(parsed, leaf, middle, password))
			f.Add(file)
			f.Add(inParts(file))
		}
		f.Add(must(PEM(w.whole(key), CertificateText)))
		f.Add(must(JKS([]Entry{w.entry(key, "a"), {Certificates: [][]byte{w.root}}}, []byte(password), noon, rand.Reader)))
		f.Add(w.keys[key])
		f.Add(w.leaves[key])
	}
	f.Add(must(pkcs12.Passwordless.EncodeTrustStore([]*x509.Certificate{{Raw: w.root}}, "")))
	f.Add(must(P7B([][]byte{w.root, w.middle}, [][]byte{w.list})))
	f.Add(inParts(must(P7B([][]byte{w.root}, [][]byte{w.list}))))
	f.Add(w.list)
	f.Add(w.request)
	f.Add(written()["p256"].pbkdf2)
	for _, rounds := range []int{1, 1<<31 - 1} {
		for _, file := range hostile(rounds) {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := read(data, given, fuzzWork)
		if err != nil {
			if p, ok := errors.AsType[*ca.Problem](err); !ok || p.Code < ca.E2501 || p.Code > ca.E2506 {
				t.Fatalf("not a problem of files: %v", err)
			}
			return
		}
		text, err := PEM(c, nil)
		if err != nil {
			t.Fatalf("cannot be written as PEM: %v", err)
		}
		again, err := Read(text, nil)
		if err != nil {
			t.Fatalf("cannot be read back: %v", err)
		}
		sameContents(t, again, c)
		if len(c.Certificates)+len(c.Lists) > 0 {
			p7, err := Read(must(P7B(DERs(c.Certificates), DERs(c.Lists))), nil)
			if err != nil {
				t.Fatalf("cannot be read back from P7B: %v", err)
			}
			sameContents(t, p7, Contents{Certificates: c.Certificates, Lists: c.Lists})
		}
		if len(c.Certificates) > 0 {
			store, err := Read(must(JKS(Trusted(Items(DERs(c.Certificates)...)), []byte(password), noon, rand.Reader)), given)
			if err != nil {
				t.Fatalf("cannot be read back from JKS: %v", err)
			}
			sameContents(t, store, Contents{Certificates: c.Certificates})
		}
	})
}

// FuzzDER: what is made DER of stays as it is, and so does a certificate, whose signature
// is over these very octets.
func FuzzDER(f *testing.F) {
	w := the()
	for _, der := range [][]byte{w.root, w.list, w.request, w.keys["rsa"], written()["p256"].legacy} {
		f.Add(der)
		f.Add(inParts(der))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		der, err := toDER(data)
		if _, bad := x509.ParseCertificate(data); bad == nil && (err != nil || !bytes.Equal(der, data)) {
			t.Fatalf("a certificate was changed: %v", err)
		}
		if err != nil {
			return
		}
		if again, err := toDER(der); err != nil || !bytes.Equal(again, der) {
			t.Fatalf("not the same a second time: %v", err)
		}
	})
}
