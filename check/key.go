// SPDX-License-Identifier: Apache-2.0

package check

import (
	"crypto/sha256"
	"errors"
	"math/bits"
	"strconv"

	"chancery/ca"
)

// signatureAlgorithm is the AlgorithmIdentifier, whole, of a key type's signature
// over the hash, or "" if there is none.
func signatureAlgorithm(keyType string, hash ca.Hash) string {
	if keyType == "ed25519" {
		if hash != "" {
			return ""
		}
		return "\x30\x05\x06\x03\x2b\x65\x70"
	}
	var n byte // the OIDs of the three hashes follow each other
	switch {
	case hash == ca.SHA256 || hash == "" && (keyType == "ecdsa-p256" || isRSA(keyType)):
	case hash == ca.SHA384 || hash == "" && keyType == "ecdsa-p384":
		n = 1
	case hash == ca.SHA512 || hash == "" && keyType == "ecdsa-p521":
		n = 2
	default:
		return ""
	}
	switch {
	case isRSA(keyType):
		return "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" + string([]byte{0x0b + n}) + "\x05\x00"
	case keyType == "ecdsa-p256" || keyType == "ecdsa-p384" || keyType == "ecdsa-p521":
		return "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" + string([]byte{2 + n})
	}
	return ""
}

func isRSA(keyType string) bool { return len(keyType) > 4 && keyType[:4] == "rsa-" }

// A publicKey is what a SubjectPublicKeyInfo says.
type publicKey struct {
	keyType string
	// id is the identifier of RFC 7093 §2 method 1.
	id [20]byte
}

// readKey takes a SubjectPublicKeyInfo apart as far as its type needs.
func readKey(spki []byte) (k publicKey, err error) {
	body, err := peel(spki, tagSequence)
	if err != nil {
		return k, err
	}
	r := reader{body}
	algorithm, err := r.content(tagSequence)
	if err != nil {
		return k, err
	}
	octets, err := bitString(&r)
	if err != nil {
		return k, err
	}
	if err := r.end(); err != nil {
		return k, err
	}
	sum := sha256.Sum256(octets)
	k.id = [20]byte(sum[:20])
	// An uncompressed point is 04 and two coordinates (SEC 1 §2.3.3).
	point := func(size int) bool { return len(octets) == 1+2*size && octets[0] == 4 }
	const ec = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
	switch a := string(algorithm); {
	case a == ec+"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" && point(32):
		k.keyType = "ecdsa-p256"
	case a == ec+"\x06\x05\x2b\x81\x04\x00\x22" && point(48):
		k.keyType = "ecdsa-p384"
	case a == ec+"\x06\x05\x2b\x81\x04\x00\x23" && point(66):
		k.keyType = "ecdsa-p521"
	case a == "\x06\x03\x2b\x65\x70" && len(octets) == 32:
		k.keyType = "ed25519"
	case a == "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00":
		n, err := modulusBits(octets)
		if err != nil {
			return k, err
		}
		k.keyType = "rsa-" + strconv.Itoa(n)
	default:
		return k, errors.New("no known kind of public key")
	}
	return k, nil
}

// modulusBits is the size of an RSA key (RFC 8017 appendix A.1.1).
func modulusBits(key []byte) (int, error) {
	body, err := peel(key, tagSequence)
	if err != nil {
		return 0, err
	}
	r := reader{body}
	n, err := r.natural()
	if err != nil {
		return 0, err
	}
	if _, err := r.natural(); err != nil {
		return 0, err
	}
	return 8*(len(n)-1) + bits.Len8(n[0]), r.end()
}
