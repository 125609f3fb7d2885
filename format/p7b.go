// SPDX-License-Identifier: Apache-2.0

package format

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Content types of PKCS#7 (RFC 5652 §4, §5.1), as content octets.
const (
	oidData       = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidSignedData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
)

// P7B writes certificates, and lists if there are any, as a SignedData that nobody
// signed (RFC 5652 §5.1 and RFC 2315 §9.1: version 1), in DER. The order is kept,
// which DER would not have for a SET OF and BER does: clients of EST take the first
// certificate for theirs.
func P7B(certificates, lists [][]byte) ([]byte, error) {
	if len(certificates)+len(lists) == 0 {
		return nil, unfit("there is nothing to write into the P7B file", "name at least one certificate")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oidSignedData))
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(asn1.SET, raw("")) // no digests
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oidData)) })
				addSet(b, explicit(0), certificates)
				addSet(b, explicit(1), lists)
				b.AddASN1(asn1.SET, raw("")) // no signers
			})
		})
	})
	return b.Bytes()
}

// addSet writes an optional set of whole elements.
func addSet(b *cryptobyte.Builder, tag asn1.Tag, ders [][]byte) {
	if len(ders) == 0 {
		return
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, der := range ders {
			b.AddBytes(der)
		}
	})
}

// raw adds octets that are encoded already.
func raw(octets string) cryptobyte.BuilderContinuation {
	return func(b *cryptobyte.Builder) { b.AddBytes([]byte(octets)) }
}

// pkcs7 takes certificates and lists out of a SignedData. Signatures over a message,
// if there are any, are not looked at: they say nothing about the certificates.
func (r *reader) pkcs7(data []byte) error {
	der, err := toDER(data)
	if err != nil {
		return damaged("the PKCS#7 file")
	}
	all := cryptobyte.String(der)
	info, ok1 := take(&all, asn1.SEQUENCE)
	_, ok2 := take(&info, asn1.OBJECT_IDENTIFIER)
	content, ok3 := take(&info, explicit(0))
	signed, ok4 := take(&content, asn1.SEQUENCE)
	ok5 := signed.SkipASN1(asn1.INTEGER) && signed.SkipASN1(asn1.SET) && signed.SkipASN1(asn1.SEQUENCE)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return damaged("the PKCS#7 file")
	}
	for _, part := range []struct {
		tag  asn1.Tag
		want shape
	}{{explicit(0), certificate}, {explicit(1), list}} {
		var set cryptobyte.String
		var present bool
		if !signed.ReadOptionalASN1(&set, &present, part.tag) {
			return damaged("the PKCS#7 file")
		}
		if err := r.set(set, part.want); err != nil {
			return err
		}
	}
	if !signed.SkipASN1(asn1.SET) || !signed.Empty() {
		return damaged("the PKCS#7 file")
	}
	return nil
}

// set takes each element of a set. Other tags than SEQUENCE are attribute
// certificates and foreign forms (RFC 5652 §10.2), which are passed over.
func (r *reader) set(in cryptobyte.String, want shape) error {
	for !in.Empty() {
		var one cryptobyte.String
		var tag asn1.Tag
		if !in.ReadAnyASN1Element(&one, &tag) {
			return damaged("the PKCS#7 file")
		}
		if tag != asn1.SEQUENCE {
			continue
		}
		if err := r.document(want, Item{DER: one}); err != nil {
			return err
		}
	}
	return nil
}
