// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"

	"chancery/ca"
)

func TestKY05_NewKeysAreOfTheFiveTypesAndComeBack(t *testing.T) {
	f := plainRing(t)
	for _, keyType := range []string{p256, p384, edwards, rsa3072} {
		t.Run(keyType, func(t *testing.T) {
			key, err := f.Generate(keyType)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := typeOf(key.Public()); err != nil || got != keyType {
				t.Fatalf("the key is of type %q, %v", got, err)
			}
			if err := f.Seal(key, Sealing{ID: keyType, Purpose: Authority, Log: testLog}); err != nil {
				t.Fatal(err)
			}
			back, err := f.Key(keyType, testLog)
			if err != nil {
				t.Fatal(err)
			}
			if !back.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
				t.Fatal("another key came back")
			}
			e, err := f.readEnvelope(keyType)
			if err != nil {
				t.Fatal(err)
			}
			spki, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil || e.Header.SPKI != sha256.Sum256(spki) || e.Header.KeyType != keyType {
				t.Fatalf("the header %+v is not the key's, %v", e.Header, err)
			}
		})
	}
	// Making an RSA key of 4096 bits takes seconds; its type is told by the modulus.
	n := new(big.Int).Lsh(big.NewInt(1), 4095)
	if got, err := typeOf(&rsa.PublicKey{N: n, E: 65537}); got != rsa4096 || err != nil {
		t.Errorf("RSA 4096 is %q, %v", got, err)
	}
}

func TestKY05_OtherTypesAreRefusedForNewKeys(t *testing.T) {
	f := plainRing(t)
	for _, keyType := range []string{"", "rsa-1024", "rsa-2048", "rsa-8192", "ecdsa-p224", "ecdsa-p521", "ED25519", "rsa"} {
		_, err := f.Generate(keyType)
		wantProblem(t, err, ca.E2204, ca.RefusedKind)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{small, large} {
		err := f.Seal(key, Sealing{ID: "issuing", Purpose: Authority, Log: testLog})
		wantProblem(t, err, ca.E2204, ca.RefusedKind)
	}
	for _, bits := range []uint{1024, 2047, 3070, 3071, 4095, 8192} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		if got, err := typeOf(&rsa.PublicKey{N: n, E: 65537}); err == nil {
			t.Errorf("a modulus of %d bits passes as %s", bits, got)
		}
	}
}

// R43: what an old installation brings is sealed, and no such key is made.
func TestKY05_RSA2048IsImportedOnly(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	brought, keyType, err := Import(pkcs8)
	if err != nil || keyType != rsa2048 {
		t.Fatalf("%s, %v", keyType, err)
	}
	if err := plainRing(t).Seal(brought, Sealing{ID: "issuing", Purpose: Authority, Log: testLog}); err != nil {
		t.Error(err)
	}
	_, _, err = Import(pkcs8[1:])
	wantProblem(t, err, ca.E2204, ca.RefusedKind)
}

func TestKY05_NoTwoKeysAreEqual(t *testing.T) {
	f := plainRing(t)
	seen := map[string]bool{}
	for range 8 {
		for _, keyType := range []string{p256, p384, edwards} {
			key, err := f.Generate(keyType)
			if err != nil {
				t.Fatal(err)
			}
			content, err := encodeKey(key)
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(content)] {
				t.Fatal("a key was made twice")
			}
			seen[string(content)] = true
		}
	}
}
