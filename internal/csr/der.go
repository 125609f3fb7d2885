// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/x509"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxDepth bounds nesting. A request's deepest honest place is a general name
// within an extension within an attribute: 9.
const maxDepth = 16

// errDER is why a document is not DER.
var errDER = errors.New("it is not in DER (X.690 §10, §11)")

// canonical walks a document once and refuses what has a second encoding: long
// lengths, padded integers, loose booleans and bit strings, data after the end.
// The order within a SET OF is not demanded: honest clients get it wrong, and
// nothing of ours is computed from a re-encoding.
func canonical(in cryptobyte.String, depth int) error {
	if depth > maxDepth {
		return errors.New("it is nested too deep")
	}
	for !in.Empty() {
		var body cryptobyte.String
		var tag asn1.Tag
		if !in.ReadAnyASN1(&body, &tag) { // refuses long tags and long lengths
			return errDER
		}
		if !honest(tag, body) {
			return errDER
		}
		if tag&0x20 == 0 { // primitive
			continue
		}
		if err := canonical(body, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// honest judges the content of a primitive of the universal class, and that
// string types are primitive as DER wants them.
func honest(tag asn1.Tag, body cryptobyte.String) bool {
	switch tag {
	case 0:
		return false // end of contents: a mark of the indefinite form
	case asn1.BOOLEAN:
		return len(body) == 1 && (body[0] == 0 || body[0] == 0xff)
	case asn1.INTEGER, asn1.ENUM:
		return len(body) > 0 && (len(body) == 1 || !(body[0] == 0 && body[1] < 0x80 || body[0] == 0xff && body[1] >= 0x80))
	case asn1.BIT_STRING:
		return len(body) > 0 && body[0] < 8 && (len(body) > 1 || body[0] == 0) && (body[0] == 0 || body[len(body)-1]&(1<<body[0]-1) == 0)
	case asn1.NULL:
		return len(body) == 0
	case asn1.OBJECT_IDENTIFIER:
		return honestOID(body)
	case asn1.SEQUENCE, asn1.SET:
		return true
	}
	// SEQUENCE and SET are the only universal types that may be constructed.
	return tag&0xc0 != 0 || tag&0x20 == 0
}

// honestOID wants minimal, complete arcs (X.690 §8.19).
func honestOID(body cryptobyte.String) bool {
	start := true
	for _, b := range body {
		if start && b == 0x80 {
			return false
		}
		start = b < 0x80
	}
	return len(body) > 0 && start
}

// child reads one element of the given tag and nothing of what follows.
func child(in *cryptobyte.String, tag asn1.Tag) (cryptobyte.String, bool) {
	var out cryptobyte.String
	ok := in.ReadASN1(&out, tag)
	return out, ok
}

// oid reads an object identifier as its content octets: comparing them needs no
// decoding and no memory.
func oid(in *cryptobyte.String) (string, bool) {
	body, ok := child(in, asn1.OBJECT_IDENTIFIER)
	return string(body), ok
}

// dotted writes an object identifier's content octets in decimal.
func dotted(body string) string {
	var id x509.OID
	if id.UnmarshalBinary([]byte(body)) != nil {
		return "of no known form"
	}
	return id.String()
}
