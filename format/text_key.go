// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A subjectKey is a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
type subjectKey struct {
	algorithm algorithmID
	bits      []byte
}

// takePublicKey reads a SubjectPublicKeyInfo.
func takePublicKey(in *cryptobyte.String) (k subjectKey, ok bool) {
	content, ok := take(in, asn1.SEQUENCE)
	if !ok {
		return k, false
	}
	var ok1, ok2 bool
	k.algorithm, ok1 = takeAlgorithm(&content)
	k.bits, ok2 = takeBits(&content, asn1.BIT_STRING)
	return k, ok1 && ok2 && content.Empty()
}

// Indents of what is said about a key, and of its octets.
const (
	keyIndent   = 16
	octetIndent = 20
)

// text is all that is said about the key.
func (k subjectKey) text() string {
	var body string
	var ok bool
	switch k.algorithm.oid {
	case "1.2.840.113549.1.1.1", oidPSS:
		body, ok = k.rsa()
	case "1.2.840.10045.2.1":
		body, ok = k.ec()
	case oidDSA:
		body, ok = k.dsa()
	case "1.3.101.110", "1.3.101.111", "1.3.101.112", "1.3.101.113":
		body, ok = k.edwards()
	}
	if !ok {
		body = spaces(12) + "Unable to load Public Key\n"
	}
	return "        Subject Public Key Info:\n            Public Key Algorithm: " + longName(k.algorithm.oid) + "\n" + body
}

// size is the first line about a key.
func size(bits int) string { return fmt.Sprintf("%sPublic-Key: (%d bit)\n", spaces(keyIndent), bits) }

func (k subjectKey) rsa() (string, bool) {
	whole := cryptobyte.String(k.bits)
	in, ok := take(&whole, asn1.SEQUENCE)
	if !ok {
		return "", false
	}
	modulus, ok1 := takeInteger(&in, asn1.INTEGER)
	exponent, ok2 := takeInteger(&in, asn1.INTEGER)
	if !ok1 || !ok2 || !in.Empty() {
		return "", false
	}
	text := size(modulus.BitLen()) + labelled(keyIndent, "Modulus:", modulus) + labelled(keyIndent, "Exponent:", exponent)
	if k.algorithm.oid != oidPSS {
		return text, true
	}
	limits, ok := restrictions(k.algorithm.parameters)
	return text + limits, ok
}

