// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"os"
	"testing"
	"time"

	"chancery/ca"
)

// A list of each kind of key is genuine, and neither another key's nor one with a bit turned
// anywhere in what its digest on the log does not cover.
func TestAListIsGenuineIfItsAuthoritySignedIt(t *testing.T) {
	t.Parallel()
	var signers []crypto.Signer
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, key)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signers = append(signers, edwards, modulus)
	genuine := func(dir string, key crypto.Signer) error {
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, "issuing-g1")
		if err != nil {
			return err
		}
		defer l.Close()
		return l.Genuine(ca.Authority{Name: "issuing-g1", SPKI: spki})
	}
	for i, key := range signers {
		dir := t.TempDir()
		now := time.Now()
		list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 8)}
		der, err := x509.CreateRevocationList(rand.Reader, list, &x509.Certificate{KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := Place(dir, "issuing-g1", bytes.NewReader(der)); err != nil {
			t.Fatal(err)
		}
		if err := genuine(dir, key); err != nil {
			t.Errorf("%T: %v", key, err)
		}
		if genuine(dir, signers[(i+1)%len(signers)]) == nil {
			t.Errorf("%T: another key's is taken for it", key)
		}
		read, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		from := bytes.Index(der, read.RawTBSRevocationList)
		for at := range der {
			if at >= from && at < from+len(read.RawTBSRevocationList) {
				continue
			}
			turned := bytes.Clone(der)
			turned[at] ^= 1
			if err := os.WriteFile(listPath(dir, "issuing-g1"), turned, 0o600); err != nil {
				t.Fatal(err)
			}
			if genuine(dir, key) == nil {
				t.Errorf("%T: octet %d of %d can be turned", key, at, len(der))
			}
		}
	}
}
