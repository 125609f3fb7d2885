// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate puts the to-be-signed bytes, which stay exactly as they are, and
// the signature over them together, with the algorithm the bytes name (RFC 5280
// §4.1.1). It does not look whether the signature is right.
func Certificate(tbs, sig []byte) ([]byte, error) {
	algorithm, ok := algorithmOf(tbs)
	if !ok || len(sig) == 0 {
		return nil, errors.New("nothing to put together: the bytes name no signature algorithm or the signature is empty")
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(algorithm)+len(sig)+16))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(sig)
	})
	return b.Bytes()
}

// algorithmOf is the AlgorithmIdentifier that to-be-signed bytes name.
func algorithmOf(tbs cryptobyte.String) (algorithm cryptobyte.String, ok bool) {
	ok = tbs.ReadASN1(&tbs, asn1.SEQUENCE) &&
		tbs.SkipASN1(asn1.Tag(0).ContextSpecific().Constructed()) && tbs.SkipASN1(asn1.INTEGER) &&
		tbs.ReadASN1Element(&algorithm, asn1.SEQUENCE)
	return algorithm, ok
}

// Signature gives the signature of a certificate in DER, if the certificate is
// these to-be-signed bytes, octet for octet, their own signature algorithm, and a
// signature (security rules LN-03, SG-10). It does not look whether the
// signature is right.
func Signature(der, tbs []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var body, part, outer cryptobyte.String
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
	if inner, ok := algorithmOf(part); !ok || !bytes.Equal(inner, outer) {
		return nil, errors.New("the certificate's two signature algorithms differ")
	}
	return sig, nil
}