// restrictions is what an RSA-PSS key says about its signatures (RFC 4055 §3.1).
func restrictions(parameters element) (string, bool) {
	pad := spaces(keyIndent)
	if len(parameters.whole) == 0 {
		return pad + "No PSS parameter restrictions\n", true
	}
	p, ok := readPSS(parameters)
	if !ok || (p.mask != "" && p.maskHash == "") {
		return "", false
	}
	standard := func(isDefault bool) string {
		if isDefault {
			return " (default)"
		}
		return ""
	}
	if p.hash == "" {
		p.hash = oidSHA1
	}
	if p.maskHash == "" {
		p.maskHash = oidSHA1
	}
	if p.salt == nil {
		p.salt = big.NewInt(20)
	}
	if p.trailer == nil {
		p.trailer = big.NewInt(1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%sPSS parameter restrictions:\n", pad)
	fmt.Fprintf(&b, "%s  Hash Algorithm: %s%s\n", pad, digest(p.hash), standard(p.hash == oidSHA1))
	fmt.Fprintf(&b, "%s  Mask Algorithm: MGF1 with %s%s\n", pad, digest(p.maskHash), standard(p.maskHash == oidSHA1))
	fmt.Fprintf(&b, "%s  Minimum Salt Length: %d%s\n", pad, p.salt, standard(p.salt.Cmp(big.NewInt(20)) == 0))
	fmt.Fprintf(&b, "%s  Trailer Field: 0x%x%s\n", pad, p.trailer, standard(p.trailer.Cmp(big.NewInt(1)) == 0))
	return b.String(), true
}

// digest is the name of a hash as restrictions spell it.
func digest(oid string) string {
	switch oid {
	case oidSHA1:
		return "SHA1"
	case "2.16.840.1.101.3.4.2.1":
		return "SHA2-256"
	case "2.16.840.1.101.3.4.2.2":
		return "SHA2-384"
	case "2.16.840.1.101.3.4.2.3":
		return "SHA2-512"
	case "2.16.840.1.101.3.4.2.4":
		return "SHA2-224"
	case "2.16.840.1.101.3.4.2.5":
		return "SHA2-512/224"
	case "2.16.840.1.101.3.4.2.6":
		return "SHA2-512/256"
	}
	return longName(oid)
}

func (k subjectKey) ec() (string, bool) {
	pub := spaces(keyIndent) + "pub:\n" + lines(k.bits, 15, spaces(octetIndent)) + "\n"
	whole := cryptobyte.String(k.algorithm.parameters.whole)
	oid, ok := takeOID(&whole, asn1.OBJECT_IDENTIFIER)
	if !ok {
		return "", false
	}
	c, ok := curves[shortName(oid)]
	if !ok || len(k.bits) < 2 {
		return "", false
	}
	text := size(c.bits) + pub + spaces(keyIndent) + "ASN1 OID: " + shortName(oid) + "\n"
	if c.nist != "" {
		text += spaces(keyIndent) + "NIST CURVE: " + c.nist + "\n"
	}
	return text, true
}

// curves is the size of each named curve's order, and its name at NIST (FIPS 186-4).
var curves = map[string]struct {
	bits int
	nist string
}{
	"prime192v1": {192, "P-192"}, "secp224r1": {224, "P-224"}, "prime256v1": {256, "P-256"},
	"secp384r1": {384, "P-384"}, "secp521r1": {521, "P-521"},
	"sect163k1": {163, "K-163"}, "sect233k1": {232, "K-233"}, "sect283k1": {281, "K-283"}, "sect409k1": {407, "K-409"},
	"sect571k1": {570, "K-571"}, "sect163r2": {163, "B-163"}, "sect233r1": {233, "B-233"}, "sect283r1": {282, "B-283"},
	"sect409r1": {409, "B-409"}, "sect571r1": {570, "B-571"},
	"secp160k1": {161, ""}, "secp160r1": {161, ""}, "secp160r2": {161, ""}, "secp192k1": {192, ""},
	"secp224k1": {225, ""}, "secp256k1": {256, ""}, "prime192v2": {192, ""}, "prime192v3": {192, ""},
	"prime239v1": {239, ""}, "prime239v2": {239, ""}, "prime239v3": {239, ""}, "SM2": {256, ""},
	"brainpoolP160r1": {160, ""}, "brainpoolP160t1": {160, ""}, "brainpoolP192r1": {192, ""}, "brainpoolP192t1": {192, ""},
	"brainpoolP224r1": {224, ""}, "brainpoolP224t1": {224, ""}, "brainpoolP256r1": {256, ""}, "brainpoolP256t1": {256, ""},
	"brainpoolP320r1": {320, ""}, "brainpoolP320t1": {320, ""}, "brainpoolP384r1": {384, ""}, "brainpoolP384t1": {384, ""},
	"brainpoolP512r1": {512, ""}, "brainpoolP512t1": {512, ""},
}

// edwards is a key of RFC 8410.
func (k subjectKey) edwards() (string, bool) {
	want := map[string]int{"X25519": 32, "X448": 56, "ED25519": 32, "ED448": 57}
	name := longName(k.algorithm.oid)
	if len(k.bits) != want[name] || len(k.algorithm.parameters.whole) != 0 {
		return "", false
	}
	return spaces(keyIndent) + name + " Public-Key:\n" + spaces(keyIndent) + "pub:\n" + lines(k.bits, 15, spaces(octetIndent)) + "\n", true
}

// dsa is a key of RFC 3279 §2.3.2, which can be shown though nothing here signs with it.
func (k subjectKey) dsa() (string, bool) {
	bits, whole := cryptobyte.String(k.bits), cryptobyte.String(k.algorithm.parameters.whole)
	pub, ok := takeInteger(&bits, asn1.INTEGER)
	in, ok1 := take(&whole, asn1.SEQUENCE)
	p, ok2 := takeInteger(&in, asn1.INTEGER)
	q, ok3 := takeInteger(&in, asn1.INTEGER)
	g, ok4 := takeInteger(&in, asn1.INTEGER)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || !in.Empty() {
		return "", false
	}
	return size(p.BitLen()) + labelled(keyIndent, "pub: ", pub) + labelled(keyIndent, "P:   ", p) +
		labelled(keyIndent, "Q:   ", q) + labelled(keyIndent, "G:   ", g), true
}
