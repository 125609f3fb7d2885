// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/softkey"
)

// The front checks a request's signature and key only where a person looks at it
// first. One that sends on whatever it gets is refused here, on the log, and no
// intent is left.
func TestSG09_TheSignerChecksPossessionAndKeysItself(t *testing.T) {
	s := start(t, t.TempDir())
	f := founding(t)
	made, err := s.Found(f, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	server := profiles(t, h)["server"]
	rsa := csrBy(t, "a.lab.example", "-newkey", "rsa:2048")
	p384 := csrBy(t, "a.lab.example", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384")
	ed25519 := csrBy(t, "a.lab.example", "-newkey", "ed25519")
	one, other := csrBy(t, "a.lab.example", p256...), csrBy(t, "b.lab.example", p256...)
	issuing := s.wrapped(&key{})
	keys, err := softkey.Open(filepath.Join(s.Dir, "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	words, err := softkey.ParseWords(f.Words)
	if err != nil {
		t.Fatal(err)
	}
	root, err := keys.Root("root-g1", words, softkey.Log{ID: made.Log, Size: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	held := func(k crypto.Signer) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "a.lab.example"}, DNSNames: []string{"a.lab.example"},
		}, k)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for n, tt := range []struct {
		name string
		csr  []byte
		code ca.Code
	}{
		{"RSA, a bit of the signature turned", turned(rsa, len(rsa)-100), ca.E2203},
		{"P-384, a bit of the signature turned", turned(p384, len(p384)-1), ca.E2203},
		{"Ed25519, a bit of the signature turned", turned(ed25519, len(ed25519)-1), ca.E2203},
		{"the name turned under the signature", bytes.ReplaceAll(one, []byte("a.lab.example"), []byte("c.lab.example")), ca.E2203},
		{"another's key under one's own signature", withKeyOf(t, one, other), ca.E2203},
		{"RSA of 1024 bits", csrBy(t, "a.lab.example", "-newkey", "rsa:1024"), ca.E2204},
		{"RSA with exponent 3", csrBy(t, "a.lab.example", "-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"), ca.E2204},
		{"a curve nobody asked for", csrBy(t, "a.lab.example", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"), ca.E2204},
		{"explicit curve parameters", csrBy(t, "a.lab.example", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"), ca.E2204},
		{"the key of the authority, by its holder", held(issuing.Signer), ca.E2204},
		{"the key of the root, by its holder", held(root), ca.E2204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := wish(n, tt.csr, server)
			a := s.one(h, r)
			if a.Problem == nil || a.Problem.Code != tt.code || a.DER != nil {
				t.Fatalf("want %s, got %+v", tt.code, a.Problem)
			}
			all := s.leaves()
			l, err := audit.ParseLeaf(all[len(all)-1].Leaf)
			if err != nil {
				t.Fatal(err)
			}
			var body ca.RefusalBody
			if err := json.Unmarshal(all[len(all)-1].Body, &body); err != nil || l.Kind != audit.Refusal || body.Request.ID != r.ID || body.Problem.Code != tt.code {
				t.Errorf("the log ends with %s %+v: %v", l.Kind, body, err)
			}
		})
	}
	if n, uses := s.count(audit.Intent), issuing.uses.Load(); n != 2 || uses != 0 {
		t.Errorf("%d intents, want 2; the key was used %d times", n, uses)
	}
	s.issued(h, wish(100, one, server)) // the honest one is not refused
}

// turned is b with a bit of octet i turned.
func turned(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// withKeyOf is a request with the public key of another of the same kind.
func withKeyOf(t *testing.T, csr, other []byte) []byte {
	t.Helper()
	a, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.ParseCertificateRequest(other)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(csr, a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo, 1)
}
