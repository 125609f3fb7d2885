// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// The identifiers of OCSP, whole: the basic response and the nonce (RFC 6960 §4.2.1,
// §4.4.1), and an answer's extension that carries the nonce without its two headers.
const (
	ocspBasic = "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01"
	ocspNonce = "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02"
)

// The tags of an answer, as they stand (RFC 6960 §4.2.1).
const (
	wrapped0 asn1.Tag = 0xa0
	wrapped1 asn1.Tag = 0xa1
	wrapped2 asn1.Tag = 0xa2
	implied0 asn1.Tag = 0x80
	implied2 asn1.Tag = 0x82
)

// An OCSPResponse is what a responder says and signs (RFC 6960 §4.2.1): version 1, the
// responder named by its key, no extension but the nonce.
type OCSPResponse struct {
	// KeyHash is the SHA-1 of the responder's key: KeyHash's with "sha1", whatever the
	// hash of the CertIDs (RFC 6960 §4.2.1).
	KeyHash []byte
	// ProducedAt is in whole seconds from 1950 to 9999, as are all times here.
	ProducedAt time.Time
	// Singles are 1 to ca.MaxOCSPCertIDs.
	Singles []ca.OCSPSingle
	// Nonce is repeated as it was asked, 1 to ca.MaxOCSPNonce octets; an empty one is left out.
	Nonce []byte
}

// TBS writes the tbsResponseData in DER. What cannot be encoded is refused; whether it
// is true is not asked here.
func (r OCSPResponse) TBS() ([]byte, error) {
	tbs, err := r.tbs()
	if err != nil {
		return nil, fmt.Errorf("encode an OCSP response: %w", err)
	}
	return tbs, nil
}

func (r *OCSPResponse) tbs() ([]byte, error) {
	switch {
	case len(r.KeyHash) != 20:
		return nil, errors.New("the responder's key hash does not have 20 octets")
	case len(r.Singles) == 0 || len(r.Singles) > ca.MaxOCSPCertIDs:
		return nil, fmt.Errorf("it would speak of %d certificates, not of 1 to %d", len(r.Singles), ca.MaxOCSPCertIDs)
	case len(r.Nonce) > ca.MaxOCSPNonce:
		return nil, fmt.Errorf("a nonce of %d octets is longer than %d", len(r.Nonce), ca.MaxOCSPNonce)
	}
	w := backwards{b: make([]byte, 128+len(r.Nonce)+len(r.Singles)*maxSingle)}
	w.at = len(w.b)
	end := w.at
	if len(r.Nonce) > 0 {
		w.bytes(r.Nonce)
		w.header(asn1.OCTET_STRING, end) // the nonce is an OCTET STRING (RFC 9654 §2.1),
		w.header(asn1.OCTET_STRING, end) // and an extension's value is one, too
		w.text(ocspNonce)
		w.header(asn1.SEQUENCE, end)
		w.header(asn1.SEQUENCE, end)
		w.header(wrapped1, end)
	}
	list := w.at
	for i := len(r.Singles) - 1; i >= 0; i-- {
		if err := w.single(&r.Singles[i]); err != nil {
			return nil, fmt.Errorf("serial number %q: %w", string(r.Singles[i].CertID.Serial), err)
		}
	}
	w.header(asn1.SEQUENCE, list)
	if err := w.time(r.ProducedAt); err != nil {
		return nil, err
	}
	id := w.at
	w.bytes(r.KeyHash)
	w.header(asn1.OCTET_STRING, id)
	w.header(wrapped2, id)
	w.header(asn1.SEQUENCE, end)
	return w.b[w.at:], nil
}

// maxSingle is room for what is said of one certificate: two digests of 64 octets, a
// serial number of 21, three times of 17, and less than 64 octets around them.
const maxSingle = 2*64 + 21 + 3*17 + 64

