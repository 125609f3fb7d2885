// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A Parsed is a request with what was needed to read it, so that Check need not
// read it again. Only Parse makes one; Check refuses the zero value.
type Parsed struct {
	ca.CSR
	// Challenge is the challenge password (RFC 2985 §5.4.1) in UTF-8, nil if there is none.
	// It stands in Whole, and not in Raw.
	Challenge ca.Private
	request   *x509.CertificateRequest
}

// Parse reads a request in DER, at most ca.MaxCSR octets. It judges syntax, the
// key and the form of names, and what no request may ask for; it does not verify
// the signature. The slices of the result point into der, which must not change.
//
// The error is a ca.Problem: E2203 unreadable or signed with a broken hash, E2204
// key, E2205 forbidden wishes and malformed extensions, E2107 a type of name
// nobody certifies, E2109 too many names, E2110 malformed name, E2120 malformed
// subject.
func Parse(der []byte) (Parsed, error) {
	if len(der) > ca.MaxCSR {
		return Parsed{}, unreadable(fmt.Sprintf("the request has %d octets, at most %d are accepted", len(der), ca.MaxCSR), "ask for fewer names, or leave extensions out")
	}
	if err := canonical(cryptobyte.String(der), 0); err != nil {
		return Parsed{}, notARequest(der, err.Error())
	}
	parts, fault := split(der)
	if fault != "" {
		return Parsed{}, notARequest(der, fault)
	}
	p := Parsed{CSR: ca.CSR{Raw: der, SPKI: parts.spki, Key: sha256.Sum256(parts.spki)}}
	if err := p.read(parts); err != nil {
		return Parsed{}, err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		if _, bad := x509.ParsePKIXPublicKey(parts.spki); bad != nil {
			return Parsed{}, badKey("the public key is malformed")
		}
		return Parsed{}, notARequest(der, "its parts do not fit together")
	}
	if err := faultOfHash(request.SignatureAlgorithm); err != nil {
		return Parsed{}, err
	}
	if err := faultOfKey(request.PublicKey); err != nil {
		return Parsed{}, err
	}
	p.request = request
	if p.Challenge != nil {
		if p.Raw, err = withoutChallenge(der); err != nil {
			return Parsed{}, err
		}
		p.Whole = der
	}
	return p, nil
}

// Check verifies the request's signature by its own key: proof that whoever asks
// holds the private key. The Problem is E2203.
func Check(p Parsed) error {
	if p.request == nil {
		return unreadable("there is no request", howTo)
	}
	if p.request.CheckSignature() != nil {
		return unreadable("the request's signature does not verify", "make the request again with the right key").
			Because("the signature proves possession of the private key (RFC 2986 §4.2)")
	}
	return nil
}

// parts are the places of a request that are read further.
type parts struct {
	spki       []byte // the whole element
	key        cryptobyte.String
	subject    cryptobyte.String
	attributes cryptobyte.String
}

// split cuts a CertificationRequest (RFC 2986 §4.2) and leaves nothing over.
func split(der []byte) (parts, string) {
	var p parts
	all := cryptobyte.String(der)
	outer, ok := child(&all, asn1.SEQUENCE)
	if !ok || !all.Empty() {
		return p, "it is not one SEQUENCE"
	}
	info, ok1 := child(&outer, asn1.SEQUENCE)
	algorithm, ok2 := child(&outer, asn1.SEQUENCE)
	signature, ok3 := child(&outer, asn1.BIT_STRING)
	if !ok1 || !ok2 || !ok3 || !outer.Empty() || len(signature) < 2 || signature[0] != 0 {
		return p, "it has not the three parts of a request"
	}
	if _, ok := oid(&algorithm); !ok {
		return p, "its signature algorithm is malformed"
	}
	version, ok := child(&info, asn1.INTEGER)
	if !ok || string(version) != "\x00" {
		return p, "its version is not 0"
	}
	var spki cryptobyte.String
	p.subject, ok1 = child(&info, asn1.SEQUENCE)
	ok2 = info.ReadASN1Element(&spki, asn1.SEQUENCE)
	if !ok1 || !ok2 {
		return p, "it has no subject or no public key"
	}
	p.spki = spki
	p.key, _ = child(&spki, asn1.SEQUENCE)
	// RFC 2986 demands the attributes' tag even when there are none; older Java and
	// Netscape leave it out.
	if !info.ReadOptionalASN1(&p.attributes, nil, asn1.Tag(0).ContextSpecific().Constructed()) || !info.Empty() {
		return p, "something follows its attributes"
	}
	return p, ""
}

// read fills in key type, subject and what the attributes ask for.
func (p *Parsed) read(from parts) error {
	var err error
	if p.KeyType, p.Bits, err = keyType(from.key); err != nil {
		return err
	}
	if err := p.readSubject(from.subject); err != nil {
		return err
	}
	return p.readAttributes(from.attributes)
}

// faultOfHash refuses signatures by broken hashes and by DSA. crypto/x509 would
// still verify SHA-1 on requests.
func faultOfHash(a x509.SignatureAlgorithm) error {
	var word string
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA:
		word = "with MD5"
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		word = "with SHA-1"
	case x509.DSAWithSHA1, x509.DSAWithSHA256:
		word = "by DSA"
	case x509.UnknownSignatureAlgorithm:
		word = "in a way that is not known here"
	default:
		return nil
	}
	return unreadable("the request is signed "+word, "sign it with SHA-256 or better: `openssl req -new -sha256 …`").
		Because("a signature by a broken hash proves nothing (security rule PF-07)")
}
