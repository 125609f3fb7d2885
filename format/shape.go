// SPDX-License-Identifier: Apache-2.0

package format

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A shape is what the outer two levels of a DER document look like.
type shape int

const (
	noShape shape = iota
	certificate
	list
	request
	publicKey    // SubjectPublicKeyInfo (RFC 5280 §4.1)
	pkcs8Key     // RFC 5958 §2
	encryptedKey // RFC 5958 §3
	rsaKey       // PKCS#1 (RFC 8017 §A.1.2)
	ecKey        // SEC 1 (RFC 5915 §3)
	pkcs7File    // SignedData (RFC 5652 §5.1)
	pkcs12File   // PFX (RFC 7292 §4)
)

// shapeOf tells what a document is. It looks no deeper than it must: what a
// certificate says is for others to judge.
func shapeOf(der []byte) shape {
	all := cryptobyte.String(der)
	body, ok := take(&all, asn1.SEQUENCE)
	if !ok || !all.Empty() {
		return noShape
	}
	t, first := outline(body)
	switch {
	case t[0] == asn1.OBJECT_IDENTIFIER && t[1] == explicit(0) && string(first) == oidSignedData:
		return pkcs7File
	case t[0] == asn1.INTEGER && t[1] == asn1.SEQUENCE && t[2] == asn1.OCTET_STRING:
		return pkcs8Key
	case t[0] == asn1.INTEGER && t[1] == asn1.SEQUENCE && len(first) == 1 && first[0] == 3:
		return pkcs12File
	case t[0] == asn1.INTEGER && t[1] == asn1.INTEGER:
		return rsaKey
	case t[0] == asn1.INTEGER && t[1] == asn1.OCTET_STRING:
		return ecKey
	case t[0] == asn1.SEQUENCE && t[1] == asn1.OCTET_STRING && t[2] == 0:
		return encryptedKey
	case t[0] == asn1.SEQUENCE && t[1] == asn1.BIT_STRING && t[2] == 0:
		return publicKey
	case t[0] == asn1.SEQUENCE && t[1] == asn1.SEQUENCE && t[2] == asn1.BIT_STRING && t[3] == 0:
		return signedShape(first)
	}
	return noShape
}

// signedShape tells certificate, list and request apart by what is signed.
func signedShape(body cryptobyte.String) shape {
	if body.PeekASN1Tag(explicit(0)) { // the version of a certificate, absent in the first one
		_, _ = take(&body, explicit(0))
		if t, _ := outline(body); t == [5]asn1.Tag{asn1.INTEGER, asn1.SEQUENCE, asn1.SEQUENCE, asn1.SEQUENCE, asn1.SEQUENCE} {
			return certificate
		}
		return noShape
	}
	withVersion := body.PeekASN1Tag(asn1.INTEGER) // the serial number, or the version of a list or request
	if withVersion {
		_, _ = take(&body, asn1.INTEGER)
	}
	t, _ := outline(body)
	switch {
	case t[0] != asn1.SEQUENCE || t[1] != asn1.SEQUENCE:
		return noShape
	case t[2] == asn1.UTCTime || t[2] == asn1.GeneralizedTime:
		return list
	case !withVersion:
		return noShape
	case t[2] == asn1.SEQUENCE && t[3] == asn1.SEQUENCE:
		return certificate
	case t[2] == explicit(0) || t[2] == 0:
		return request
	}
	return noShape
}

// outline gives the tags of the first five elements, 0 where there are fewer, and the
// content of the first one. A tag of 0xff stands for an element that cannot be read.
func outline(in cryptobyte.String) (tags [5]asn1.Tag, first cryptobyte.String) {
	for i := 0; i < len(tags) && !in.Empty(); i++ {
		var body cryptobyte.String
		if !in.ReadAnyASN1(&body, &tags[i]) {
			tags[i] = 0xff
			break
		}
		if i == 0 {
			first = body
		}
	}
	return tags, first
}
