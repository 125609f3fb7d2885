// SPDX-License-Identifier: Apache-2.0

package format

import (
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// namesUnder is each name in a line of its own, two further in than pad, without the
// last line break.
func namesUnder(names []generalName, pad string) string {
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = pad + "  " + n.String()
	}
	return strings.Join(values, "\n")
}

// pointName is a DistributionPointName (RFC 5280 §4.2.1.13). The full form has no line
// break at its end and the relative one has: this is how OpenSSL 3.0 writes them, so
// that what follows a full name stands in the same line.
func pointName(in cryptobyte.String, pad string) (string, bool) {
	if full, there, ok := takeOptional(&in, explicit(0)); !ok {
		return "", false
	} else if there {
		names, ok := readGeneralNames(full)
		return pad + "Full Name:\n" + namesUnder(names, pad), ok && in.Empty()
	}
	set, ok := take(&in, explicit(1))
	if !ok || !in.Empty() {
		return "", false
	}
	name, ok := readRelativeName(nil, set, 0)
	return pad + "Relative Name:\n" + pad + "  " + distinguished(name) + "\n", ok
}

// reasons is ReasonFlags under a title, with the line break.
func reasons(title string, in *cryptobyte.String, tag asn1.Tag, pad string) (string, bool) {
	bits, ok := takeBits(in, tag)
	values := namedBits(bits, []string{"Unused", "Key Compromise", "CA Compromise", "Affiliation Changed", "Superseded",
		"Cessation Of Operation", "Certificate Hold", "Privilege Withdrawn", "AA Compromise"})
	text := strings.Join(values, ", ")
	if len(values) == 0 {
		text = "<EMPTY>"
	}
	return pad + title + ":\n" + pad + "  " + text + "\n", ok
}

// showPoints is CRL distribution points, and where the newest delta is.
func showPoints(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var points []string
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		text, ok2 := point(one, pad)
		if !ok1 || !ok2 {
			return "", false
		}
		points = append(points, text)
	}
	return strings.Join(points, "\n"), ok
}

// point is one distribution point.
func point(in cryptobyte.String, pad string) (text string, ok bool) {
	name, there, ok := takeOptional(&in, explicit(0))
	if !ok {
		return "", false
	}
	if there {
		if text, ok = pointName(name, pad); !ok {
			return "", false
		}
	}
	if in.PeekASN1Tag(implicit(1)) {
		why, ok := reasons("Reasons", &in, implicit(1), pad)
		if !ok {
			return "", false
		}
		text += why
	}
	issuer, there, ok1 := takeOptional(&in, explicit(2))
	names, ok2 := readGeneralNames(issuer)
	if there {
		text += pad + "CRL Issuer:\n" + namesUnder(names, pad)
	}
	return text, ok1 && ok2 && in.Empty()
}

// showIssuingPoint is what a list covers (RFC 5280 §5.2.5).
func showIssuingPoint(value cryptobyte.String, pad string) (text string, ok bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	if !ok {
		return "", false
	}
	name, there, ok := takeOptional(&in, explicit(0))
	if !ok {
		return "", false
	}
	if there {
		if text, ok = pointName(name, pad); !ok {
			return "", false
		}
	}
	flag := func(n uint8, title string) string {
		value, fine := takeBoolean(&in, implicit(n))
		if ok = ok && fine; value {
			return pad + title + "\n"
		}
		return ""
	}
	text += flag(1, "Only User Certificates") + flag(2, "Only CA Certificates")
	some := ""
	if in.PeekASN1Tag(implicit(3)) {
		var fine bool
		some, fine = reasons("Only Some Reasons", &in, implicit(3), pad)
		ok = ok && fine
	}
	// The order of the lines is not that of the encoding.
	text += flag(4, "Indirect CRL") + some + flag(5, "Only Attribute Certificates")
	if text == "" {
		text = pad + empty
	}
	return text, ok && in.Empty()
}
