// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// RSA sizes (security rule PF-07). The ceiling is judged on the modulus' length
// in octets, before any arithmetic: a 16384-bit key costs sixty times a
// 2048-bit one to verify.
const (
	minRSA = 2048
	maxRSA = 8192
)

// Object identifiers of keys and curves as content octets (RFC 3279 §2.3,
// RFC 5480 §2.1.1, RFC 8410 §3).
const (
	oidRSA     = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
	oidDSA     = "\x2a\x86\x48\xce\x38\x04\x01"
	oidEC      = "\x2a\x86\x48\xce\x3d\x02\x01"
	oidEd25519 = "\x2b\x65\x70"
	oidP256    = "\x2a\x86\x48\xce\x3d\x03\x01\x07"
	oidP384    = "\x2b\x81\x04\x00\x22"
	oidP521    = "\x2b\x81\x04\x00\x23"
)

// rsaExponent is 65537 as the content of an INTEGER; no other exponent is taken.
const rsaExponent = "\x01\x00\x01"

// newKey is the hint for a key that cannot be mended.
const newKey = "make a new key, for example `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"

// badKey is E2204.
func badKey(detail string) *ca.Problem { return ca.Invalid(ca.E2204, detail, newKey).At("key") }

// keyType names the key in a SubjectPublicKeyInfo and gives its size in bits. It
// judges only what can be seen without arithmetic, and more strictly than
// crypto/x509, which reads the RSA key's two numbers and ignores what follows.
func keyType(spki cryptobyte.String) (name string, bits int, err error) {
	algorithm, ok1 := child(&spki, asn1.SEQUENCE)
	var key cryptobyte.String
	ok2 := spki.ReadASN1(&key, asn1.BIT_STRING)
	id, ok3 := oid(&algorithm)
	if !ok1 || !ok2 || !ok3 || !spki.Empty() || len(key) < 2 || key[0] != 0 {
		return "", 0, badKey("the public key is malformed")
	}
	key = key[1:]
	switch id {
	case oidRSA:
		return rsaType(key)
	case oidEC:
		return ecType(algorithm)
	case oidEd25519:
		return "ed25519", 256, nil
	case oidDSA:
		return "", 0, badKey("DSA keys are not accepted")
	}
	return "", 0, badKey("the key is of a type that is not accepted (" + dotted(id) + ")")
}

// CheckKey judges a SubjectPublicKeyInfo in DER that came without a request, as Parse
// does the key of one (security rule PF-07): a weak key is E2204.
func CheckKey(spki []byte) error {
	all := cryptobyte.String(spki)
	body, ok := child(&all, asn1.SEQUENCE)
	if !ok || !all.Empty() {
		return badKey("the public key is malformed")
	}
	if _, _, err := keyType(body); err != nil {
		return err
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return badKey("the public key is malformed")
	}
	return faultOfKey(public)
}

// rsaType bounds the modulus and wants the one exponent.
func rsaType(key cryptobyte.String) (string, int, error) {
	body, ok1 := child(&key, asn1.SEQUENCE)
	n, ok2 := child(&body, asn1.INTEGER)
	e, ok3 := child(&body, asn1.INTEGER)
	if !ok1 || !ok2 || !ok3 || !key.Empty() || !body.Empty() || canonicalInteger(n) != nil || canonicalInteger(e) != nil || n[0] >= 0x80 {
		return "", 0, badKey("the RSA key is malformed")
	}
	if n[0] == 0 {
		n = n[1:]
	}
	bits := len(n) * 8
	for b := firstOctet(n); b < 0x80 && bits > 0; b <<= 1 {
		bits--
	}
	switch {
	case bits > maxRSA:
		return "", 0, badKey(fmt.Sprintf("the RSA key has %d bits, at most %d are accepted", bits, maxRSA))
	case bits < minRSA:
		return "", 0, badKey(fmt.Sprintf("the RSA key has %d bits, at least %d are needed", bits, minRSA))
	case string(e) != rsaExponent:
		return "", 0, badKey("the RSA key's public exponent is not 65537")
	}
	return fmt.Sprintf("rsa-%d", bits), bits, nil
}

// canonicalInteger refuses an INTEGER's content that is empty or padded; the key
// stands inside a BIT STRING, which the walk over the request does not enter.
func canonicalInteger(body cryptobyte.String) error {
	if !honest(asn1.INTEGER, body) {
		return errDER
	}
	return nil
}

// firstOctet is the leading octet, at least 1 so that a shift loop ends.
func firstOctet(n cryptobyte.String) byte {
	if len(n) == 0 || n[0] == 0 {
		return 1
	}
	return n[0]
}

// ecType takes a named curve only: with explicit parameters the requester
// chooses the base point, and with it what the signature proves (CVE-2020-0601).
func ecType(algorithm cryptobyte.String) (string, int, error) {
	if algorithm.PeekASN1Tag(asn1.SEQUENCE) {
		return "", 0, badKey("the key spells out its curve's parameters instead of naming the curve")
	}
	curve, ok := oid(&algorithm)
	if !ok || !algorithm.Empty() {
		return "", 0, badKey("the key does not name its curve")
	}
	switch curve {
	case oidP256:
		return "ecdsa-p256", 256, nil
	case oidP384:
		return "ecdsa-p384", 384, nil
	case oidP521:
		return "ecdsa-p521", 521, nil
	}
	return "", 0, badKey("the key is on a curve that is not accepted (" + dotted(curve) + "); P-256, P-384 and P-521 are")
}

// faultOfKey makes the checks that need arithmetic, on the key crypto/x509 read.
func faultOfKey(public any) error {
	if k, ok := public.(*rsa.PublicKey); ok {
		if fault := faultOfModulus(k.N); fault != "" {
			return badKey("the RSA key is weak: " + fault)
		}
	}
	return nil
}
