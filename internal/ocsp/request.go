// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// MaxRequest is the most octets of a request (security rule RV-06): ten CertIDs of the
// longest hash take a fifth.
const MaxRequest = 8 << 10

// maxExtensions bounds those of a request and of each CertID; clients send one or two.
const maxExtensions = 8

var (
	// ErrMalformed is any request that is not DER of RFC 6960 §4.1.1 within the bounds:
	// the answer is malformedRequest.
	ErrMalformed = errors.New("malformed OCSP request")
	// ErrForeign is a request whose CertIDs use a hash that is not known here, so that
	// nobody's certificate is named: the answer is unauthorized.
	ErrForeign = errors.New("the hash of a CertID is not known")
)

// A Request is what is asked of a responder.
type Request struct {
	// IDs are 1 to ca.MaxOCSPCertIDs, in the order they were asked.
	IDs []ca.CertID
	// Nonce is repeated in the answer, 1 to ca.MaxOCSPNonce octets; nil if there was none.
	Nonce []byte
}

// The tags and identifiers of a request (RFC 6960 §4.1.1).
const (
	version1   = asn1.Tag(0xa0)
	requestor  = asn1.Tag(0xa1)
	extensions = asn1.Tag(0xa2)
	signature  = asn1.Tag(0xa0)
	singles    = asn1.Tag(0xa0)

	oidNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // id-pkix-ocsp-nonce
)

// Parse reads a request. The error is ErrMalformed or ErrForeign. A name and a signature
// are passed over, as are extensions that are not critical; one that is, and is not the
// nonce, is refused, for nobody here knows what it asks (RFC 6960 §4.4).
func Parse(der []byte) (Request, error) {
	var r Request
	if len(der) > MaxRequest {
		return r, fmt.Errorf("%w: %d octets are more than %d", ErrMalformed, len(der), MaxRequest)
	}
	in := cryptobyte.String(der)
	var whole, tbs, list cryptobyte.String
	if !in.ReadASN1(&whole, asn1.SEQUENCE) || !in.Empty() || !whole.ReadASN1(&tbs, asn1.SEQUENCE) {
		return r, ErrMalformed
	}
	if !skipSignature(&whole) || tbs.PeekASN1Tag(version1) { // DER leaves the default out (X.690 §11.5)
		return r, ErrMalformed
	}
	if !skipName(&tbs) || !tbs.ReadASN1(&list, asn1.SEQUENCE) || list.Empty() {
		return r, ErrMalformed
	}
	for !list.Empty() {
		if len(r.IDs) == ca.MaxOCSPCertIDs {
			return Request{}, fmt.Errorf("%w: more than %d CertIDs", ErrMalformed, ca.MaxOCSPCertIDs)
		}
		id, err := readOne(&list)
		if err != nil {
			return Request{}, err
		}
		r.IDs = append(r.IDs, id)
	}
	var ok bool
	if r.Nonce, ok = readExtensions(&tbs, extensions, true); !ok || !tbs.Empty() {
		return Request{}, ErrMalformed
	}
	return r, nil
}

// skipSignature passes over the signature of who asks, which ends a request.
func skipSignature(s *cryptobyte.String) bool {
	if s.Empty() {
		return true
	}
	var wrapped, body cryptobyte.String
	return s.ReadASN1(&wrapped, signature) && s.Empty() && wrapped.ReadASN1(&body, asn1.SEQUENCE) && wrapped.Empty() &&
		body.SkipASN1(asn1.SEQUENCE) && body.SkipASN1(asn1.BIT_STRING) && body.SkipOptionalASN1(asn1.Tag(0xa0)) && body.Empty()
}

// skipName passes over the GeneralName of who asks.
func skipName(s *cryptobyte.String) bool {
	var wrapped, name cryptobyte.String
	var tag asn1.Tag
	return !s.PeekASN1Tag(requestor) ||
		s.ReadASN1(&wrapped, requestor) && wrapped.ReadAnyASN1(&name, &tag) && wrapped.Empty() && byte(tag)&0xc0 == 0x80
}

// readOne reads a Request of the list: a CertID, and extensions that say nothing to us.
func readOne(list *cryptobyte.String) (id ca.CertID, err error) {
	var one, cert cryptobyte.String
	if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&cert, asn1.SEQUENCE) {
		return id, ErrMalformed
	}
	if _, ok := readExtensions(&one, singles, false); !ok || !one.Empty() {
		return id, ErrMalformed
	}
	return readCertID(cert)
}

