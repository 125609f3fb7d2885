// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"crypto"
	_ "crypto/sha1" // what everybody asks with (RFC 5019 §2.1.1); nothing is signed over it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// CertID names a certificate by its issuer's name and SubjectPublicKeyInfo, both in DER,
// with an explicit NULL as most clients write it.
func CertID(hash string, subject, spki []byte, serial ca.Serial) (ca.CertID, error) {
	h := map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[hash]
	if h == 0 {
		return ca.CertID{}, fmt.Errorf("no hash of a CertID is called %q", hash)
	}
	octets, err := keyOctets(spki)
	if err != nil {
		return ca.CertID{}, err
	}
	sum := func(b []byte) []byte {
		d := h.New()
		d.Write(b) // a hash never fails
		return d.Sum(nil)
	}
	return ca.CertID{Hash: hash, NameHash: sum(subject), KeyHash: sum(octets), Parameters: true, Serial: serial}, nil
}

// keyOctets is what the BIT STRING of a SubjectPublicKeyInfo holds (RFC 6960 §4.1.1).
func keyOctets(spki []byte) ([]byte, error) {
	in := cryptobyte.String(spki)
	var key cryptobyte.String
	var octets []byte
	if !in.ReadASN1(&key, asn1.SEQUENCE) || !in.Empty() || !key.SkipASN1(asn1.SEQUENCE) || !key.ReadASN1BitStringAsBytes(&octets) || !key.Empty() {
		return nil, errors.New("malformed SubjectPublicKeyInfo")
	}
	return octets, nil
}
