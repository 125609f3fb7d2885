// SPDX-License-Identifier: Apache-2.0

package check

import "strconv"

// The object identifiers we know, as the content octets of their encoding.
const (
	oidKeyUsage         = "\x55\x1d\x0f"
	oidExtKeyUsage      = "\x55\x1d\x25"
	oidBasicConstraints = "\x55\x1d\x13"
	oidSubjectKeyID     = "\x55\x1d\x0e"
	oidAuthorityKeyID   = "\x55\x1d\x23"
	oidAuthorityInfo    = "\x2b\x06\x01\x05\x05\x07\x01\x01"
	oidSubjectAltName   = "\x55\x1d\x11"
	oidCRLPoints        = "\x55\x1d\x1f"
	oidPolicies         = "\x55\x1d\x20"
	oidNameConstraints  = "\x55\x1d\x1e"
	oidComment          = "\x60\x86\x48\x01\x86\xf8\x42\x01\x0d" // 2.16.840.1.113730.1.13

	oidAnyUse    = "\x55\x1d\x25\x00"
	oidCPS       = "\x2b\x06\x01\x05\x05\x07\x02\x01"
	oidOCSP      = "\x2b\x06\x01\x05\x05\x07\x30\x01"
	oidCAIssuers = "\x2b\x06\x01\x05\x05\x07\x30\x02"
)

// dotted appends the decimal form of an object identifier's content to buf; ok
// is false if the content is not the shortest encoding of arcs below 2^31.
func dotted(buf, content []byte) (out []byte, ok bool) {
	var arc uint64
	begun, first := false, true
	for _, c := range content {
		if !begun && c == 0x80 {
			return nil, false // a leading group of zeros
		}
		if begun = true; arc > 1<<24-1 {
			return nil, false
		}
		if arc = arc<<7 | uint64(c&0x7f); c >= 0x80 {
			continue
		}
		if first {
			root := min(arc/40, 2)
			buf = strconv.AppendUint(buf, root, 10)
			arc -= 40 * root
		}
		buf = strconv.AppendUint(append(buf, '.'), arc, 10)
		arc, begun, first = 0, false, false
	}
	return buf, !begun && !first
}

// oidIs tells whether the content is the identifier given in decimal.
func oidIs(content []byte, want string) bool {
	var room [64]byte
	got, ok := dotted(room[:0], content)
	return ok && string(got) == want
}

// parseArc reads an arc in decimal, below 2^31.
func parseArc(s string) (uint64, error) { return strconv.ParseUint(s, 10, 31) }
