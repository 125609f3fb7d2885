// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// bmpString is UTF-16 in big-endian order (X.690 §8.23.9), as older tools of Windows write.
const bmpString = asn1.Tag(30)

// challenge reads a challenge password: one DirectoryString (RFC 2985 §5.4.1), or the
// IA5String of older tools. One that nobody could give again is refused, and not dropped:
// its owner would count on it.
func challenge(values cryptobyte.String) (ca.Private, error) {
	var body cryptobyte.String
	var tag asn1.Tag
	if !values.ReadAnyASN1(&body, &tag) || !values.Empty() {
		return nil, malformed("challenge password")
	}
	text := bytes.Clone(body)
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String:
	case asn1.T61String: // in practice ISO 8859-1, or ASCII
		text = nil
		for _, b := range body {
			text = utf8.AppendRune(text, rune(b))
		}
	case bmpString:
		if len(body)%2 != 0 {
			return nil, malformed("challenge password")
		}
		units := make([]uint16, len(body)/2)
		for i := range units {
			units[i] = uint16(body[2*i])<<8 | uint16(body[2*i+1])
		}
		text = []byte(string(utf16.Decode(units)))
	default:
		return nil, malformed("challenge password")
	}
	if len(text) == 0 || len(text) > ca.MaxChallenge || !ca.PlainText(string(text)) || bytes.ContainsRune(text, utf8.RuneError) {
		return nil, malformed("challenge password")
	}
	return text, nil
}

// withoutChallenge gives a request that Parse has read without its challenge password. The
// signature, which was over it, does not verify any more.
func withoutChallenge(der []byte) ([]byte, error) {
	all := cryptobyte.String(der)
	outer, _ := child(&all, asn1.SEQUENCE)
	info, _ := child(&outer, asn1.SEQUENCE)
	var version, subject, spki cryptobyte.String
	_ = info.ReadASN1Element(&version, asn1.INTEGER) // Parse has seen them all
	_ = info.ReadASN1Element(&subject, asn1.SEQUENCE)
	_ = info.ReadASN1Element(&spki, asn1.SEQUENCE)
	set, _ := child(&info, asn1.Tag(0).ContextSpecific().Constructed())
	var kept []byte
	for !set.Empty() {
		var attribute cryptobyte.String
		if !set.ReadASN1Element(&attribute, asn1.SEQUENCE) {
			return nil, malformed("list of attributes")
		}
		within := attribute
		body, _ := child(&within, asn1.SEQUENCE)
		if id, _ := oid(&body); id != oidChallenge {
			kept = append(kept, attribute...)
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(version)
			b.AddBytes(subject)
			b.AddBytes(spki)
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(kept) })
		})
		b.AddBytes(outer) // algorithm and signature
	})
	return b.Bytes()
}

// Storable tells whether bytes that were called a request may be kept as they are, whatever
// they are: they have no challenge password in them.
func Storable(der []byte) bool { return !bytes.Contains(der, []byte(oidChallenge)) }
