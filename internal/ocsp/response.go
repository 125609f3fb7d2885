// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"bytes"
	"crypto/sha1" // a responder's name is the SHA-1 of its key (RFC 6960 §4.2.1)
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// MaxResponse bounds what a responder may answer, in octets: ten answers, and a
// certificate or two of RSA keys, stay far below.
const MaxResponse = 64 << 10

// maxCertificates bounds those that a response carries.
const maxCertificates = 8

// TryLater is the state of a responder that cannot say anything now (RFC 6960 §4.2.1).
const TryLater = 3

// The states of a response that has no answer in it (RFC 6960 §4.2.1), in its words.
var failures = map[int]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}

// A Failure is a response without an answer. Nobody signs it.
type Failure struct{ Status int }

// Error is the RFC's word.
func (f Failure) Error() string {
	if word, ok := failures[f.Status]; ok {
		return word
	}
	return fmt.Sprintf("status %d", f.Status)
}

// A Response is what a responder said. Nothing in it is believed before Signer.
type Response struct {
	ProducedAt time.Time
	Singles    []ca.OCSPSingle
	// Nonce is nil if there is none.
	Nonce []byte
	// Certificates are those that came with it, in DER.
	Certificates [][]byte
	// KeyHash is the SHA-1 of the responder's key; nil if it named itself otherwise.
	KeyHash []byte
	// Algorithm is what it was signed with, as encode.SignatureAlgorithm takes it; empty
	// if that is not known here.
	Algorithm string
	Signature []byte

	tbs  []byte
	name []byte // the responder's subject in DER, instead of KeyHash
}

var errResponse = errors.New("malformed OCSP response")

// Read reads a response in DER. A Failure is its error if it holds no answer.
func Read(der []byte) (Response, error) {
	var r Response
	in := cryptobyte.String(der)
	var whole, wrapped, body, oid, basic cryptobyte.String
	var status int
	if len(der) > MaxResponse || !in.ReadASN1(&whole, asn1.SEQUENCE) || !in.Empty() || !whole.ReadASN1Enum(&status) {
		return r, errResponse
	}
	if status != 0 {
		return r, Failure{status}
	}
	if !whole.ReadASN1(&wrapped, singles) || !whole.Empty() || !wrapped.ReadASN1(&body, asn1.SEQUENCE) || !wrapped.Empty() ||
		!body.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || string(oid) != "\x2b\x06\x01\x05\x05\x07\x30\x01\x01" ||
		!body.ReadASN1(&basic, asn1.OCTET_STRING) || !body.Empty() || !r.readBasic(basic) {
		return r, errResponse
	}
	return r, nil
}

// readBasic reads a BasicOCSPResponse.
func (r *Response) readBasic(s cryptobyte.String) bool {
	var body, tbs, algorithm, oid, wrapped, list cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !s.Empty() || !body.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!body.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1BitStringAsBytes(&r.Signature) {
		return false
	}
	r.tbs = tbs
	for _, a := range algorithms {
		if string(oid) == a.oid {
			r.Algorithm = a.name
		}
	}
	if !body.Empty() {
		if !body.ReadASN1(&wrapped, singles) || !body.Empty() || !wrapped.ReadASN1(&list, asn1.SEQUENCE) || !wrapped.Empty() {
			return false
		}
		for !list.Empty() {
			var one cryptobyte.String
			if len(r.Certificates) == maxCertificates || !list.ReadASN1Element(&one, asn1.SEQUENCE) {
				return false
			}
			r.Certificates = append(r.Certificates, one)
		}
	}
	return r.readData(tbs)
}

// algorithms are those that responders sign with, by the content of their identifiers.
var algorithms = [...]struct {
	oid, name string
	x509      x509.SignatureAlgorithm
}{
	{"\x2a\x86\x48\xce\x3d\x04\x03\x02", "ecdsa+sha256", x509.ECDSAWithSHA256},
	{"\x2a\x86\x48\xce\x3d\x04\x03\x03", "ecdsa+sha384", x509.ECDSAWithSHA384},
	{"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ecdsa+sha512", x509.ECDSAWithSHA512},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "rsa+sha256", x509.SHA256WithRSA},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "rsa+sha384", x509.SHA384WithRSA},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "rsa+sha512", x509.SHA512WithRSA},
	{"\x2b\x65\x70", "ed25519", x509.PureEd25519},
}

// signed tells whether the signature is that of a certificate's key.
func (r *Response) signed(by *x509.Certificate) error {
	for _, a := range algorithms {
		if a.name == r.Algorithm {
			return by.CheckSignature(a.x509, r.tbs, r.Signature)
		}
	}
	return errors.New("its algorithm is not known here")
}

