// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// keyIDLength is the length of a key identifier by RFC 7093 §2 method 1, octets.
const keyIDLength = 20

// signatures are the algorithms we sign with, and their AlgorithmIdentifiers in DER.
// ECDSA's have no parameters (RFC 5758 §3.2), nor has Ed25519's (RFC 8410 §3); RSA's are
// PKCS #1 v1.5 with an explicit NULL (RFC 4055 §5).
var signatures = [...]struct {
	family string
	name   ca.Hash
	hash   crypto.Hash
	der    string
}{
	{"ecdsa", ca.SHA256, crypto.SHA256, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"},
	{"ecdsa", ca.SHA384, crypto.SHA384, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"},
	{"ecdsa", ca.SHA512, crypto.SHA512, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"},
	{"rsa", ca.SHA256, crypto.SHA256, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"},
	{"rsa", ca.SHA384, crypto.SHA384, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00"},
	{"rsa", ca.SHA512, crypto.SHA512, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00"},
	{"ed25519", "", 0, "\x30\x05\x06\x03\x2b\x65\x70"},
}

// SignatureAlgorithm is the AlgorithmIdentifier in DER of what ca.Authority's
// Algorithm names: a key type, or one with a hash; and the hash its signer takes,
// 0 for Ed25519, which hashes itself and takes no choice. By default it is the hash
// of the curve's strength for ECDSA, and SHA-256 for RSA (R128).
func SignatureAlgorithm(algorithm string) ([]byte, crypto.Hash, error) {
	keyType, hash, chosen := strings.Cut(algorithm, "+")
	family, name := keyType, ca.Hash("")
	switch {
	case keyType == "ecdsa-p256":
		family, name = "ecdsa", ca.SHA256
	case keyType == "ecdsa-p384":
		family, name = "ecdsa", ca.SHA384
	case keyType == "ecdsa-p521":
		family, name = "ecdsa", ca.SHA512
	case strings.HasPrefix(keyType, "rsa-"):
		family, name = "rsa", ca.SHA256
	}
	if chosen {
		name = ca.Hash(hash)
	}
	for _, s := range signatures {
		if s.family != family || s.name != name || chosen && hash == "" {
			continue
		}
		return []byte(s.der), s.hash, nil
	}
	return nil, 0, fmt.Errorf("no signature algorithm is called %q", algorithm)
}

// KeyID is the subject key identifier of a SubjectPublicKeyInfo in DER: the
// leftmost 160 bits of the SHA-256 of the BIT STRING's content (RFC 7093 §2
// method 1).
func KeyID(spki []byte) ([]byte, error) {
	_, key, err := splitKey(spki)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	return sum[:keyIDLength:keyIDLength], nil
}

// splitKey takes a SubjectPublicKeyInfo apart: content of the algorithm, and
// octets of the key.
func splitKey(spki []byte) (algorithm cryptobyte.String, key []byte, err error) {
	in := cryptobyte.String(spki)
	var body cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&key) || !body.Empty() {
		return nil, nil, errors.New("malformed SubjectPublicKeyInfo")
	}
	return algorithm, key, nil
}

// signingKeyType is the key type of a SubjectPublicKeyInfo as far as it decides
// the signature algorithm: a root signs with the key it certifies. The size of
// an RSA key does not matter for that and is left out.
func signingKeyType(spki []byte) (string, error) {
	algorithm, _, err := splitKey(spki)
	if err != nil {
		return "", err
	}
	for keyType, oids := range map[string][]string{
		"ecdsa-p256": {"1.2.840.10045.2.1", "1.2.840.10045.3.1.7"},
		"ecdsa-p384": {"1.2.840.10045.2.1", "1.3.132.0.34"},
		"ecdsa-p521": {"1.2.840.10045.2.1", "1.3.132.0.35"},
		"ed25519":    {"1.3.101.112"},
		"rsa-":       {"1.2.840.113549.1.1.1", ""},
	} {
		var b cryptobyte.Builder
		for _, oid := range oids {
			if oid == "" {
				b.AddASN1NULL()
				continue
			}
			addOID(&b, oid)
		}
		if want, err := b.Bytes(); err == nil && string(want) == string(algorithm) {
			return keyType, nil
		}
	}
	return "", errors.New("no signature algorithm for this kind of public key")
}