// single writes a SingleResponse.
func (w *backwards) single(s *ca.OCSPSingle) error {
	if !s.ThisUpdate.Before(s.NextUpdate) {
		return errors.New("the next update is not after this one")
	}
	end := w.at
	if err := w.time(s.NextUpdate); err != nil {
		return err
	}
	w.header(wrapped0, end)
	if err := w.time(s.ThisUpdate); err != nil {
		return err
	}
	status := w.at
	switch s.Status {
	case ca.OCSPGood:
		w.header(implied0, status)
	case ca.OCSPUnknown:
		w.header(implied2, status)
	case ca.OCSPRevoked:
		if !s.Reason.Listed() {
			return fmt.Errorf("the reason %d revokes nothing", s.Reason)
		}
		if s.Reason != ca.Unspecified { // left out when it says nothing (RFC 5280 §5.3.1)
			w.octet(byte(s.Reason))
			w.header(asn1.ENUM, status)
			w.header(wrapped0, status)
		}
		if err := w.time(s.RevokedAt); err != nil {
			return err
		}
		w.header(wrapped1, status)
	default:
		return fmt.Errorf("there is no status %d", s.Status)
	}
	if err := w.certID(&s.CertID); err != nil {
		return err
	}
	w.header(asn1.SEQUENCE, end)
	return nil
}

// certID writes a CertID as it was asked, parameters of the hash included.
func (w *backwards) certID(id *ca.CertID) error {
	hash, oid := ocspHash(id.Hash)
	if hash == 0 {
		return fmt.Errorf("no hash of names and keys is called %q", id.Hash)
	}
	if len(id.NameHash) != hash.Size() || len(id.KeyHash) != hash.Size() {
		return fmt.Errorf("digests of %d and %d octets are none of %s", len(id.NameHash), len(id.KeyHash), id.Hash)
	}
	end := w.at
	if err := w.serial(id.Serial); err != nil {
		return err
	}
	key := w.at
	w.bytes(id.KeyHash)
	w.header(asn1.OCTET_STRING, key)
	name := w.at
	w.bytes(id.NameHash)
	w.header(asn1.OCTET_STRING, name)
	algorithm := w.at
	if id.Parameters {
		w.text("\x05\x00")
	}
	w.text(oid)
	w.header(asn1.SEQUENCE, algorithm)
	w.header(asn1.SEQUENCE, end)
	return nil
}

// The states of an OCSPResponse that has no answer in it (RFC 6960 §4.2.1).
const (
	OCSPMalformed    = 1 // malformedRequest
	OCSPInternal     = 2 // internalError
	OCSPTryLater     = 3 // tryLater
	OCSPUnauthorized = 6 // unauthorized: not asked of us (RFC 5019 §2.2.3)
)

// FailedOCSP is a whole OCSPResponse in DER that says one of these states and no
// more. Nobody signs it: whoever is on the way could have written it.
func FailedOCSP(status int) ([]byte, error) {
	switch status {
	case OCSPMalformed, OCSPInternal, OCSPTryLater, OCSPUnauthorized:
		return []byte{byte(asn1.SEQUENCE), 3, byte(asn1.ENUM), 1, byte(status)}, nil
	}
	return nil, fmt.Errorf("an OCSP response cannot fail with status %d", status)
}

// SignedOCSP is a whole, successful OCSPResponse in DER: the bytes of tbs, which stay
// exactly as they are, the algorithm of the name (ca.Authority.Algorithm), the signature
// over them, and the certificates in DER that whoever reads it needs beside the issuer's: the
// delegated responder's, or none (RFC 6960 §4.2.1). It does not look whether the
// signature is right.
func SignedOCSP(tbs []byte, algorithm string, signature []byte, certificates ...[]byte) ([]byte, error) {
	if len(tbs) == 0 || len(signature) == 0 {
		return nil, errors.New("put an OCSP response together: no bytes, or no signature")
	}
	identifier, _, err := SignatureAlgorithm(algorithm)
	if err != nil {
		return nil, err
	}
	size := len(tbs) + len(identifier) + len(signature) + 64 // 64: the headers, eight at most
	for _, c := range certificates {
		size += len(c)
	}
	w := backwards{b: make([]byte, size), at: size}
	if len(certificates) > 0 {
		for i := len(certificates) - 1; i >= 0; i-- {
			w.bytes(certificates[i])
		}
		w.header(asn1.SEQUENCE, size)
		w.header(wrapped0, size)
	}
	sig := w.at
	w.bytes(signature)
	w.octet(0) // no unused bits
	w.header(asn1.BIT_STRING, sig)
	w.bytes(identifier)
	w.bytes(tbs)
	w.header(asn1.SEQUENCE, size)
	w.header(asn1.OCTET_STRING, size)
	w.text(ocspBasic)
	w.header(asn1.SEQUENCE, size)
	w.header(wrapped0, size)
	w.text("\x0a\x01\x00") // successful
	w.header(asn1.SEQUENCE, size)
	return w.b[w.at:], nil
}
