// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate puts the to-be-signed bytes, which stay exactly as they are, and
// the signature over them by a key of the type together (RFC 5280 §4.1.1). It
// does not look whether the signature is right.
func Certificate(tbs []byte, keyType string, sig []byte) ([]byte, error) {
	if len(tbs) == 0 || len(sig) == 0 {
		return nil, errors.New("nothing to put together: the bytes or the signature are empty")
	}
	algorithm, _, err := SignatureAlgorithm(keyType)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(algorithm)+len(sig)+16))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(sig)
	})
	return b.Bytes()
}

// Signature gives the signature of a certificate in DER, if the certificate is
// these to-be-signed bytes, octet for octet, their own signature algorithm, and a
// signature (security rules LN-03, SG-10). It does not look whether the
// signature is right.
func Signature(der, tbs []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var body, part, inner, outer cryptobyte.String
	var sig []byte
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1Element(&part, asn1.SEQUENCE) ||
		!body.ReadASN1Element(&outer, asn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&sig) || !body.Empty() || len(sig) == 0 {
		return nil, errors.New("malformed certificate")
	}
	if !bytes.Equal(part, tbs) {
		return nil, errors.New("the certificate's signed part is not the one intended")
	}
	if !part.ReadASN1(&part, asn1.SEQUENCE) ||
		!part.SkipASN1(asn1.Tag(0).ContextSpecific().Constructed()) || !part.SkipASN1(asn1.INTEGER) ||
		!part.ReadASN1Element(&inner, asn1.SEQUENCE) || !bytes.Equal(inner, outer) {
		return nil, errors.New("the certificate's two signature algorithms differ")
	}
	return sig, nil
}
