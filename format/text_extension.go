// SPDX-License-Identifier: Apache-2.0

package format

import (
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// An extension is one of a certificate, request, list or entry (RFC 5280 §4.1.2.9).
type extension struct {
	oid      string
	critical bool
	value    []byte
}

// readExtensions reads the content of an Extensions.
func readExtensions(in cryptobyte.String) (all []extension, ok bool) {
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		oid, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		critical, ok3 := takeBoolean(&one, asn1.BOOLEAN)
		value, ok4 := take(&one, asn1.OCTET_STRING)
		if !ok1 || !ok2 || !ok3 || !ok4 || !one.Empty() {
			return nil, false
		}
		all = append(all, extension{oid: oid, critical: critical, value: value})
	}
	return all, true
}

// text is the extension's name and value, with its line break. What is unknown or
// malformed is shown as octets, so that it never hides what follows.
func (e extension) text(indent int) string {
	head := spaces(indent) + longName(e.oid) + ": "
	if e.critical {
		head += "critical"
	}
	if show := form(e.oid); show != nil {
		if value, ok := show(e.value, spaces(indent+4)); ok {
			return head + "\n" + value + "\n"
		}
	}
	return head + "\n" + spaces(indent+4) + dots(e.value) + "\n"
}

// extensionsText is a list of extensions under its title; nothing if there are none.
func extensionsText(indent int, title string, all []extension) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(spaces(indent) + title + ":\n")
	for _, e := range all {
		b.WriteString(e.text(indent + 4))
	}
	return b.String()
}

// A show turns an extension's value into text, each line after pad, without the last
// line break. It fails if the value is malformed; octets after it are not looked at.
type show func(value cryptobyte.String, pad string) (string, bool)

// form says how an extension is shown, nil if it is unknown. The list is that of
// RFC 5280 §4.2, 5.2 and 5.3, and of what private authorities meet beside it. Those of
// routing (RFC 3779), of proxy certificates (RFC 3820) and of OCSP messages are not on it.
func form(oid string) show {
	switch oid {
	case "2.5.29.19":
		return showBasicConstraints
	case "2.5.29.15":
		return showKeyUsage
	case "2.16.840.1.113730.1.1":
		return showNetscapeType
	case "2.5.29.37":
		return showExtendedUsage
	case "2.5.29.14":
		return showOctets
	case "2.5.29.35":
		return showAuthorityKey
	case "2.5.29.17", "2.5.29.18", "2.5.29.29":
		return showAlternativeNames
	case "2.5.29.31", "2.5.29.46":
		return showPoints
	case "2.5.29.28":
		return showIssuingPoint
	case "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11":
		return showAccess
	case "2.5.29.32":
		return showPolicies
	case "2.5.29.33":
		return showPolicyMappings
	case "2.5.29.36":
		return showPolicyConstraints
	case "2.5.29.54", "2.5.29.20", "2.5.29.27":
		return showInteger
	case "2.5.29.30":
		return showNameConstraints
	case "2.5.29.16":
		return showKeyPeriod
	case "2.5.29.21":
		return showReason
	case "2.5.29.24":
		return showTime
	case "2.5.29.23":
		return showObject
	case "1.3.6.1.5.5.7.1.24":
		return showTLSFeature
	case "1.3.6.1.5.5.7.48.1.5":
		return showNoCheck
	case "1.3.6.1.4.1.11129.2.4.3":
		return showPoison
	case "1.3.6.1.4.1.11129.2.4.2", "1.3.6.1.4.1.11129.2.4.5":
		return showTimestamps
	case "2.16.840.1.113730.1.2", "2.16.840.1.113730.1.3", "2.16.840.1.113730.1.4", "2.16.840.1.113730.1.7",
		"2.16.840.1.113730.1.8", "2.16.840.1.113730.1.12", "2.16.840.1.113730.1.13":
		return showComment
	case "1.2.643.100.111":
		return showSigningTool
	}
	return nil
}

// empty is shown where a list has nothing in it.
const empty = "<EMPTY>\n"

// inOneLine is values between commas. It fails if there are none: the octets say more
// then, except for lists of names and places.
func inOneLine(values []string, pad string) (string, bool) {
	return pad + strings.Join(values, ", "), len(values) > 0
}

// inLines is each value in a line of its own; it fails like inOneLine.
func inLines(values []string, pad string) (string, bool) {
	return pad + strings.Join(values, "\n"+pad), len(values) > 0
}

func showBasicConstraints(value cryptobyte.String, pad string) (string, bool) {
	in, ok1 := take(&value, asn1.SEQUENCE)
	authority, ok2 := takeBoolean(&in, asn1.BOOLEAN)
	values := []string{"CA:FALSE"}
	if authority {
		values[0] = "CA:TRUE"
	}
	if !in.Empty() {
		n, ok := takeInteger(&in, asn1.INTEGER)
		if !ok {
			return "", false
		}
		values = append(values, "pathlen:"+number(n))
	}
	if !ok1 || !ok2 || !in.Empty() {
		return "", false
	}
	return inOneLine(values, pad)
}

// namedBits is the names of the bits that are set; a name that is empty is not used.
func namedBits(bits []byte, names []string) (values []string) {
	for i, name := range names {
		if bit(bits, i) {
			values = append(values, name)
		}
	}
	return values
}

func showKeyUsage(value cryptobyte.String, pad string) (string, bool) {
	bits, ok := takeBits(&value, asn1.BIT_STRING)
	if !ok {
		return "", false
	}
	return inOneLine(namedBits(bits, []string{"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment",
		"Key Agreement", "Certificate Sign", "CRL Sign", "Encipher Only", "Decipher Only"}), pad)
}

