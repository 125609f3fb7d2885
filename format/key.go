// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto"
	"crypto/x509"
	"fmt"
)

const (
	// maxKey is the longest key read, in octets: RSA with 16 384 bits has 9 300.
	maxKey = 12 << 10
	// parseCost makes the time of checking a key count as rounds of key derivation: it
	// grows with the square of the length, to 13 ms for the longest. Of those a file may
	// hold a hundred, of common ones some thousands.
	parseCost = 1024
)

// addKey takes a private key in PKCS#8, PKCS#1 or SEC 1.
func (r *reader) addKey(der []byte, name string) error {
	if err := r.spend(1 + len(der)*len(der)/parseCost); err != nil {
		return err
	}
	key, err := parseKey(der)
	if err != nil {
		return err
	}
	out, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return unsupported("the private key is of a type that is not read", keyTypes)
	}
	return r.add(&r.found.Keys, Item{DER: out, Name: name})
}

// keyTypes is the hint for other keys.
const keyTypes = "bring a key of RSA, ECDSA (P-224 to P-521), Ed25519 or X25519"

// parseKey reads the three encodings of a private key.
func parseKey(der []byte) (key crypto.PrivateKey, err error) {
	if len(der) > maxKey {
		return nil, tooMuch(fmt.Sprintf("the private key has %d octets, %d are read at most", len(der), maxKey), "the time of checking a key grows with the square of its length")
	}
	switch shapeOf(der) {
	case pkcs8Key:
		key, err = x509.ParsePKCS8PrivateKey(der)
	case rsaKey:
		key, err = x509.ParsePKCS1PrivateKey(der)
	case ecKey:
		key, err = x509.ParseECPrivateKey(der)
	default:
		return nil, damaged("the private key")
	}
	if err != nil {
		return nil, unsupported("the private key is damaged, or of a type that is not read", keyTypes)
	}
	return key, nil
}

// publicOf is the public half of a key, as SubjectPublicKeyInfo.
func publicOf(key crypto.PrivateKey) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, unfit("the private key cannot sign, so no certificate of ours belongs to it", "use a key of RSA, ECDSA or Ed25519")
	}
	return x509.MarshalPKIXPublicKey(signer.Public())
}
