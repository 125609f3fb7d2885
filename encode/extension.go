// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// The extensions we write (RFC 5280 §4.2), in the order they stand in a certificate.
const (
	oidKeyUsage         = "2.5.29.15"
	oidExtKeyUsage      = "2.5.29.37"
	oidBasicConstraints = "2.5.29.19"
	oidSubjectKeyID     = "2.5.29.14"
	oidAuthorityKeyID   = "2.5.29.35"
	oidAuthorityInfo    = "1.3.6.1.5.5.7.1.1"
	oidSubjectAltName   = "2.5.29.17"
	oidPolicies         = "2.5.29.32"
	oidNameConstraints  = "2.5.29.30"
	oidCRLPoints        = "2.5.29.31"

	oidOCSP      = "1.3.6.1.5.5.7.48.1"
	oidCAIssuers = "1.3.6.1.5.5.7.48.2"
	oidCPS       = "1.3.6.1.5.5.7.2.1"
)

// maxAddress bounds the addresses of list and certificate, in octets: they
// stand in each certificate, and the certificate is bounded.
const maxAddress = 1024

// A mark tells whether an extension is critical.
type mark bool

const (
	critical    mark = true
	uncritical  mark = false
	usageLeaf        = "\x07\x80" // digitalSignature
	usageWrap        = "\x05\xa0" // digitalSignature, keyEncipherment
	usageSigner      = "\x01\x06" // keyCertSign, cRLSign
)

// addExtension writes one Extension; false is criticality's default and left out.
func addExtension(b *cryptobyte.Builder, oid string, m mark, value cryptobyte.BuilderContinuation) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, oid)
		if m == critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1(asn1.OCTET_STRING, value)
	})
}

// addKeyUsage writes a key usage: the count of unused bits, then the bits.
func addKeyUsage(b *cryptobyte.Builder, bits string) {
	addExtension(b, oidKeyUsage, critical, func(b *cryptobyte.Builder) { addString(b, asn1.BIT_STRING, bits) })
}

// addUsageBits writes a key usage of named bits, in the shortest form (X.690 §11.2.2).
// The bits of an authority have no name.
func addUsageBits(b *cryptobyte.Builder, names []string) {
	var set [2]byte
	for _, name := range names {
		bit, ok := ca.UsageBit(name)
		if !ok {
			b.SetError(fmt.Errorf("no key usage is called %q", name))
			return
		}
		set[bit/8] |= 0x80 >> (bit % 8)
	}
	used := set[:1]
	if set[1] != 0 {
		used = set[:]
	}
	addKeyUsage(b, string(append([]byte{byte(bits.TrailingZeros8(used[len(used)-1]))}, used...)))
}

// addGranted writes an extension that a profile adds or takes. It is never one that we
// write, or that an authority has.
func addGranted(b *cryptobyte.Builder, e ca.Extension) {
	if !ca.Grantable(e.OID) || len(e.Value) == 0 {
		b.SetError(fmt.Errorf("the extension %s is not written here, or has no value", ca.Show(e.OID)))
		return
	}
	addExtension(b, e.OID, mark(e.Critical), func(b *cryptobyte.Builder) { b.AddBytes(e.Value) })
}

// addUses writes an extended key usage of named purposes, whose DER oids gives.
func addUses(b *cryptobyte.Builder, names []string, oids map[string][]byte) {
	addExtension(b, oidExtKeyUsage, uncritical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for i, name := range names {
				oid, ok := oids[name]
				if !ok {
					b.SetError(fmt.Errorf("the authority may not hand out the extended key usage %q", name))
					return
				}
				for _, earlier := range names[:i] {
					if earlier == name {
						b.SetError(fmt.Errorf("the extended key usage %q is named twice", name))
						return
					}
				}
				b.AddBytes(oid)
			}
		})
	})
}

// useOIDs is the DER of the purposes' object identifiers by their names.
func useOIDs(names []string) (map[string][]byte, error) {
	m := make(map[string][]byte, len(names))
	for _, name := range names {
		oid, ok := ca.UseOID(name)
		if !ok {
			return nil, fmt.Errorf("no extended key usage is called %q", name)
		}
		var b cryptobyte.Builder
		addOID(&b, oid)
		der, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		m[name] = der
	}
	return m, nil
}

func addSubjectKeyID(b *cryptobyte.Builder, id []byte) {
	addExtension(b, oidSubjectKeyID, uncritical, func(b *cryptobyte.Builder) { b.AddASN1OctetString(id) })
}

// addAuthorityInfo says where the issuer's responder and its certificate are (RFC 5280
// §4.2.2.1), as far as they have an address.
func addAuthorityInfo(b *cryptobyte.Builder, a *ca.Authority) {
	if a.OCSP == "" && a.Issuer == "" {
		return
	}
	addExtension(b, oidAuthorityInfo, uncritical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, way := range []struct{ method, address string }{{oidOCSP, a.OCSP}, {oidCAIssuers, a.Issuer}} {
				if way.address == "" {
					continue
				}
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, way.method)
					addAddress(b, way.address)
				})
			}
		})
	})
}

// addCRLPoints says where the issuer's list is (RFC 5280 §4.2.1.13).
func addCRLPoints(b *cryptobyte.Builder, address string) { addPoints(b, oidCRLPoints, address) }

// addPoints writes distribution points of lists: one point with one full name, no
// reasons, no other issuer; nothing without an address.
func addPoints(b *cryptobyte.Builder, oid, address string) {
	if address == "" {
		return
	}
	list := asn1.Tag(0).ContextSpecific().Constructed()
	addExtension(b, oid, uncritical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(list, func(b *cryptobyte.Builder) { // distributionPoint
					b.AddASN1(list, func(b *cryptobyte.Builder) { addAddress(b, address) }) // fullName
				})
			})
		})
	})
}

// addAddress writes an address as a GeneralName. It must be plain HTTP: fetching
// it over TLS would ask for the very thing that is being checked (RFC 5280 §8).
func addAddress(b *cryptobyte.Builder, address string) {
	if !strings.HasPrefix(address, "http://") || !isGraphic(address) || len(address) > maxAddress {
		b.SetError(errors.New("an authority's list or certificate has no http:// address: " + address))
		return
	}
	addString(b, tagURI, address)
}

// isGraphic tells whether the text is visible ASCII without space.
func isGraphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
