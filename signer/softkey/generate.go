// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"chancery/ca"
)

// The key types of new keys (KY-05).
const (
	p256    = "ecdsa-p256"
	p384    = "ecdsa-p384"
	edwards = "ed25519"
	rsa3072 = "rsa-3072"
	rsa4096 = "rsa-4096"
	// rsa2048 is what old installations bring: it goes on signing, and none is made (R43).
	rsa2048 = "rsa-2048"
)

func knownType(keyType string) bool {
	switch keyType {
	case p256, p384, edwards, rsa2048, rsa3072, rsa4096:
		return true
	}
	return false
}

// Generate makes a key from the operating system's randomness (KY-05). Key types
// are ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 and rsa-4096; others, RSA 2048
// among them, are refused with E2204. Nothing is written: Seal does.
func (k *Keyring) Generate(keyType string) (crypto.Signer, error) {
	switch keyType {
	case p256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case p384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case edwards:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case rsa3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case rsa4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	return nil, refuseType(fmt.Sprintf("%q is no key type for a new key of an authority", keyType))
}

// GenerateResponder makes the key of an OCSP responder: P-256, or RSA 2048 where the
// authority's own is RSA, whose relying parties may know nothing else. It lives a month.
func (k *Keyring) GenerateResponder(asRSA bool) (crypto.Signer, error) {
	if asRSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return k.Generate(p256)
}

func refuseType(detail string) error {
	return ca.Refused(ca.E2204, detail, "choose ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096")
}

// typeOf names the type of a public key, or refuses it (KY-05).
func typeOf(public crypto.PublicKey) (string, error) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			return p256, nil
		case elliptic.P384():
			return p384, nil
		}
	case ed25519.PublicKey:
		return edwards, nil
	case *rsa.PublicKey:
		switch p.N.BitLen() {
		case 2048:
			return rsa2048, nil
		case 3072:
			return rsa3072, nil
		case 4096:
			return rsa4096, nil
		}
		return "", refuseType(fmt.Sprintf("an RSA key of %d bits is none for an authority", p.N.BitLen()))
	}
	return "", refuseType("this kind of key is none for an authority")
}

// describe is the header of key, all but its time.
func describe(key crypto.Signer, s Sealing) (Header, error) {
	keyType, err := typeOf(key.Public())
	if err != nil {
		return Header{}, err
	}
	if s.Purpose == KEK || s.ID == kekID {
		return Header{}, errors.New("the key-encryption key is made by Establish")
	}
	if s.Purpose == LogKey && s.Words != nil {
		return Header{}, errors.New("the log's key is not sealed under words: a sealed signer must sign checkpoints")
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return Header{}, fmt.Errorf("encode the public key: %w", err)
	}
	return Header{
		Version: version, KeyID: s.ID, Purpose: s.Purpose, KeyType: keyType,
		SPKI: sha256.Sum256(spki), Log: s.Log.ID, LogSize: s.Log.Size,
	}, nil
}

// Import reads a private key in plain PKCS#8 that was made elsewhere, for Seal (KY-05:
// at a ceremony). Key types are those of Generate, and rsa-2048.
func Import(pkcs8 []byte) (key crypto.Signer, keyType string, err error) {
	if key, err = decodeKey(pkcs8); err != nil {
		return nil, "", refuseType("this is no private key in PKCS#8")
	}
	keyType, err = typeOf(key.Public())
	return key, keyType, err
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	return content, nil
}

func decodeKey(content []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(content)
	if err != nil {
		// The parser's words may quote what it read.
		return nil, errors.New("the sealed content is no private key")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the sealed key cannot sign")
	}
	return key, nil
}
