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
				b.SetError(ca.Invalid(ca.E2110, fmt.Sprintf("%s is not a name of type %s as a certificate carries it", ca.Show(n.Value), n.Type),
					"write it in the form its standard wants").At(fmt.Sprintf("names[%d]", i)))
				return
			}
		}
	})
}

// addName writes one GeneralName, or tells that it cannot be written.
func addName(b *cryptobyte.Builder, n ca.Name) bool {
	if canonical, err := ca.NewName(n.Type, n.Value); err != nil || canonical != n {
		return false
	}
	switch n.Type {
	case ca.DNS:
		addString(b, tagDNS, n.Value)
	case ca.Email:
		addString(b, tagEmail, n.Value)
	case ca.URI:
		if !hasPlainHost(n.Value) {
			return false
		}
		addString(b, tagURI, n.Value)
	case ca.IP:
		ip, err := netip.ParseAddr(n.Value)
		if err != nil {
			return false
		}
		b.AddASN1(tagIP, func(b *cryptobyte.Builder) { b.AddBytes(ip.AsSlice()) })
	default:
		return false
	}
	return true
}

// hasPlainHost tells whether the host of a URI, percent signs resolved, is visible
// ASCII without empty labels: common readers refuse the whole certificate for
// another, Go's among them.
func hasPlainHost(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && isGraphic(u.Host) && !strings.Contains("."+u.Host+".", "..")
}
