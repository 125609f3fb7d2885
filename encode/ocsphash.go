// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"crypto"
	_ "crypto/sha1" // RFC 5019 §2.1.1: what most clients ask with; nothing is signed over it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
)

// ocspHash is the hash of a CertID's name, and its object identifier, whole; 0 if there
// is none.
func ocspHash(name string) (crypto.Hash, string) {
	switch name {
	case "sha1":
		return crypto.SHA1, "\x06\x05\x2b\x0e\x03\x02\x1a"
	case "sha256":
		return crypto.SHA256, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	case "sha384":
		return crypto.SHA384, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	case "sha512":
		return crypto.SHA512, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	}
	return 0, ""
}

// KeyHash is the digest of a key as OCSP names it (RFC 6960 §4.1.1): over the content of
// the SubjectPublicKeyInfo's BIT STRING, without its unused bits. hash is a name that
// ca.CertID knows.
func KeyHash(spki []byte, hash string) ([]byte, error) {
	_, key, err := splitKey(spki)
	if err != nil {
		return nil, err
	}
	return NameHash(key, hash)
}

// NameHash is the digest of an issuer's name in DER as OCSP names it (RFC 6960 §4.1.1).
func NameHash(subject []byte, hash string) ([]byte, error) {
	h, _ := ocspHash(hash)
	if h == 0 {
		return nil, fmt.Errorf("no hash of names and keys is called %q", hash)
	}
	d := h.New()
	d.Write(subject) // a hash never fails
	return d.Sum(nil), nil
}
