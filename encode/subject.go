// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// maxValue is the length of an attribute value in octets that ca.Attribute allows.
const maxValue = 255

// SubjectDER is a distinguished name in DER, one attribute per RDN in the order
// given. An empty subject is an empty SEQUENCE. A value that its string type or
// its attribute cannot hold is refused with E2120.
func SubjectDER(s ca.Subject) ([]byte, error) {
	var b cryptobyte.Builder
	addSubject(&b, s)
	return b.Bytes()
}

func addSubject(b *cryptobyte.Builder, s ca.Subject) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range s {
			tag, err := stringType(a)
			if err != nil {
				b.SetError(err)
				return
			}
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, a.OID)
					addString(b, asn1.Tag(tag), a.Value)
				})
			})
		}
	})
}

// addString writes a primitive of the tag with the text's octets.
func addString(b *cryptobyte.Builder, tag asn1.Tag, text string) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
}

// stringType is the string type an attribute is written with, or why it cannot
// be written.
func stringType(a ca.Attribute) (ca.StringType, error) {
	if a.Value == "" || len(a.Value) > maxValue || utf8.RuneCountInString(a.Value) > upperBound(a.OID) {
		return 0, subjectProblem(a, fmt.Sprintf("has %d characters", utf8.RuneCountInString(a.Value)),
			fmt.Sprintf("use 1 to %d characters", upperBound(a.OID)))
	}
	if !ca.PlainText(a.Value) {
		return 0, subjectProblem(a, "is not plain text", "use UTF-8 without control characters")
	}
	if a.OID == ca.OIDCountry && (len(a.Value) != 2 || !isPrintable(a.Value)) {
		return 0, subjectProblem(a, "is not a country", "use the two letters of ISO 3166, such as DE")
	}
	t := a.Type
	switch a.OID {
	case ca.OIDCountry, ca.OIDSerialNumber: // RFC 5280 appendix A allows no other
		if t == 0 {
			t = ca.PrintableString
		}
		if t != ca.PrintableString {
			return 0, subjectProblem(a, "has the wrong string type", "this field is a PrintableString")
		}
	case ca.OIDDomain, ca.OIDEmail:
		if t == 0 {
			t = ca.IA5String
		}
		if t != ca.IA5String {
			return 0, subjectProblem(a, "has the wrong string type", "this field is an IA5String")
		}
	default:
		if t == 0 && isPrintable(a.Value) {
			t = ca.PrintableString
		} else if t == 0 {
			t = ca.UTF8String
		}
	}
	switch {
	case t == ca.UTF8String, t == ca.PrintableString && isPrintable(a.Value), t == ca.IA5String && isASCII(a.Value):
		return t, nil
	}
	return 0, subjectProblem(a, "has a character its string type cannot hold", "use letters, digits, spaces and '()+,-./:=?")
}

func subjectProblem(a ca.Attribute, what, fix string) error {
	return ca.Invalid(ca.E2120, "the subject field "+ca.Subject{a}.String()+" "+what, fix).At("subject")
}

// upperBound is the largest number of characters of an attribute (RFC 5280
// appendix A.1; RFC 4524 §2.19 for the user's id). What has no bound there gets ours.
func upperBound(oid string) int {
	switch oid {
	case ca.OIDCountry:
		return 2
	case ca.OIDCommonName, ca.OIDSerialNumber, ca.OIDOrganization, ca.OIDUnit, ca.OIDTitle, ca.OIDSurname, ca.OIDGivenName:
		return 64
	case ca.OIDLocality, ca.OIDState:
		return 128
	}
	return maxValue
}

// isPrintable tells whether a PrintableString may hold the text (X.680 §41.4).
// '*' and '&', which some decoders let pass, are not in the set.
func isPrintable(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', '\'' <= c && c <= ')',
			'+' <= c && c <= '/', c == ' ', c == ':', c == '=', c == '?':
		default:
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
