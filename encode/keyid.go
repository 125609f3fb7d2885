// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// A keyIdentifier is what an authority key identifier says (RFC 5280 §4.2.1.1).
type keyIdentifier struct {
	key []byte
	// named says that the signer's certificate is named too: issuer is its issuer's
	// name in DER, serial its number without sign octet.
	named  bool
	issuer []byte
	serial []byte
}

// identifier is the form without the certificate's name, which the caller adds
// where named says so.
func identifier(key []byte, form ca.AKIForm) (keyIdentifier, error) {
	switch form {
	case "", ca.AKIKeyID:
		return keyIdentifier{key: key}, nil
	case ca.AKIIssuer:
		return keyIdentifier{key: key, named: true}, nil
	}
	return keyIdentifier{}, fmt.Errorf("there is no authority key identifier of form %q", form)
}

// identifierOf is what names an authority in what it signs.
func identifierOf(a *ca.Authority, form ca.AKIForm) (keyIdentifier, error) {
	id, err := identifier(a.SKI, form)
	if err != nil || !id.named {
		return id, err
	}
	in := cryptobyte.String(a.Certificate)
	var body, tbs, serial, issuer cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipASN1(asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.ReadASN1(&serial, asn1.INTEGER) ||
		!tbs.SkipASN1(asn1.SEQUENCE) || !tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) || len(serial) == 0 {
		return id, errors.New("its certificate is malformed")
	}
	if id.serial = serial; len(serial) > 1 && serial[0] == 0 {
		id.serial = serial[1:]
	}
	id.issuer = issuer
	return id, nil
}

// addAuthorityKeyID names the issuer's key. It stands in roots too: strict
// verifiers want it everywhere.
func addAuthorityKeyID(b *cryptobyte.Builder, id keyIdentifier) {
	if len(id.key) == 0 || len(id.key) > maxKeyID { // one from elsewhere has the length it was given there
		b.SetError(fmt.Errorf("the authority's key identifier has %d octets, not 1 to %d", len(id.key), maxKeyID))
		return
	}
	addExtension(b, oidAuthorityKeyID, uncritical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addString(b, asn1.Tag(0).ContextSpecific(), string(id.key))
			if !id.named {
				return
			}
			b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(tagDirectory, func(b *cryptobyte.Builder) { b.AddBytes(id.issuer) })
			})
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { addNatural(b, id.serial) })
		})
	})
}

// addNatural writes a number's content: it is positive, so a first octet with its
// highest bit set gets a zero before it.
func addNatural(b *cryptobyte.Builder, octets []byte) {
	if len(octets) > 0 && octets[0] > 0x7f {
		b.AddUint8(0)
	}
	b.AddBytes(octets)
}
