// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// OtherNames are the alternative names of a certificate's subject (RFC 5280 §4.2.1.6) that are
// neither DNS nor IP, e-mail nor URI, in their order and in the words of the text form, such as
// othername:UPN:hana@lab.example. They come of foreign certificates, and are quoted where they
// hold what is not to be printed.
func OtherNames(c *x509.Certificate) (out []string) {
	for _, e := range c.Extensions {
		if e.Id.String() != "2.5.29.17" {
			continue
		}
		value := cryptobyte.String(e.Value)
		list, ok := take(&value, asn1.SEQUENCE)
		names, readable := readGeneralNames(list)
		if !ok || !readable {
			return append(out, "names that cannot be read")
		}
		for _, n := range names {
			switch n.form {
			case nameDNS, nameIP, nameEmail, nameURI:
				continue
			case nameOther:
				if _, tag, known := knownOther(n.oid); !known || tag != n.other.tag {
					out = append(out, "othername:"+n.oid)
					continue
				}
			}
			out = append(out, n.String())
		}
	}
	return out
}