func showNetscapeType(value cryptobyte.String, pad string) (string, bool) {
	bits, ok := takeBits(&value, asn1.BIT_STRING)
	if !ok {
		return "", false
	}
	return inOneLine(namedBits(bits, []string{"SSL Client", "SSL Server", "S/MIME", "Object Signing", "Unused", "SSL CA",
		"S/MIME CA", "Object Signing CA"}), pad)
}

func showExtendedUsage(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var values []string
	for !in.Empty() {
		oid, ok := takeOID(&in, asn1.OBJECT_IDENTIFIER)
		if !ok {
			return "", false
		}
		values = append(values, listName(oid))
	}
	text, some := inOneLine(values, pad)
	return text, ok && some
}

func showOctets(value cryptobyte.String, pad string) (string, bool) {
	octets, ok := take(&value, asn1.OCTET_STRING)
	return pad + colons(octets), ok
}

func showAuthorityKey(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	id, hasID, ok1 := takeOptional(&in, implicit(0))
	issuer, hasIssuer, ok2 := takeOptional(&in, explicit(1))
	hasSerial := !in.Empty()
	var serial *big.Int
	ok3 := true
	if hasSerial {
		serial, ok3 = takeInteger(&in, implicit(2))
	}
	names, ok4 := readGeneralNames(issuer)
	values, ok5 := listed(names)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !in.Empty() {
		return "", false
	}
	if hasID {
		label := ""
		if hasIssuer || hasSerial {
			label = "keyid:"
		}
		values = append([]string{label + colons(id)}, values...)
	}
	if hasSerial {
		values = append(values, "serial:"+colons(magnitude(serial)))
	}
	return inLines(values, pad)
}

func showAlternativeNames(value cryptobyte.String, pad string) (string, bool) {
	in, ok1 := take(&value, asn1.SEQUENCE)
	names, ok2 := readGeneralNames(in)
	values, ok3 := listed(names)
	if ok1 && ok2 && len(names) == 0 {
		return pad + empty, true
	}
	text, ok4 := inOneLine(values, pad)
	return text, ok1 && ok2 && ok3 && ok4
}

func showAccess(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var values []string
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		method, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		name, ok3 := takeGeneralName(&one)
		if !ok1 || !ok2 || !ok3 || !one.Empty() {
			return "", false
		}
		label, text, ok := name.inList()
		if !ok {
			return "", false
		}
		values = append(values, listName(method)+" - "+label+":"+text)
	}
	if len(values) == 0 {
		return pad + empty, ok
	}
	text, _ := inLines(values, pad)
	return text, ok
}

func showInteger(value cryptobyte.String, pad string) (string, bool) {
	n, ok := takeInteger(&value, asn1.INTEGER)
	if !ok {
		return "", false
	}
	return pad + number(n), true
}

func showReason(value cryptobyte.String, pad string) (string, bool) {
	n, ok := takeInteger(&value, asn1.ENUM)
	if !ok {
		return "", false
	}
	names := []string{"Unspecified", "Key Compromise", "CA Compromise", "Affiliation Changed", "Superseded",
		"Cessation Of Operation", "Certificate Hold", "", "Remove From CRL", "Privilege Withdrawn", "AA Compromise"}
	if n.IsInt64() && n.Int64() >= 0 && n.Int64() < int64(len(names)) && names[n.Int64()] != "" {
		return pad + names[n.Int64()], true
	}
	return pad + number(n), true
}

func showTime(value cryptobyte.String, pad string) (string, bool) {
	v, ok := takeAny(&value)
	return pad + moment(v), ok && v.tag == asn1.GeneralizedTime
}

func showKeyPeriod(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	from, hasFrom, ok1 := takeOptional(&in, implicit(0))
	until, hasUntil, ok2 := takeOptional(&in, implicit(1))
	var values []string
	if hasFrom {
		values = append(values, "Not Before: "+moment(element{tag: asn1.GeneralizedTime, content: from}))
	}
	if hasUntil {
		values = append(values, "Not After: "+moment(element{tag: asn1.GeneralizedTime, content: until}))
	}
	return pad + strings.Join(values, ", "), ok && ok1 && ok2 && in.Empty()
}

func showObject(value cryptobyte.String, pad string) (string, bool) {
	oid, ok := takeOID(&value, asn1.OBJECT_IDENTIFIER)
	return pad + longName(oid), ok
}

func showTLSFeature(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var values []string
	for !in.Empty() {
		n, ok := takeInteger(&in, asn1.INTEGER)
		if !ok {
			return "", false
		}
		switch n.String() {
		case "5":
			values = append(values, "status_request")
		case "17":
			values = append(values, "status_request_v2")
		default:
			values = append(values, number(n))
		}
	}
	text, some := inOneLine(values, pad)
	return text, ok && some
}

func showNoCheck(value cryptobyte.String, _ string) (string, bool) {
	_, ok := take(&value, asn1.NULL)
	return "", ok
}

func showPoison(value cryptobyte.String, pad string) (string, bool) {
	_, ok := take(&value, asn1.NULL)
	return pad + "NULL", ok
}

func showComment(value cryptobyte.String, pad string) (string, bool) {
	text, ok := take(&value, asn1.IA5String)
	return pad + visible(text), ok
}

func showSigningTool(value cryptobyte.String, pad string) (string, bool) {
	text, ok := take(&value, asn1.UTF8String)
	return pad + visible(text), ok
}
