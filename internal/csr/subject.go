// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// maxFields bounds a subject; honest ones have a dozen.
	maxFields = 32
	// maxValue is the longest value in octets of UTF-8 (ca.Attribute).
	maxValue = 255
	// String types of X.680 that crypto/cryptobyte does not name.
	tagNumeric = asn1.Tag(18)
	tagBMP     = asn1.Tag(30)
)

// readSubject lists the fields of a distinguished name in their order. RDNs of
// several attributes are taken apart: we encode subjects anew, so their grouping
// decides nothing. Empty values, as some devices send, count as absent.
func (p *Parsed) readSubject(rdns cryptobyte.String) error {
	for !rdns.Empty() {
		set, ok := child(&rdns, asn1.SET)
		if !ok || set.Empty() {
			return badSubject("the subject is malformed", "")
		}
		for !set.Empty() {
			if len(p.Subject) == maxFields {
				return badSubject(fmt.Sprintf("the subject has more than %d fields", maxFields), "")
			}
			a, err := readField(&set)
			if err != nil {
				return err
			}
			if a.Value == "" {
				p.Dropped = append(p.Dropped, "an empty subject field")
				continue
			}
			p.Subject = append(p.Subject, a)
		}
	}
	return nil
}

// readField reads one AttributeTypeAndValue (RFC 5280 §4.1.2.4).
func readField(set *cryptobyte.String) (ca.Attribute, error) {
	pair, ok1 := child(set, asn1.SEQUENCE)
	id, ok2 := oid(&pair)
	var raw cryptobyte.String
	var tag asn1.Tag
	if !ok1 || !ok2 || !pair.ReadAnyASN1(&raw, &tag) || !pair.Empty() {
		return ca.Attribute{}, badSubject("the subject is malformed", "")
	}
	a := ca.Attribute{OID: fieldOID(id)}
	field := fieldName(a.OID)
	text, ok := fieldText(raw, tag)
	switch {
	case !ok:
		return a, badSubject("the subject field "+field+" is in an encoding that is not accepted", field)
	case len(text) > maxValue:
		return a, badSubject(fmt.Sprintf("the subject field %s is longer than %d octets", field, maxValue), field)
	case !ca.PlainText(text):
		return a, badSubject("the subject field "+field+" holds control characters: "+ca.Show(text), field)
	}
	a.Value = text
	switch t := ca.StringType(tag); t {
	case ca.UTF8String, ca.PrintableString, ca.IA5String:
		a.Type = t
	}
	return a, nil
}

// fieldText decodes a value. TeletexString is taken where it is ASCII, because
// nobody agrees on the rest of it. UTF-8 is judged by ca.PlainText.
func fieldText(raw cryptobyte.String, tag asn1.Tag) (string, bool) {
	switch tag {
	case asn1.UTF8String:
		return string(raw), true
	case asn1.PrintableString, asn1.IA5String, asn1.T61String, tagNumeric:
		for _, c := range raw {
			if c >= 0x80 {
				return "", false
			}
		}
		return string(raw), true
	case tagBMP:
		if len(raw)%2 == 1 || len(raw) > 2*maxValue {
			return "", false
		}
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(raw[2*i:])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

// fieldOID is dotted decimal, without work for the usual fields.
func fieldOID(id string) string {
	if len(id) == 3 && id[:2] == "\x55\x04" {
		switch id[2] {
		case 3:
			return ca.OIDCommonName
		case 6:
			return ca.OIDCountry
		case 7:
			return ca.OIDLocality
		case 8:
			return ca.OIDState
		case 10:
			return ca.OIDOrganization
		case 11:
			return ca.OIDUnit
		}
	}
	return dotted(id)
}

// fieldName is the short name of a field, such as CN, for messages.
func fieldName(id string) string {
	name, _, _ := strings.Cut(ca.Subject{{OID: id}}.String(), "=")
	return name
}

// badSubject is E2120.
func badSubject(detail, field string) *ca.Problem {
	p := ca.Invalid(ca.E2120, detail, "correct the subject and make the request again")
	if field != "" {
		field = "subject." + field
	} else {
		field = "subject"
	}
	return p.At(field)
}