// readCertID reads the content of a CertID.
func readCertID(s cryptobyte.String) (id ca.CertID, err error) {
	var algorithm, oid, name, key cryptobyte.String
	if !s.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!s.ReadASN1(&name, asn1.OCTET_STRING) || !s.ReadASN1(&key, asn1.OCTET_STRING) {
		return id, ErrMalformed
	}
	if id.Serial, err = readSerial(&s); err != nil || !s.Empty() {
		return id, ErrMalformed
	}
	id.Parameters = !algorithm.Empty()
	if id.Parameters && string(algorithm) != "\x05\x00" {
		return id, ErrMalformed
	}
	for _, h := range hashes {
		if string(oid) == h.oid {
			if len(name) != h.size || len(key) != h.size {
				return id, ErrMalformed
			}
			id.Hash, id.NameHash, id.KeyHash = h.name, name, key
			return id, nil
		}
	}
	return id, ErrForeign
}

// hashes are those of a CertID.
var hashes = [...]struct {
	name, oid string
	size      int
}{
	{"sha1", "\x2b\x0e\x03\x02\x1a", 20},
	{"sha256", "\x60\x86\x48\x01\x65\x03\x04\x02\x01", 32},
	{"sha384", "\x60\x86\x48\x01\x65\x03\x04\x02\x02", 48},
	{"sha512", "\x60\x86\x48\x01\x65\x03\x04\x02\x03", 64},
}

// readSerial reads an INTEGER that is positive, in the fewest octets.
func readSerial(s *cryptobyte.String) (ca.Serial, error) {
	var c cryptobyte.String
	if !s.ReadASN1(&c, asn1.INTEGER) || len(c) == 0 || c[0] > 0x7f || c[0] == 0 && (len(c) == 1 || c[1] < 0x80) {
		return "", ErrMalformed
	}
	return ca.SerialFromBytes(c)
}

// readExtensions reads extensions in an explicit tag, if they are there, and gives the
// nonce among them where one can be.
func readExtensions(s *cryptobyte.String, tag asn1.Tag, nonced bool) (nonce []byte, ok bool) {
	if !s.PeekASN1Tag(tag) {
		return nil, true
	}
	var wrapped, list cryptobyte.String
	if !s.ReadASN1(&wrapped, tag) || !wrapped.ReadASN1(&list, asn1.SEQUENCE) || !wrapped.Empty() || list.Empty() {
		return nil, false
	}
	for n := 0; !list.Empty(); n++ {
		var one, oid, value cryptobyte.String
		if n == maxExtensions || !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, false
		}
		critical := one.PeekASN1Tag(asn1.BOOLEAN)
		if critical && !readTrue(&one) || !one.ReadASN1(&value, asn1.OCTET_STRING) || !one.Empty() {
			return nil, false
		}
		if !nonced || string(oid) != oidNonce {
			if critical {
				return nil, false
			}
			continue
		}
		var octets cryptobyte.String
		// RFC 9654 §2.1: what has none, or more than 128 octets, must be refused.
		if nonce != nil || !value.ReadASN1(&octets, asn1.OCTET_STRING) || !value.Empty() || len(octets) == 0 || len(octets) > ca.MaxOCSPNonce {
			return nil, false
		}
		nonce = octets
	}
	return nonce, true
}

// readTrue reads a BOOLEAN that is TRUE; FALSE is the default, which DER leaves out.
func readTrue(s *cryptobyte.String) bool {
	var c cryptobyte.String
	return s.ReadASN1(&c, asn1.BOOLEAN) && string(c) == "\xff"
}

// Encode writes a request, unsigned, in DER.
func Encode(r Request) ([]byte, error) {
	if len(r.IDs) == 0 || len(r.IDs) > ca.MaxOCSPCertIDs || len(r.Nonce) > ca.MaxOCSPNonce {
		return nil, fmt.Errorf("write an OCSP request: %d CertIDs and a nonce of %d octets", len(r.IDs), len(r.Nonce))
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for i := range r.IDs {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addCertID(b, &r.IDs[i]) })
				}
			})
			if len(r.Nonce) == 0 {
				return
			}
			b.AddASN1(extensions, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidNonce)) })
						b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(r.Nonce) })
					})
				})
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write an OCSP request: %w", err)
	}
	return der, nil
}

func addCertID(b *cryptobyte.Builder, id *ca.CertID) {
	oid := ""
	for _, h := range hashes {
		if h.name == id.Hash && h.size == len(id.NameHash) && h.size == len(id.KeyHash) {
			oid = h.oid
		}
	}
	serial := id.Serial.Bytes()
	if oid == "" || len(serial) == 0 || serial[0] == 0 {
		b.SetError(fmt.Errorf("the CertID of serial number %q is none", string(id.Serial)))
		return
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oid)) })
			if id.Parameters {
				b.AddASN1NULL()
			}
		})
		b.AddASN1OctetString(id.NameHash)
		b.AddASN1OctetString(id.KeyHash)
		b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) {
			if serial[0] > 0x7f {
				b.AddUint8(0)
			}
			b.AddBytes(serial)
		})
	})
}
