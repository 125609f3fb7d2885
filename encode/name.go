// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// maxDNSName is the longest DNS name in text (RFC 1035 §2.3.4, less the root).
const maxDNSName = 253

// The context tags of GeneralName that we write (RFC 5280 §4.2.1.6).
const (
	tagEmail asn1.Tag = 0x81
	tagDNS   asn1.Tag = 0x82
	tagURI   asn1.Tag = 0x86
	tagIP    asn1.Tag = 0x87
)

// addNames writes GeneralNames in the order given. A name that is not in
// canonical form is refused with E2110: what the certificate says must be what
// the draft says, octet for octet.
func addNames(b *cryptobyte.Builder, names []ca.Name) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, n := range names {
			if !addName(b, n) {
				b.SetError(ca.Invalid(ca.E2110, fmt.Sprintf("%q is not a name of type %s", n.Value, n.Type),
					"write it in the form its standard wants").At(fmt.Sprintf("names[%d]", i)))
				return
			}
		}
	})
}

// addName writes one GeneralName, or tells that it cannot be written.
func addName(b *cryptobyte.Builder, n ca.Name) bool {
	if n.Type == ca.IP {
		ip, err := netip.ParseAddr(n.Value)
		if err != nil || ip.Zone() != "" || ip.String() != n.Value {
			return false
		}
		b.AddASN1(tagIP, func(b *cryptobyte.Builder) { b.AddBytes(ip.AsSlice()) })
		return true
	}
	if n.Value == "" || !isGraphic(n.Value) {
		return false
	}
	switch n.Type {
	case ca.DNS:
		if len(n.Value) > maxDNSName {
			return false
		}
		addString(b, tagDNS, n.Value)
	case ca.Email:
		if at := strings.LastIndexByte(n.Value, '@'); at < 1 || at == len(n.Value)-1 || len(n.Value) > maxValue {
			return false
		}
		addString(b, tagEmail, n.Value)
	case ca.URI:
		// Relative URIs are not allowed (RFC 5280 §4.2.1.6), and a host that common
		// readers cannot take would lose them the whole certificate.
		u, err := url.Parse(n.Value)
		if err != nil || u.Scheme == "" || !isHost(u.Host) {
			return false
		}
		addString(b, tagURI, n.Value)
	default:
		return false
	}
	return true
}

// isHost tells whether a URI's host, percent signs resolved, is visible ASCII
// without empty labels. There may be none.
func isHost(s string) bool {
	return s == "" || isGraphic(s) && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// isGraphic tells that the text is visible ASCII without space.
func isGraphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
