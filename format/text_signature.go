// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	oidPSS  = "1.2.840.113549.1.1.10"
	oidMGF1 = "1.2.840.113549.1.1.8"
	oidSHA1 = "1.3.14.3.2.26"
	oidDSA  = "1.2.840.10040.4.1"
)

// An algorithmID is an AlgorithmIdentifier (RFC 5280 §4.1.1.2).
type algorithmID struct {
	oid string
	// parameters is empty where there are none.
	parameters element
}

// takeAlgorithm reads an AlgorithmIdentifier.
func takeAlgorithm(in *cryptobyte.String) (a algorithmID, ok bool) {
	content, ok := take(in, asn1.SEQUENCE)
	if !ok {
		return a, false
	}
	return readAlgorithmID(content)
}

func readAlgorithmID(content cryptobyte.String) (a algorithmID, ok bool) {
	if a.oid, ok = takeOID(&content, asn1.OBJECT_IDENTIFIER); !ok {
		return a, false
	}
	if !content.Empty() {
		a.parameters, ok = takeAny(&content)
	}
	return a, ok && content.Empty()
}

// pss is the parameters of RSA-PSS (RFC 8017 §A.2.3); what is absent has its default.
type pss struct {
	hash, mask, maskHash string
	salt, trailer        *big.Int
}

// readPSS reads the parameters; ok is false also where there are none.
func readPSS(parameters element) (p pss, ok bool) {
	whole := cryptobyte.String(parameters.whole)
	in, ok := take(&whole, asn1.SEQUENCE)
	if !ok {
		return p, false
	}
	for n := range uint8(4) {
		field, there, ok := takeOptional(&in, explicit(n))
		if !ok {
			return p, false
		}
		if !there {
			continue
		}
		switch n {
		case 0:
			var a algorithmID
			a, ok = takeAlgorithm(&field)
			p.hash = a.oid
		case 1:
			var a algorithmID
			a, ok = takeAlgorithm(&field)
			p.mask = a.oid
			parameters := cryptobyte.String(a.parameters.whole)
			if inner, fine := takeAlgorithm(&parameters); fine && a.oid == oidMGF1 {
				p.maskHash = inner.oid
			}
		case 2:
			p.salt, ok = takeInteger(&field, asn1.INTEGER)
		case 3:
			p.trailer, ok = takeInteger(&field, asn1.INTEGER)
		}
		if !ok || !field.Empty() {
			return p, false
		}
	}
	return p, in.Empty()
}

// pssText is the parameters of a signature.
func pssText(parameters element) string {
	pad := spaces(8)
	p, ok := readPSS(parameters)
	if !ok {
		return pad + "(INVALID PSS PARAMETERS)\n"
	}
	hash, mask, salt, trailer := "sha1 (default)", "mgf1 with sha1 (default)", "14 (default)", "01 (default)"
	if p.hash != "" {
		hash = longName(p.hash)
	}
	if p.mask != "" {
		mask = longName(p.mask) + " with INVALID"
		if p.maskHash != "" {
			mask = longName(p.mask) + " with " + longName(p.maskHash)
		}
	}
	if p.salt != nil {
		salt = signedHex(p.salt)
	}
	if p.trailer != nil {
		trailer = signedHex(p.trailer)
	}
	return pad + "\n" + pad + "Hash Algorithm: " + hash + "\n" + pad + "Mask Algorithm: " + mask + "\n" +
		pad + " Salt Length: 0x" + salt + "\n" + pad + "Trailer Field: 0x" + trailer + "\n"
}

// signedHex is a number in hexadecimal, with its sign.
func signedHex(n *big.Int) string {
	if n.Sign() < 0 {
		return "-" + upperHex(n)
	}
	return upperHex(n)
}

// algorithmText is a signature's algorithm, with its line break.
func algorithmText(indent int, a algorithmID) string {
	head := spaces(indent) + "Signature Algorithm: " + longName(a.oid)
	if a.oid == oidPSS {
		return head + pssText(a.parameters)
	}
	return head + "\n"
}

// signatureText is the last part of everything signed.
func signatureText(a algorithmID, signature []byte) string {
	head := "    Signature Algorithm: " + longName(a.oid) + "\n    Signature Value:"
	switch {
	case a.oid == oidPSS:
		head += pssText(a.parameters)
	case signsWithDSA(a.oid):
		if text, ok := dsaSignature(signature); ok {
			return head + "\n" + text
		}
		head += "\n"
	default:
		head += "\n"
	}
	return head + lines(signature, 18, spaces(8)) + "\n"
}

// signsWithDSA tells whether a signature is two numbers that are shown apart.
func signsWithDSA(oid string) bool {
	name := shortName(oid)
	return strings.HasPrefix(name, "dsa_with_") || strings.HasPrefix(name, "DSA-SHA")
}

// dsaSignature is the two numbers of a DSA signature (RFC 3279 §2.2.2).
func dsaSignature(signature []byte) (string, bool) {
	whole := cryptobyte.String(signature)
	in, ok := take(&whole, asn1.SEQUENCE)
	if !ok {
		return "", false
	}
	r, ok1 := takeInteger(&in, asn1.INTEGER)
	s, ok2 := takeInteger(&in, asn1.INTEGER)
	if !ok1 || !ok2 || !in.Empty() {
		return "", false
	}
	return labelled(8, "r:   ", r) + labelled(8, "s:   ", s), true
}

// labelled is a large number under its label, a small one beside it.
func labelled(indent int, label string, n *big.Int) string {
	pad := spaces(indent)
	if n.Sign() == 0 {
		return pad + label + " 0\n"
	}
	sign, after := "", ""
	if n.Sign() < 0 {
		sign, after = "-", " (Negative)"
	}
	if n.BitLen() <= 64 {
		m := new(big.Int).Abs(n)
		return fmt.Sprintf("%s%s %s%d (%s0x%x)\n", pad, label, sign, m, sign, m)
	}
	octets := n.Bytes()
	if octets[0]&0x80 != 0 {
		octets = append([]byte{0}, octets...)
	}
	return pad + label + after + "\n" + lines(octets, 15, spaces(indent+4)) + "\n"
}
