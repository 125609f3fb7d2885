// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
	"chancery/encode"
)

// maxSigned bounds what follows the to-be-signed bytes of a list, in octets: RSA of 8192
// bits has 1 kB.
const maxSigned = 4 << 10

// A listAlgorithm is one that lists are signed with, as ca.Authority's Algorithm names it.
// Ed25519 has no hash of its own: it signs the whole message.
type listAlgorithm struct {
	name string
	key  x509.PublicKeyAlgorithm
	hash crypto.Hash
}

var listAlgorithms = [...]listAlgorithm{
	{"ecdsa+sha256", x509.ECDSA, crypto.SHA256}, {"ecdsa+sha384", x509.ECDSA, crypto.SHA384}, {"ecdsa+sha512", x509.ECDSA, crypto.SHA512},
	{"rsa+sha256", x509.RSA, crypto.SHA256}, {"rsa+sha384", x509.RSA, crypto.SHA384}, {"rsa+sha512", x509.RSA, crypto.SHA512},
	{"ed25519", x509.Ed25519, 0},
}

// Genuine says why a list is not signed with an authority's key (RFC 5280 §5.1.1.3); nil if
// it is. It reads the list once, and holds it in memory for Ed25519 alone.
func (l *List) Genuine(a ca.Authority) error {
	identifier, signature, err := l.envelope()
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(a.SPKI)
	if err != nil {
		return fmt.Errorf("read the key of %s: %w", a.Name, err)
	}
	for _, one := range listAlgorithms {
		der, _, err := encode.SignatureAlgorithm(one.name)
		if err != nil {
			return err
		}
		if !bytes.Equal(der, identifier) {
			continue
		}
		message, err := l.message(one.hash)
		if err != nil {
			return fmt.Errorf("read a revocation list: %w", err)
		}
		if !one.verifies(key, message, signature) {
			return errors.New("its signature is wrong")
		}
		return nil
	}
	return errors.New("its signature is of an algorithm that we do not sign with")
}

// envelope is what stands around the to-be-signed bytes, which must be all of the file.
func (l *List) envelope() (identifier, signature []byte, err error) {
	size, err := l.Size()
	if err != nil {
		return nil, nil, err
	}
	from, end := l.head.tbs.from, l.head.tbs.from+l.head.tbs.size
	if size > maxList || size-end > maxSigned {
		return nil, nil, errNoList
	}
	front, back := make([]byte, from), make([]byte, size-end)
	_, err = l.file.ReadAt(front, 0)
	if err == nil {
		_, err = io.ReadFull(io.NewSectionReader(l.file, end, size-end), back)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read a revocation list: %w", err)
	}
	// readHead passes over a header that ends elsewhere, or is longer than it must be.
	header, content, ok := headerOf(front)
	if !ok || int64(header)+content != size || (header == 2) != (content < 0x80) || header > 3 && front[2] == 0 {
		return nil, nil, errNoList
	}
	var algorithm cryptobyte.String
	if rest := cryptobyte.String(back); !rest.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !rest.ReadASN1BitStringAsBytes(&signature) || !rest.Empty() {
		return nil, nil, errNoList
	}
	return algorithm, signature, nil
}

// message is what is signed: the digest of the to-be-signed bytes, or these themselves.
func (l *List) message(hash crypto.Hash) ([]byte, error) {
	tbs := io.NewSectionReader(l.file, l.head.tbs.from, l.head.tbs.size)
	if hash == 0 {
		whole := make([]byte, l.head.tbs.size)
		_, err := io.ReadFull(tbs, whole)
		return whole, err
	}
	h := hash.New()
	_, err := io.Copy(h, tbs)
	return h.Sum(nil), err
}

// verifies tells whether a signature of this algorithm is the key's.
func (one listAlgorithm) verifies(key crypto.PublicKey, message, signature []byte) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return one.key == x509.ECDSA && ecdsa.VerifyASN1(k, message, signature)
	case *rsa.PublicKey:
		return one.key == x509.RSA && rsa.VerifyPKCS1v15(k, one.hash, message, signature) == nil
	case ed25519.PublicKey:
		return one.key == x509.Ed25519 && ed25519.Verify(k, message, signature)
	}
	return false
}