// readData reads a ResponseData.
func (r *Response) readData(s cryptobyte.String) bool {
	var body, id, list cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || body.PeekASN1Tag(version1) {
		return false
	}
	switch {
	case body.PeekASN1Tag(asn1.Tag(0xa1)):
		if !body.ReadASN1(&id, asn1.Tag(0xa1)) {
			return false
		}
		r.name = id
	case !body.ReadASN1(&id, asn1.Tag(0xa2)) || !id.ReadASN1Bytes(&r.KeyHash, asn1.OCTET_STRING) || !id.Empty():
		return false
	}
	if !body.ReadASN1GeneralizedTime(&r.ProducedAt) || !body.ReadASN1(&list, asn1.SEQUENCE) || list.Empty() {
		return false
	}
	for !list.Empty() {
		var one cryptobyte.String
		if len(r.Singles) == ca.MaxOCSPCertIDs || !list.ReadASN1(&one, asn1.SEQUENCE) {
			return false
		}
		single, ok := readSingle(one)
		if !ok {
			return false
		}
		r.Singles = append(r.Singles, single)
	}
	var ok bool
	r.Nonce, ok = readExtensions(&body, asn1.Tag(0xa1), true)
	return ok && body.Empty()
}

// readSingle reads a SingleResponse.
func readSingle(s cryptobyte.String) (single ca.OCSPSingle, ok bool) {
	var cert, status, next cryptobyte.String
	var tag asn1.Tag
	if !s.ReadASN1(&cert, asn1.SEQUENCE) {
		return single, false
	}
	var err error
	if single.CertID, err = readCertID(cert); err != nil || !s.ReadAnyASN1(&status, &tag) {
		return single, false
	}
	switch byte(tag) {
	case 0x80:
		single.Status, ok = ca.OCSPGood, status.Empty()
	case 0x82:
		single.Status, ok = ca.OCSPUnknown, status.Empty()
	case 0xa1:
		single.Status, ok = ca.OCSPRevoked, readRevoked(&status, &single)
	}
	if !ok || !s.ReadASN1GeneralizedTime(&single.ThisUpdate) {
		return single, false
	}
	if s.PeekASN1Tag(singles) && (!s.ReadASN1(&next, singles) || !next.ReadASN1GeneralizedTime(&single.NextUpdate) || !next.Empty()) {
		return single, false
	}
	_, ok = readExtensions(&s, asn1.Tag(0xa1), false)
	return single, ok && s.Empty()
}

// readRevoked reads a RevokedInfo.
func readRevoked(s *cryptobyte.String, single *ca.OCSPSingle) bool {
	if !s.ReadASN1GeneralizedTime(&single.RevokedAt) {
		return false
	}
	var wrapped cryptobyte.String
	var reason int
	if s.Empty() {
		return true
	}
	ok := s.ReadASN1(&wrapped, singles) && s.Empty() && wrapped.ReadASN1Enum(&reason) && wrapped.Empty()
	single.Reason = ca.Reason(reason)
	return ok
}

// Signer verifies the response, and gives the certificate whose key signed it: the
// issuer's own, or one that the issuer made for that and that stands at the time (RFC 6960
// §4.2.2.2). Whether the times of the answers fit is Current's matter.
func (r Response) Signer(issuer *x509.Certificate, now time.Time) (*x509.Certificate, error) {
	if r.by(issuer) {
		if err := r.signed(issuer); err != nil {
			return nil, fmt.Errorf("its signature is not that of %s: %w", issuer.Subject, err)
		}
		return issuer, nil
	}
	for _, der := range r.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil || !r.by(c) {
			continue
		}
		switch {
		case !bytes.Equal(c.RawIssuer, issuer.RawSubject) || c.CheckSignatureFrom(issuer) != nil:
			return nil, fmt.Errorf("%s, which signed it, is not certified by %s", c.Subject, issuer.Subject)
		case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
			return nil, fmt.Errorf("%s, which signed it, may not sign OCSP", c.Subject)
		case now.Before(c.NotBefore) || now.After(c.NotAfter):
			return nil, fmt.Errorf("the certificate of %s, which signed it, is good from %s to %s", c.Subject, c.NotBefore, c.NotAfter)
		}
		if err := r.signed(c); err != nil {
			return nil, fmt.Errorf("its signature is not that of %s: %w", c.Subject, err)
		}
		return c, nil
	}
	return nil, fmt.Errorf("it is signed by nobody who may answer for %s", issuer.Subject)
}

// by tells whether the response names the certificate's holder as its signer.
func (r Response) by(c *x509.Certificate) bool {
	if r.name != nil {
		return bytes.Equal(r.name, c.RawSubject)
	}
	octets, err := keyOctets(c.RawSubjectPublicKeyInfo)
	sum := sha1.Sum(octets)
	return err == nil && bytes.Equal(sum[:], r.KeyHash)
}

// Current gives what the response says of a CertID, if it is of this time: a clock may
// be so much off.
func (r Response) Current(id ca.CertID, now time.Time, skew time.Duration) (ca.OCSPSingle, error) {
	for _, s := range r.Singles {
		if s.CertID.Serial != id.Serial || s.CertID.Hash != id.Hash || !bytes.Equal(s.CertID.NameHash, id.NameHash) || !bytes.Equal(s.CertID.KeyHash, id.KeyHash) {
			continue
		}
		switch {
		case s.ThisUpdate.After(now.Add(skew)):
			return s, fmt.Errorf("its answer is of %s, which is not yet", s.ThisUpdate)
		case !s.NextUpdate.IsZero() && s.NextUpdate.Before(now.Add(-skew)):
			return s, fmt.Errorf("its answer ended at %s", s.NextUpdate)
		}
		return s, nil
	}
	return ca.OCSPSingle{}, errors.New("it does not speak of the certificate that was asked about")
}
