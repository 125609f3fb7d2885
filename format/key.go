// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto"
	"crypto/x509"
	"fmt"
)

// maxKey is the longest key read, in octets: RSA with 16 384 bits has 9 300. The time
// of checking a key grows with the cube of its length.
const maxKey = 12 << 10

// addKey takes a private key in PKCS#8, PKCS#1 or SEC 1.
func (r *reader) addKey(der []byte, name string) error {
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
		return nil, tooMuch(fmt.Sprintf("the private key has %d octets, %d are read at most", len(der), maxKey), "checking a key that long takes minutes")
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
