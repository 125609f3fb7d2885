// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// FuzzCSR holds the laws of reading: what is accepted is exactly its parts put
// together again, the key's digest is that of the octets crypto/x509 found, names
// are canonical and bounded, and PEM around it changes nothing.
func FuzzCSR(f *testing.F) {
	key := newKeyP256(f)
	f.Add(wish{key: key}.der(f))
	f.Add(wish{key: key, attributes: join(attribute(oidChallenge, element(asn1.UTF8String, []byte("x"))), extensions(
		san(dns("nas.lab.example"), general(1, "a@b.example"), general(6, "https://a.example/"), general(7, "\x0a\x00\x00\x01")),
		extension(oidBasic, []byte{0x30, 0}), extension(oidKeyUsage, []byte{3, 2, 7, 128})))}.der(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		if der, err := Decode(data); err == nil {
			again, err := Decode(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
			if len(der) <= ca.MaxCSR && (err != nil || !bytes.Equal(again, der)) {
				t.Errorf("PEM changes the request: %v", err)
			}
		} else {
			code(t, err)
		}
		p, err := Parse(data)
		if err != nil {
			code(t, err)
			return
		}
		reencoded(t, p)
		if p.Whole != nil {
			kept, err := Parse(p.Raw)
			if err != nil || kept.Challenge != nil || !bytes.Equal(kept.Raw, p.Raw) || kept.Key != p.Key || !slices.Equal(kept.Names, p.Names) || !slices.Equal(kept.Subject, p.Subject) {
				t.Errorf("what is kept of it is another request: %v", err)
			}
		}
		if p.Key != sha256.Sum256(p.request.RawSubjectPublicKeyInfo) || !bytes.Equal(p.SPKI, p.request.RawSubjectPublicKeyInfo) || !bytes.Equal(whole(p), data) {
			t.Error("the key is not the one crypto/x509 found")
		}
		if len(p.Names) > MaxNames || len(p.Names) > len(p.request.DNSNames)+len(p.request.EmailAddresses)+len(p.request.IPAddresses)+len(p.request.URIs) {
			t.Error("there are names crypto/x509 did not find")
		}
		for _, n := range p.Names {
			if again, err := ca.NewName(n.Type, n.Value); err != nil || again != n {
				t.Errorf("%v is not canonical", n)
			}
		}
		for _, a := range p.Subject {
			if !ca.PlainText(a.Value) || a.Value == "" {
				t.Errorf("%q is not plain", a.Value)
			}
		}
	})
}

// whole is a request as it came.
func whole(p Parsed) []byte {
	if p.Whole != nil {
		return p.Whole
	}
	return p.Raw
}

// reencoded builds the request anew from what was parsed.
func reencoded(t *testing.T, p Parsed) {
	t.Helper()
	parts, _ := split(whole(p))
	info := build(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(p.request.RawSubject)
		b.AddBytes(p.SPKI)
		if len(parts.attributes) > 0 || bytes.Contains(p.request.RawTBSCertificateRequest, []byte{0xa0, 0}) {
			b.AddBytes(element(asn1.Tag(0).ContextSpecific().Constructed(), parts.attributes))
		}
	})
	if !bytes.Equal(info, p.request.RawTBSCertificateRequest) {
		t.Error("the signed part re-encodes differently")
	}
	spki, err := x509.MarshalPKIXPublicKey(p.request.PublicKey)
	if err != nil || !bytes.Equal(spki, p.SPKI) {
		t.Errorf("the key re-encodes differently: %v", err)
	}
}

func benchmarkRequests(b *testing.B) map[string][]byte {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	r, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"nas.lab.example"}}, k)
	if err != nil {
		b.Fatal(err)
	}
	return map[string][]byte{"p256": wish{attributes: extensions(san(dns("nas.lab.example"), dns("b.lab.example")))}.der(b), "rsa2048": r}
}

func BenchmarkParse(b *testing.B) {
	for name, der := range benchmarkRequests(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(der); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, der := range benchmarkRequests(b) {
		p, err := Parse(der)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Check(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A flood of names is turned away for less than an honest request costs.
func BenchmarkTenThousandNames(b *testing.B) {
	var names []byte
	for range 10_000 {
		names = append(names, dns("abc")...)
	}
	der := wish{attributes: extensions(san(names))}.der(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(der); code(b, err) != ca.E2109 {
			b.Fatal(err)
		}
	}
}
