// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// String types that package asn1 does not name (X.680 §8).
const (
	tagNumeric   = asn1.Tag(18)
	tagVisible   = asn1.Tag(26)
	tagUniversal = asn1.Tag(28)
	tagBMP       = asn1.Tag(30)
)

// An attribute is one part of a distinguished name.
type attribute struct {
	oid   string
	value element
	// rdn numbers the relative name it belongs to: parts of one share it.
	rdn int
}

// readName reads the content of a Name (RFC 5280 §4.1.2.4).
func readName(in cryptobyte.String) ([]attribute, bool) {
	var all []attribute
	for rdn := 0; !in.Empty(); rdn++ {
		set, ok := take(&in, asn1.SET)
		if !ok {
			return nil, false
		}
		if all, ok = readRelativeName(all, set, rdn); !ok {
			return nil, false
		}
	}
	return all, true
}

// readRelativeName appends the parts of one relative name.
func readRelativeName(all []attribute, set cryptobyte.String, rdn int) ([]attribute, bool) {
	for !set.Empty() {
		pair, ok1 := take(&set, asn1.SEQUENCE)
		oid, ok2 := takeOID(&pair, asn1.OBJECT_IDENTIFIER)
		value, ok3 := takeAny(&pair)
		if !ok1 || !ok2 || !ok3 || !pair.Empty() {
			return nil, false
		}
		all = append(all, attribute{oid: oid, value: value, rdn: rdn})
	}
	return all, true
}

// takeName reads a Name.
func takeName(in *cryptobyte.String) ([]attribute, bool) {
	content, ok := take(in, asn1.SEQUENCE)
	if !ok {
		return nil, false
	}
	return readName(content)
}

// distinguished is a name as subject and issuer are shown: C = DE, CN = x.
func distinguished(name []attribute) string {
	var b strings.Builder
	for i, a := range name {
		switch {
		case i == 0:
		case name[i-1].rdn == a.rdn:
			b.WriteString(" + ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(shortName(a.oid))
		b.WriteString(" = ")
		b.WriteString(escaped(a.value))
	}
	return b.String()
}

// escaped is an attribute's value by RFC 2253, but with quotes instead of
// backslashes where they serve. All but ASCII is written as its UTF-8 octets in
// hexadecimal, so nothing in it can reach a terminal.
func escaped(v element) string {
	octets, ok := utf8Octets(v)
	if !ok {
		return "#" + strings.ToUpper(hex.EncodeToString(v.whole))
	}
	var b strings.Builder
	quote := false
	for i, c := range octets {
		edge := i == 0 || i == len(octets)-1
		switch {
		case c < ' ' || c > '~':
			b.WriteString(`\` + strings.ToUpper(hex.EncodeToString([]byte{c})))
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			quote = quote || strings.IndexByte(",+;<>", c) >= 0 || (edge && c == ' ') || (i == 0 && len(octets) > 1 && c == '#')
			b.WriteByte(c)
		}
	}
	if quote {
		return `"` + b.String() + `"`
	}
	return b.String()
}

// utf8Octets is a string of any type as UTF-8; ok is false for what is no string.
func utf8Octets(v element) (octets []byte, ok bool) {
	switch v.tag {
	case asn1.UTF8String:
		return v.content, true
	case tagNumeric, asn1.PrintableString, asn1.T61String, asn1.IA5String, asn1.UTCTime, asn1.GeneralizedTime, tagVisible:
		// One octet is one character; T61 is read as Latin-1, which is what it holds in practice.
		for _, c := range v.content {
			octets = utf8.AppendRune(octets, rune(c))
		}
		return octets, true
	case tagBMP:
		return wide(v.content, 2)
	case tagUniversal:
		return wide(v.content, 4)
	}
	return nil, false
}

// wide turns characters of two or four octets into UTF-8. Those that are none are
// left out.
func wide(b []byte, width int) (octets []byte, ok bool) {
	if len(b)%width != 0 {
		return nil, false
	}
	for ; len(b) > 0; b = b[width:] {
		var r rune
		for _, c := range b[:width] {
			r = r<<8 | rune(c)
		}
		if utf8.ValidRune(r) && !utf16.IsSurrogate(r) {
			octets = utf8.AppendRune(octets, r)
		}
	}
	return octets, true
}

// maxOneLine is how much of a name stands in one line within an extension.
const maxOneLine = 255

// oneLine is a name within a list of names: /C=DE/CN=x+O=y.
func oneLine(name []attribute) string {
	var b strings.Builder
	for i, a := range name {
		separator := "/"
		if i > 0 && name[i-1].rdn == a.rdn {
			separator = "+"
		}
		part := separator + shortName(a.oid) + "=" + oneLineValue(a.value)
		if b.Len()+len(part) > maxOneLine {
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

func oneLineValue(v element) string {
	var b strings.Builder
	content := v.content
	if v.tag == asn1.BIT_STRING && len(content) > 0 {
		content = content[1:] // how many bits are unused
	}
	for _, c := range content {
		switch {
		case c < ' ' || c > '~':
			b.WriteString(`\x` + strings.ToUpper(hex.EncodeToString([]byte{c})))
		case c == '/' || c == '+':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
