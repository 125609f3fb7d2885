// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// tagDirectory is GeneralName's directoryName, explicit as a CHOICE's must be.
const tagDirectory = asn1.Tag(4 | 0xa0)

// addNameConstraints writes name constraints (RFC 5280 §4.2.1.10), critical: who
// does not know them must not accept what is below. Minimum is left out, as its
// default is the only value allowed, and maximum is never there. Those of an authority
// above may be of a form that none is made with.
func addNameConstraints(b *cryptobyte.Builder, c ca.NameConstraints) {
	if err := c.Check(); err != nil {
		b.SetError(err)
		return
	}
	addExtension(b, oidNameConstraints, critical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addSubtrees(b, asn1.Tag(0).ContextSpecific().Constructed(), c.Permitted)
			addSubtrees(b, asn1.Tag(1).ContextSpecific().Constructed(), c.Excluded)
		})
	})
}

// addSubtrees writes one of the two lists, which is left out if it is empty.
func addSubtrees(b *cryptobyte.Builder, tag asn1.Tag, list []ca.Subtree) {
	if len(list) == 0 {
		return
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, s := range list {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addSubtree(b, s) })
		}
	})
}

// addSubtree writes a subtree's base.
func addSubtree(b *cryptobyte.Builder, s ca.Subtree) {
	switch s.Type {
	case ca.DNS:
		addString(b, tagDNS, s.Value)
	case ca.Email:
		addString(b, tagEmail, s.Value)
	case ca.URI:
		addString(b, tagURI, s.Value)
	case ca.IP:
		p, err := netip.ParsePrefix(s.Value)
		if err != nil {
			b.SetError(err)
			return
		}
		b.AddASN1(tagIP, func(b *cryptobyte.Builder) { // address, then mask
			b.AddBytes(p.Addr().AsSlice())
			b.AddBytes(net.CIDRMask(p.Bits(), p.Addr().BitLen()))
		})
	case ca.DirectoryName:
		b.AddASN1(tagDirectory, func(b *cryptobyte.Builder) { addSubject(b, s.Name) })
	default:
		b.SetError(fmt.Errorf("no constraint is of type %q", s.Type))
	}
}

// addPolicies writes certificate policies (RFC 5280 §4.2.1.4), the address of a
// practice statement as their only qualifier.
func addPolicies(b *cryptobyte.Builder, list []ca.CertPolicy) {
	if len(list) > ca.MaxPolicies {
		b.SetError(fmt.Errorf("%d certificate policies are more than %d", len(list), ca.MaxPolicies))
		return
	}
	addExtension(b, oidPolicies, uncritical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for i, p := range list {
				if err := p.Check(); err != nil {
					b.SetError(err)
					return
				}
				for _, earlier := range list[:i] {
					if earlier.OID == p.OID { // RFC 5280 §4.2.1.4: not more than once
						b.SetError(ca.Invalid(ca.E1101, "the certificate policy "+p.OID+" is named twice", "name each once"))
						return
					}
				}
				addPolicy(b, p)
			}
		})
	})
}

func addPolicy(b *cryptobyte.Builder, p ca.CertPolicy) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, p.OID)
		if p.CPS == "" {
			return
		}
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addOID(b, oidCPS)
				addString(b, asn1.IA5String, p.CPS)
			})
		})
	})
}
