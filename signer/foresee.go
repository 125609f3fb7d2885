// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"chancery/ca"
)

// foreseen is an authority as it would be made: the same draft is vetted, encoded and
// walked by the fast checker, with a stand-in for the key that there is not yet.
func (s *Signer) foreseen(m making, now time.Time) (a ca.Authority, err error) {
	spki, err := standIn(m.KeyType)
	if err != nil {
		return a, err
	}
	c, err := s.prepared(m, spki, now)
	if err != nil {
		return a, err
	}
	a = c.own.Authority
	a.Certificate, a.SPKI, a.SKI, a.Key = nil, nil, nil, ca.Digest{}
	return a, nil
}

// standIn is a public key of a type, the same at each call: nothing that it stands in is
// ever signed. Of a type that is not made here it is empty, which policy refuses.
func standIn(keyType string) (spki []byte, err error) {
	var key crypto.PublicKey
	switch keyType {
	case "ecdsa-p256":
		key, err = first(elliptic.P256(), 32)
	case "ecdsa-p384":
		key, err = first(elliptic.P384(), 48)
	case "ed25519":
		key = make(ed25519.PublicKey, ed25519.PublicKeySize)
	case "rsa-3072":
		key = odd(3072)
	case "rsa-4096":
		key = odd(4096)
	default:
		return nil, nil
	}
	if err == nil {
		spki, err = x509.MarshalPKIXPublicKey(key)
	}
	if err != nil {
		return nil, fmt.Errorf("make a stand-in for a key: %w", err)
	}
	return spki, nil
}

// first is the public half of the private key 1 of a curve.
func first(curve elliptic.Curve, size int) (crypto.PublicKey, error) {
	one := make([]byte, size)
	one[size-1] = 1
	key, err := ecdsa.ParseRawPrivateKey(curve, one)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// odd is an RSA key of a length, whose modulus is nobody's product of two primes.
func odd(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}
