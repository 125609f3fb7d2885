// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of names. DNS: RFC 1035 §2.3.4 without the trailing dot. E-mail:
// RFC 5321 §4.5.3.1. A URI has no bound of its own; ours keeps 100 of them
// below MaxCSR.
const (
	maxDNS   = 253
	maxLabel = 63
	maxLocal = 64
	maxEmail = 254
	maxURI   = 600
)

// NewName brings a subject alternative name into canonical form, or says as a
// Problem (E2110) why it has none (security rule PF-04). It is the one judge of
// names: requests, common names, command lines and patterns all pass here.
func NewName(t NameType, text string) (Name, error) {
	var value, fault string
	switch t {
	case DNS:
		value, fault = canonicalDNS(text)
	case IP:
		value, fault = canonicalIP(text)
	case Email:
		value, fault = canonicalEmail(text)
	case URI:
		value, fault = text, faultOfURI(text)
	default:
		fault = "it is of a type nobody can ask for"
	}
	if fault != "" {
		return Name{}, Invalid(E2110, fmt.Sprintf("%s is not a name a certificate can carry: %s", Show(text), fault), "correct the name and make the request again")
	}
	return Name{Type: t, Value: value}, nil
}

// Show quotes a text from outside for a message: control characters and those
// that turn the direction of writing are escaped, and it is cut at 80 characters.
func Show(text string) string {
	const most = 80 // a line of a terminal
	if n := 0; len(text) > most {
		for i := range text {
			if n++; n > most {
				text = text[:i] + "…"
				break
			}
		}
	}
	return fmt.Sprintf("%+q", text)
}

// PlainText tells whether people can trust their eyes with a text: valid UTF-8
// without control characters, line or paragraph separators, byte order marks, or
// characters that turn the direction of writing (UAX #9), which make one name
// look like another.
func PlainText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return false
		} else if c >= utf8.RuneSelf {
			return plainRunes(s[i:])
		}
	}
	return true
}

// plainRunes is PlainText's slow half, for what is not ASCII.
func plainRunes(s string) bool {
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co, unicode.Bidi_Control, unicode.Noncharacter_Code_Point) || r == '\ufeff' {
			return false
		}
	}
	return true
}

// canonicalDNS lower-cases a host name of letters, digits and hyphens (RFC 1123
// §2.1), which may begin with a wildcard label, or names its fault.
func canonicalDNS(s string) (value, fault string) {
	if s == "" || len(s) > maxDNS {
		return "", "a DNS name has 1 to 253 characters"
	}
	host, wild := strings.CutPrefix(s, "*.")
	if host == "" || host[len(host)-1] == '.' {
		return "", "it ends in a dot"
	}
	labels, start := 0, 0
	for i := 0; i <= len(host); i++ {
		if i < len(host) && host[i] != '.' {
			continue
		}
		if fault := faultOfLabel(host[start:i]); fault != "" {
			return "", fault
		}
		labels++
		if i < len(host) {
			start = i + 1
		}
	}
	if allDigits(host[start:]) {
		return "", "its last label is a number; ask for an address as an IP name"
	}
	if wild && labels < 2 {
		return "", "a wildcard needs at least two labels after it"
	}
	return strings.ToLower(s), ""
}

// faultOfLabel judges one label. What looks like an A-label must be one that
// decodes and encodes back to itself (RFC 5891 §4.4), so that no two spellings
// show the same name.
func faultOfLabel(l string) string {
	if l == "" {
		return "it has an empty label"
	}
	if len(l) > maxLabel {
		return "a label is longer than 63 characters"
	}
	for i := 0; i < len(l); i++ {
		c := l[i]
		if c >= utf8.RuneSelf {
			return "it has letters beyond a-z; write the label in its xn-- form"
		}
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return "a label has letters, digits and hyphens only"
		}
	}
	if l[0] == '-' || l[len(l)-1] == '-' {
		return "a label begins or ends with a hyphen"
	}
	if len(l) < 4 || l[2:4] != "--" {
		return ""
	}
	if !strings.EqualFold(l[:4], "xn--") || !punycode(strings.ToLower(l[4:])) {
		return "a label with hyphens in third and fourth place is not a valid xn-- label"
	}
	return ""
}

// allDigits tells whether a label is a number.
func allDigits(l string) bool { return strings.Trim(l, "0123456789") == "" }

// canonicalIP reads an address. A zone means nothing elsewhere, and an IPv4
// address in IPv6's mapped form would be a second spelling of the same host.
func canonicalIP(s string) (value, fault string) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return "", "it is not an IP address"
	case a.Zone() != "":
		return "", "it has a zone"
	case a.Is4In6():
		return "", "it is an IPv4 address in IPv6 form; write it as IPv4"
	}
	return a.String(), ""
}

// canonicalEmail takes local@domain with a dot-atom before the sign (RFC 5321
// §4.1.2) and lower-cases the domain; the local part is the receiver's business.
func canonicalEmail(s string) (value, fault string) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxEmail || len(local) > maxLocal || local == "" || strings.Contains(domain, "@") {
		return "", "an e-mail address is local@domain, at most 64 and 254 characters"
	}
	for part := range strings.SplitSeq(local, ".") {
		if part == "" {
			return "", "the part before @ has an empty piece between dots"
		}
		for i := 0; i < len(part); i++ {
			c := part[i]
			if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
				return "", "the part before @ has a character that needs quoting"
			}
		}
	}
	domain, fault = canonicalDNS(domain)
	if fault == "" && domain[0] == '*' {
		fault = "its domain is a wildcard"
	}
	return local + "@" + domain, fault
}

// faultOfURI wants an absolute URI (RFC 3986 §4.3) of printable ASCII with a
// host, without user information, fragment or path segments that climb: profile
// patterns are prefixes, and "a/../b" begins with a.
func faultOfURI(s string) string {
	if s == "" || len(s) > maxURI {
		return "a URI has 1 to 600 characters"
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`<>"\^{|}`+"`", s[i]) >= 0 {
			return "it has a character that a URI must escape"
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "it is not a URI"
	case !u.IsAbs() || u.Opaque != "" || u.Hostname() == "":
		return "it is not an absolute URI with a host"
	case u.User != nil || strings.Contains(u.Host, "@"):
		return "it has user information"
	case strings.Contains(s, "#"):
		return "it has a fragment"
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "its path has dot segments"
		}
	}
	return ""
}
