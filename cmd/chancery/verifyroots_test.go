// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"

	"chancery/ca"
	"chancery/verify"
)

// A root from elsewhere is trusted as ours only while it stands above something of ours.
func TestR7_ARootFromElsewhereIsNoneOfOursForEver(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	one := ca.Authority{Name: "corp", Parent: "corp", Certificate: der, External: true}
	for _, ours := range []bool{true, false} {
		var q verify.Question
		if err := known(&q, one, ours); err != nil || (len(q.Roots) == 1) != ours || len(q.Roots)+len(q.Known) != 1 {
			t.Errorf("ours %v: %d roots, %d known, %v", ours, len(q.Roots), len(q.Known), err)
		}
	}
}
