// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"
)

// maxFields bounds a distinguished name; honest ones have a dozen fields.
const maxFields = 32

// maxFieldValue is the length of an Attribute's value in octets.
const maxFieldValue = 255

// escaped are the characters that a value in a name's text has a backslash before
// (RFC 4514 §2.4), wherever they stand.
const escaped = `,+"\<>;=`

// String writes a name in the order of its encoding, widest field first, with the short
// names and escapes of RFC 4514, such as C=DE,O=Lab\, Inc. It is not that text itself,
// which is the other way round: a name is typed, kept and shown in one order here. ParseDN
// reads it back; string types are not in it.
func (s Subject) String() string {
	var b strings.Builder
	for i, a := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		a.write(&b)
	}
	return b.String()
}

func (a Attribute) write(b *strings.Builder) {
	b.WriteString(attributeName(a.OID))
	b.WriteByte('=')
	for j := 0; j < len(a.Value); j++ {
		c := a.Value[j]
		if strings.IndexByte(escaped, c) >= 0 || c == '#' && j == 0 || c == ' ' && (j == 0 || j == len(a.Value)-1) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
}

// EncodedName writes the name in a certificate, a list or a request, which is DER, as
// String does: in its own order, where pkix.Name.String turns it round. Fields that stand
// side by side are joined by "+", and a value that is no text is "#" and its DER in hex
// (RFC 4514 §2.4). It is for display: what cannot be read at all is "".
func EncodedName(der []byte) string {
	var rdns []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	var b strings.Builder
	for i, set := range rdns {
		for rest, first := set.Bytes, true; len(rest) > 0; first = false {
			var field struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &field); err != nil {
				return ""
			}
			switch {
			case !first:
				b.WriteByte('+')
			case i > 0:
				b.WriteByte(',')
			}
			one := Attribute{OID: field.Type.String()}
			if _, err := asn1.Unmarshal(field.Value.FullBytes, &one.Value); err != nil {
				fmt.Fprintf(&b, "%s=#%x", attributeName(one.OID), field.Value.FullBytes)
				continue
			}
			one.write(&b)
		}
	}
	return b.String()
}

// ParseDN reads a distinguished name as Subject.String writes it: FIELD=VALUE, joined by
// commas, in the order of encoding; spaces about either side are no part of it. A
// field is a short name such as CN, O, OU, C, ST, L, DC, in any case, or an object
// identifier. Several fields joined by "+", and values in hex, are refused. The
// Problem is E2120. An empty text is an empty name.
func ParseDN(text string) (Subject, error) {
	if text == "" {
		return nil, nil
	}
	var s Subject
	for rest, more := text, true; more; {
		if len(s) == maxFields {
			return nil, badDN(text, fmt.Sprintf("it has more than %d fields", maxFields))
		}
		key, after, ok := strings.Cut(rest, "=")
		oid := attributeOID(strings.Trim(key, " "))
		if !ok || oid == "" {
			return nil, badDN(text, "a field is NAME=VALUE, with a name such as CN, O, OU, C, ST, L, DC or an object identifier")
		}
		var value, fault string
		if value, rest, more, fault = cutValue(after); fault != "" {
			return nil, badDN(text, fault)
		}
		if value == "" || len(value) > maxFieldValue || !PlainText(value) {
			return nil, badDN(text, fmt.Sprintf("a value has 1 to %d octets and no control characters", maxFieldValue))
		}
		s = append(s, Attribute{OID: oid, Value: value})
	}
	return s, nil
}

// cutValue reads a value up to the next comma that is not escaped.
func cutValue(text string) (value, rest string, more bool, fault string) {
	var b []byte
	keep := 0 // what of b must not be trimmed, as it was escaped
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ',':
			return trimmed(b, keep), text[i+1:], true, ""
		case c == '\\':
			if i++; i == len(text) || strings.IndexByte(escaped+"# ", text[i]) < 0 {
				return "", "", false, `a backslash stands before one of , + " \ < > ; = # and space`
			}
			b = append(b, text[i])
			keep = len(b)
		case c == '+':
			return "", "", false, "fields joined by + are not supported; write a \\ before a + that belongs to the value"
		case strings.IndexByte(escaped, c) >= 0 || c == '#' && len(b) == 0:
			return "", "", false, "write a \\ before the character " + string(rune(c))
		case c == ' ' && len(b) == 0:
		default:
			b = append(b, c)
		}
	}
	return trimmed(b, keep), "", false, ""
}

// trimmed drops spaces at the end that nobody escaped.
func trimmed(b []byte, keep int) string {
	return string(b[:keep]) + strings.TrimRight(string(b[keep:]), " ")
}

func badDN(text, fault string) *Problem {
	return Invalid(E2120, Show(text)+" is not a distinguished name: "+fault, "write it as C=DE,O=Lab,CN=Lab CA").At("subject")
}

// attributeOID is the object identifier of a field's short name, in any case, or
// of itself; "" if it is neither.
func attributeOID(name string) string {
	for _, oid := range []string{OIDCommonName, OIDSerialNumber, OIDCountry, OIDLocality, OIDState, OIDOrganization, OIDUnit, OIDDomain, OIDUserID, OIDEmail, OIDSurname, OIDGivenName, OIDTitle} {
		if oid == name || strings.EqualFold(attributeName(oid), name) {
			return oid
		}
	}
	if isOID(name) {
		return name
	}
	return ""
}

// isOID tells whether a text is an object identifier in dotted decimal, with arcs
// below 2^31 as common decoders hold them.
func isOID(s string) bool {
	arcs := strings.Split(s, ".")
	if len(arcs) < 2 || len(s) > maxOID {
		return false
	}
	for i, a := range arcs {
		if _, err := strconv.ParseUint(a, 10, 31); err != nil || len(a) > 1 && a[0] == '0' {
			return false
		}
		if i == 0 && (len(a) > 1 || a[0] > '2') || i == 1 && arcs[0] != "2" && (len(a) > 2 || len(a) == 2 && a > "39") {
			return false
		}
	}
	return true
}

// maxOID bounds an object identifier's text, in octets.
const maxOID = 100
